// SPDX-License-Identifier: Apache-2.0
#include "build/common_licenses.h"

#include <algorithm>
#include <cctype>
#include <set>
#include <string_view>

#include "support/files.h"

namespace moka {
namespace {

constexpr std::string_view kHeading = "==== common licence ";
constexpr std::size_t kLargestLicense = 1u << 20;

// "GPL-3" of ".../common-licenses/GPL-3.": a full stop ends a sentence.
std::set<std::string> names_in(std::string_view licenses) {
  const std::string place = std::string(kCommonLicenses) + "/";
  std::set<std::string> names;
  for (std::size_t at = licenses.find(place); at != std::string_view::npos;
       at = licenses.find(place, at)) {
    at += place.size();
    std::size_t end = at;
    while (end < licenses.size() && (std::isalnum(static_cast<unsigned char>(licenses[end])) != 0 ||
                                     licenses[end] == '-' || licenses[end] == '.'))
      ++end;
    while (end > at && licenses[end - 1] == '.') --end;
    if (end > at) names.emplace(licenses.substr(at, end - at));
  }
  return names;
}

}  // namespace

CommonLicenses::CommonLicenses(std::string& licenses, std::string directory)
    : directory_(std::move(directory)) {
  const std::string begin_of_section = "\n" + std::string(kHeading);
  const std::size_t first = licenses.find(begin_of_section);
  if (first == std::string::npos) return;
  for (std::size_t at = first; at < licenses.size();) {
    const std::size_t name = at + begin_of_section.size();
    const std::size_t line_end = licenses.find('\n', name);
    if (line_end == std::string::npos) break;
    const std::size_t next = std::min(licenses.find(begin_of_section, line_end), licenses.size());
    // To the line feed that ends the section.
    const std::size_t end = next < licenses.size() ? next : licenses.size() - 1;
    texts_[licenses.substr(name, line_end - name)] =
        licenses.substr(line_end + 1, end > line_end ? end - line_end - 1 : 0);
    at = next;
  }
  licenses.resize(first + 1);
}

void CommonLicenses::add_to(std::string& licenses) const {
  for (const std::string& name : names_in(licenses)) {
    std::string text;
    if (const auto known = texts_.find(name); known != texts_.end()) text = known->second;
    if (text.empty())
      if (const auto read = read_file(directory_ + "/" + name, kLargestLicense)) text = read.value();
    if (!text.empty()) licenses += std::string(kHeading) + name + "\n" + text + "\n";
  }
}

}  // namespace moka
