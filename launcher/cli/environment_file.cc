// SPDX-License-Identifier: Apache-2.0
#include "cli/environment_file.h"

#include <algorithm>
#include <cstdlib>

#include "support/files.h"

namespace moka {
namespace {

constexpr std::size_t kLargestFile = 1u << 20;

bool is_name_letter(char letter) {
  return (letter >= 'A' && letter <= 'Z') || (letter >= 'a' && letter <= 'z') ||
         (letter >= '0' && letter <= '9') || letter == '_' || letter == '.' || letter == '-';
}

class Reader {
 public:
  Reader(std::string_view text, const std::string& source) : rest_(text), source_(source) {}

  Result<std::vector<std::string>> run() {
    while (!rest_.empty()) {
      ++line_;
      if (peek_line().find('\0') != std::string_view::npos)
        return fail("holds a NUL character; give text");
      skip_blanks();
      if (rest_.starts_with('#') || at_line_end()) {
        skip_line();
      } else {
        MOKA_TRY(read_variable());
      }
    }
    return std::move(variables_);
  }

 private:
  Error fail(const std::string& problem) const {
    return Error{source_ + ":" + std::to_string(line_) + ": " + problem};
  }

  std::string_view peek_line() const { return rest_.substr(0, rest_.find('\n')); }
  bool at_line_end() const {
    return rest_.empty() || rest_[0] == '\n' || rest_.starts_with("\r\n");
  }
  void skip_line() { rest_.remove_prefix(std::min(peek_line().size() + 1, rest_.size())); }
  void skip_blanks() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t')) rest_.remove_prefix(1);
  }

  Result<void> read_variable() {
    if (rest_.starts_with("export ")) {
      rest_.remove_prefix(7);
      skip_blanks();
    }
    std::size_t end = 0;
    while (end < rest_.size() && is_name_letter(rest_[end])) ++end;
    const std::string name(rest_.substr(0, end));
    if (name.empty()) return fail("wants NAME=VALUE");
    rest_.remove_prefix(end);
    skip_blanks();
    if (at_line_end()) {
      if (const char* value = std::getenv(name.c_str())) variables_.push_back(name + "=" + value);
      skip_line();
      return {};
    }
    if (rest_[0] != '=') return fail("wants NAME=VALUE, and a name has letters, digits, _ . and -");
    rest_.remove_prefix(1);
    skip_blanks();
    std::string value;
    if (rest_.starts_with('\'') || rest_.starts_with('"')) {
      value = MOKA_TRY(read_quoted());
    } else {
      value = trim(peek_line());
      skip_line();
    }
    variables_.push_back(name + "=" + value);
    return {};
  }

  Result<std::string> read_quoted() {
    const char quote = rest_[0];
    const int first_line = line_;
    std::string value;
    std::size_t index = 1;
    for (; index < rest_.size() && rest_[index] != quote; ++index) {
      if (rest_[index] == '\0') return fail("holds a NUL character; give text");
      if (rest_[index] == '\n') ++line_;
      if (quote == '"' && rest_[index] == '\\' && index + 1 < rest_.size()) {
        add_escape(rest_[++index], value);
      } else {
        value += rest_[index];
      }
    }
    if (index >= rest_.size()) {
      line_ = first_line;
      return fail("a quote is opened and never closed");
    }
    rest_.remove_prefix(index + 1);
    skip_blanks();
    if (!at_line_end() && rest_[0] != '#') return fail("only a comment may follow a quoted value");
    skip_line();
    return value;
  }

  void add_escape(char letter, std::string& value) {
    switch (letter) {
      case 'n':
        value += '\n';
        return;
      case 'r':
        value += '\r';
        return;
      case 't':
        value += '\t';
        return;
      case '"':
      case '\\':
      case '$':
        value += letter;
        return;
      case '\n':
        ++line_;
        [[fallthrough]];
      default:  // no escape: both characters stand for themselves
        value += '\\';
        value += letter;
    }
  }

  std::string_view rest_;
  const std::string& source_;
  int line_ = 0;
  std::vector<std::string> variables_;
};

}  // namespace

Result<std::vector<std::string>> parse_environment_file(std::string_view text,
                                                        const std::string& source) {
  return Reader(text, source).run();
}

Result<std::vector<std::string>> read_environment_file(const std::string& path) {
  const Result<std::string> text = read_file(path, kLargestFile);
  if (!text) return Error{"--env-file: " + text.error().message};
  return parse_environment_file(text.value(), path);
}

}  // namespace moka
