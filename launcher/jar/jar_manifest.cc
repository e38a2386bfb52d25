// SPDX-License-Identifier: Apache-2.0
#include "jar/jar_manifest.h"

#include <algorithm>

#include "support/files.h"

namespace moka {
namespace {

std::string lower_case(std::string_view text) {
  std::string lower(text);
  // ASCII only: a manifest's names have no other letters, and the user's locale must not matter.
  for (char& letter : lower)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return lower;
}

// Takes one line off the front; CR LF, LF and CR all end a line.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find_first_of("\r\n");
  const std::string_view line = text.substr(0, end);
  if (end == std::string_view::npos) {
    text = {};
  } else {
    const bool two = text[end] == '\r' && end + 1 < text.size() && text[end + 1] == '\n';
    text.remove_prefix(end + (two ? 2 : 1));
  }
  return line;
}

}  // namespace

Result<JarManifest> JarManifest::parse(std::string_view text) {
  JarManifest manifest;
  std::string* value = nullptr;
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  while (!text.empty()) {
    const std::string_view line = take_line(text);
    if (line.empty()) break;
    if (line.front() == ' ') {
      if (value == nullptr) return Error{"its manifest begins with a continuation line"};
      value->append(line.substr(1));
      continue;
    }
    const std::size_t colon = line.find(": ");
    // "Name:" with nothing behind it is an empty value to java.
    const bool bare = colon == std::string_view::npos && line.back() == ':';
    if (colon == std::string_view::npos && !bare)
      return Error{"its manifest has a line without \": \": " + std::string(line.substr(0, 60))};
    const std::string_view name = line.substr(0, bare ? line.size() - 1 : colon);
    if (name.empty()) return Error{"its manifest has a line without a name"};
    value = &manifest.attributes_[lower_case(name)];
    *value = bare ? std::string() : std::string(line.substr(colon + 2));
  }
  return manifest;
}

std::string JarManifest::attribute(std::string_view lower_case_name) const {
  const auto found = attributes_.find(lower_case_name);
  return found == attributes_.end() ? std::string() : std::string(trim(found->second));
}

bool JarManifest::is_multi_release() const {
  return lower_case(attribute("multi-release")) == "true";
}

std::vector<std::string> JarManifest::words(std::string_view name) const {
  std::vector<std::string> list;
  for (std::string& word : split(attribute(name), ' '))
    if (!word.empty()) list.push_back(std::move(word));
  return list;
}

}  // namespace moka
