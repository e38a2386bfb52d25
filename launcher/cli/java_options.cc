// SPDX-License-Identifier: Apache-2.0
#include "cli/java_options.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "elf/elf_file.h"
#include "jar/class_path.h"
#include "support/files.h"

namespace moka {
namespace {

constexpr std::string_view kTakesNextWord[] = {"--module-path",
                                               "-p",
                                               "--upgrade-module-path",
                                               "--add-modules",
                                               "--enable-native-access",
                                               "--limit-modules",
                                               "--add-exports",
                                               "--add-opens",
                                               "--add-reads",
                                               "--patch-module",
                                               "--describe-module",
                                               "-d",
                                               "--source",
                                               "--module",
                                               "-m",
                                               "-cp",
                                               "-classpath",
                                               "--class-path",
                                               "--illegal-native-access",
                                               "--sun-misc-unsafe-memory-access"};

// Options whose value is a list of directories and jars, separated by colons.
constexpr std::string_view kModulePaths[] = {"--module-path", "-p", "--upgrade-module-path"};

template <std::size_t N>
bool is_one_of(const std::string_view (&list)[N], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

// "path" out of "path=options", where the path itself may hold a '=' if such a file exists.
std::string agent_path(std::string_view text) {
  const std::string whole = absolute_path(text);
  if (is_regular_file(whole)) return whole;
  return absolute_path(text.substr(0, text.find('=')));
}

void add_directory_or_file(const std::string& part, NamedFiles& named) {
  const std::string path = absolute_path(part);
  if (is_directory(path)) {
    named.trees.push_back(path);
  } else if (is_regular_file(path)) {
    named.files.push_back(path);
  }
}

void add_list(std::string_view list, NamedFiles& named) {
  for (const std::string& part : split(list, ':'))
    if (!part.empty()) add_directory_or_file(part, named);
}

void add_libraries_in(std::string_view directories, NamedFiles& named) {
  for (const std::string& directory : split(directories, ':')) {
    if (directory.empty()) continue;
    std::error_code error;
    for (std::filesystem::directory_iterator entry(absolute_path(directory), error), end;
         !error && entry != end; entry.increment(error)) {
      const std::string path = entry->path().string();
      if (is_regular_file(path) && looks_like_elf(path)) named.loadable.push_back(path);
    }
  }
}

// -Dname=VALUE and -XX:Name=VALUE: a value that is the name of a file is taken for that file. One
// that is a directory is not: a program may be told of any directory to write to.
void add_value(std::string_view name, std::string_view value, NamedFiles& named) {
  if (name == "-Djava.library.path" || name == "-Djna.library.path" ||
      name == "-Djna.boot.library.path") {
    add_libraries_in(value, named);
    return;
  }
  std::vector<std::string> parts{std::string(value)};
  if (name == "-XX:SharedArchiveFile") parts = split(value, ':');
  for (std::string part : parts) {
    if (part.starts_with("file:")) part = resolve_class_path_word(absolute_path("."), part);
    if (!part.empty() && is_regular_file(absolute_path(part)))
      named.files.push_back(absolute_path(part));
  }
}

void add_option(std::string_view option, std::string_view next, NamedFiles& named) {
  const std::size_t equals = option.find('=');
  const std::string_view name = option.substr(0, equals);
  const std::string_view value = equals != std::string_view::npos
                                     ? option.substr(equals + 1)
                                     : (takes_next_word(option) ? next : std::string_view());
  if (option.starts_with("-javaagent:")) {
    named.jars.push_back(agent_path(option.substr(11)));
  } else if (option.starts_with("-agentpath:")) {
    named.libraries.push_back(agent_path(option.substr(11)));
  } else if (option.starts_with("-Xbootclasspath/a:")) {
    add_list(option.substr(18), named);
  } else if (is_one_of(kModulePaths, name)) {
    add_list(value, named);
  } else if (name == "--patch-module") {
    const std::size_t module_end = value.find('=');
    if (module_end != std::string_view::npos) add_list(value.substr(module_end + 1), named);
  } else if (is_class_path_option(name)) {
    ClassPathClosure closure;
    closure.add_list(value);
    for (const std::string& path : closure.paths()) add_directory_or_file(path, named);
  } else if (equals != std::string_view::npos &&
             (option.starts_with("-D") || option.starts_with("-XX:"))) {
    add_value(name, value, named);
  } else if (option.starts_with("@")) {
    add_directory_or_file(std::string(option.substr(1)), named);
  }
}

}  // namespace

bool takes_next_word(std::string_view option) { return is_one_of(kTakesNextWord, option); }

bool is_class_path_option(std::string_view option) {
  return option == "-cp" || option == "-classpath" || option == "--class-path";
}

NamedFiles files_named_by(const std::vector<std::string>& jvm_options) {
  NamedFiles named;
  for (std::size_t index = 0; index < jvm_options.size(); ++index) {
    const std::string_view next =
        index + 1 < jvm_options.size() ? std::string_view(jvm_options[index + 1]) : "";
    add_option(jvm_options[index], next, named);
  }
  return named;
}

}  // namespace moka
