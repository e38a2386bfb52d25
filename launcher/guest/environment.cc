// SPDX-License-Identifier: Apache-2.0
#include "guest/environment.h"

#include <unistd.h>

#include <algorithm>
#include <string_view>

namespace moka {
namespace {

// Locale and time zone decide Java's charset and formats; the JVM's option variables are the
// user's.
constexpr std::string_view kPassedOn[] = {"LANG", "LANGUAGE", "TZ", "JAVA_TOOL_OPTIONS",
                                          "JDK_JAVA_OPTIONS"};

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

bool is_passed_on(std::string_view name, bool has_terminal) {
  if (name.starts_with("LC_")) return true;
  if (has_terminal && (name == "TERM" || name == "COLORTERM")) return true;
  return std::find(std::begin(kPassedOn), std::end(kPassedOn), name) != std::end(kPassedOn);
}

void set(std::vector<std::string>& environment, const std::string& variable) {
  for (std::string& present : environment) {
    if (name_of(present) == name_of(variable)) {
      present = variable;
      return;
    }
  }
  environment.push_back(variable);
}

}  // namespace

std::vector<std::string> guest_environment(const std::vector<std::string>& host, bool has_terminal,
                                           const std::string& working_directory,
                                           const std::vector<std::string>& extra) {
  std::vector<std::string> environment{
      "HOME=/root", "USER=root",
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "PWD=" + working_directory};
  for (const std::string& variable : host)
    if (is_passed_on(name_of(variable), has_terminal)) set(environment, variable);
  for (const std::string& variable : extra) set(environment, variable);
  return environment;
}

std::vector<std::string> host_environment() {
  std::vector<std::string> words;
  for (char** variable = environ; *variable != nullptr; ++variable) words.emplace_back(*variable);
  return words;
}

std::string value_in(const std::vector<std::string>& environment, const std::string& name) {
  for (const std::string& variable : environment)
    if (name_of(variable) == name)
      return variable.size() > name.size() ? variable.substr(name.size() + 1) : "";
  return {};
}

}  // namespace moka
