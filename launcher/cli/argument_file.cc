// SPDX-License-Identifier: Apache-2.0
#include "cli/argument_file.h"

#include <algorithm>

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
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'f':
      return '\f';
    default:
      return letter;
  }
}

}  // namespace

std::vector<std::string> parse_argument_file(std::string_view text) {
  std::vector<std::string> words;
  // The word so far, in two parts: what is settled, and what came since the last quote or escape.
  // A comment that begins inside a word drops the second part only and the word goes on behind it:
  // odd, but what the java launcher does.
  std::string settled;
  std::string recent;
  bool in_word = false;
  char quote = 0;
  const auto settle = [&] {
    settled += recent;
    recent.clear();
  };
  const auto end_word = [&] {
    settle();
    if (in_word) words.push_back(std::move(settled));
    settled.clear();
    in_word = false;
    quote = 0;
  };
  for (std::size_t index = 0; index < text.size(); ++index) {
    const char letter = text[index];
    if (letter == '\n' || letter == '\r') {
      // Ends a word even inside quotes: only a backslash carries a quoted word to the next line.
      end_word();
    } else if (quote == 0 && is_blank(letter)) {
      end_word();
    } else if (quote == 0 && letter == '#') {
      recent.clear();
      index = std::min(text.find_first_of("\r\n", index), text.size());
      // A word that was begun goes on behind the comment's line.
      if (settled.empty()) in_word = false;
    } else if (quote == 0 && (letter == '"' || letter == '\'')) {
      settle();
      quote = letter;
      in_word = true;
    } else if (quote != 0 && letter == quote) {
      settle();
      quote = 0;
    } else if (quote != 0 && letter == '\\') {
      settle();
      if (++index == text.size()) break;
      if (text[index] != '\n' && text[index] != '\r') {
        settled += unescape(text[index]);
        continue;
      }
      // Joins the next line, without its indentation.
      while (index + 1 < text.size() && is_blank(text[index + 1])) ++index;
    } else {
      in_word = true;
      recent += letter;
    }
  }
  // At the very end of a file an empty pair of quotes is nothing.
  in_word = in_word && !(settled.empty() && recent.empty());
  end_word();
  return words;
}

Result<std::vector<std::string>> read_argument_file(const std::string& path) {
  const std::string text = MOKA_TRY(read_file(path, kLargestFile));
  return parse_argument_file(text);
}

}  // namespace moka
