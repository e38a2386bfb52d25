// SPDX-License-Identifier: Apache-2.0
#include "build/debian_packages.h"

#include <filesystem>
#include <set>
#include <system_error>

#include "support/command.h"
#include "support/files.h"

namespace moka {
namespace {

constexpr std::size_t kLargestList = 64u << 20;
constexpr std::size_t kLargestCopyright = 4u << 20;
constexpr const char* kLists = "/var/lib/dpkg/info";

// The same file by the name that its package may know it by: before /usr was merged, libraries lay
// in /lib.
std::string unmerged(const std::string& path) {
  return path.starts_with("/usr/") ? path.substr(4) : "/usr" + path;
}

// "libc6:amd64.list" -> "libc6:amd64"
std::string package_of_list(const std::string& list) {
  return list.substr(0, list.size() - std::string_view(".list").size());
}

}  // namespace

// By dpkg's own lists, as dpkg-query -S does, which takes no more than so many paths.
std::vector<DebianPackage> packages_of(const std::vector<std::string>& files) {
  std::set<std::string> wanted(files.begin(), files.end());
  for (const std::string& file : files) wanted.insert(unmerged(file));
  std::set<std::string> owners;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(kLists, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string list = entry->path().string();
    if (!list.ends_with(".list")) continue;
    const auto text = read_file(list, kLargestList);
    if (!text) continue;
    for (const std::string& line : split(text.value(), '\n')) {
      // Directories belong to many.
      if (line.empty() || !wanted.contains(line) || is_directory(line)) continue;
      owners.insert(package_of_list(base_name(list)));
      break;
    }
  }
  if (owners.empty()) return {};
  std::vector<std::string> command{"dpkg-query", "-W", "-f",
                                   "${Package}\t${Version}\t${Architecture}\n"};
  command.insert(command.end(), owners.begin(), owners.end());
  std::vector<DebianPackage> packages;
  for (const std::string& line : split(run_command(command).output, '\n')) {
    const std::vector<std::string> fields = split(line, '\t');
    if (fields.size() == 3) packages.push_back({fields[0], fields[1], fields[2]});
  }
  return packages;
}

std::string copyright_of(const DebianPackage& package) {
  const auto text = read_file("/usr/share/doc/" + package.name + "/copyright", kLargestCopyright);
  return text ? text.value() : std::string();
}

}  // namespace moka
