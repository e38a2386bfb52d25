// SPDX-License-Identifier: Apache-2.0
#include "cli/argument_file.h"

#include "support/files.h"

namespace moka {
namespace {

// The java launcher takes files of up to 2 GiB; nobody writes arguments of that size.
constexpr std::size_t kLargestFile = 16u << 20;

bool is_blank(char letter) {
  return letter == ' ' || letter == '\t' || letter == '\n' || letter == '\r' || letter == '\f';
}

char unescape(char letter) {
  switch (letter) {
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case 'f': return '\f';
    default: return letter;
  }
}

// A quoted part, from behind the opening quote to behind the closing one (or the end of the text).
void take_quoted(std::string_view& text, char quote, std::string& word) {
  while (!text.empty()) {
    const char letter = text.front();
    text.remove_prefix(1);
    if (letter == quote) return;
    if (letter != '\\' || text.empty()) {
      word += letter;
      continue;
    }
    const char escaped = text.front();
    text.remove_prefix(1);
    if (escaped != '\n' && escaped != '\r') {
      word += unescape(escaped);
      continue;
    }
    // A backslash at the end of a line joins the next line, without its indentation.
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  }
}

}  // namespace

std::vector<std::string> parse_argument_file(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  const auto end_word = [&] {
    if (in_word) words.push_back(std::move(word));
    word.clear();
    in_word = false;
  };
  while (!text.empty()) {
    const char letter = text.front();
    text.remove_prefix(1);
    if (is_blank(letter)) {
      end_word();
    } else if (letter == '#') {
      end_word();
      const std::size_t line_end = text.find_first_of("\r\n");
      text.remove_prefix(line_end == std::string_view::npos ? text.size() : line_end);
    } else if (letter == '"' || letter == '\'') {
      in_word = true;
      take_quoted(text, letter, word);
    } else {
      in_word = true;
      word += letter;
    }
  }
  end_word();
  return words;
}

Result<std::vector<std::string>> read_argument_file(const std::string& path) {
  const std::string text = MOKA_TRY(read_file(path, kLargestFile));
  return parse_argument_file(text);
}

}  // namespace moka
