// SPDX-License-Identifier: Apache-2.0
#include "image/relocation.h"

#include <limits.h>

#include <algorithm>
#include <cstdlib>
#include <optional>

#include "support/files.h"

namespace moka {
namespace {

constexpr const char* kSystemFolders[] = {"/usr/", "/lib/", "/lib32/", "/lib64/",
                                          "/bin/", "/etc/", "/sbin/"};

// The folders themselves, too, some of which are links.
bool is_system(const std::string& path) {
  return std::any_of(std::begin(kSystemFolders), std::end(kSystemFolders),
                     [&](const char* folder) { return (path + "/").starts_with(folder); });
}

// Without links in the folders on the way; a link as the last part stays one.
std::string physical_path(const std::string& path) {
  const std::string absolute = absolute_path(path);
  char resolved[PATH_MAX];
  if (::realpath(parent_path(absolute).c_str(), resolved) == nullptr) return absolute;
  const std::string folder = std::string(resolved) == "/" ? "" : resolved;
  return folder + "/" + base_name(absolute);
}

bool is_below(const std::string& path, const std::string& folder) {
  return path.size() > folder.size() && path.starts_with(folder) && path[folder.size()] == '/';
}

void narrow(std::optional<std::string>& root, const std::string& folder) {
  if (!root) root = folder == "/" ? "" : folder;
  while (!root->empty() && *root != folder && !is_below(folder, *root))
    root = parent_path(*root) == "/" ? "" : parent_path(*root);
}

}  // namespace

Relocation::Relocation(const TreePlan& plan, const ApplicationFiles& files) {
  std::optional<std::string> root;
  for (const std::string& file : files.files) named_.insert(physical_path(file));
  for (const std::string& program : files.programs) named_.insert(physical_path(program));
  for (const std::string& library : files.loadable) named_.insert(physical_path(library));
  for (const std::string& path : named_) narrow(root, parent_path(path));
  for (const std::string& tree : files.trees) {
    named_.insert(physical_path(tree));
    narrow(root, physical_path(tree));
  }
  for (const auto& [path, entry] : plan.entries())
    if (entry.kind == TreeEntry::Kind::kFile && is_application(path))
      narrow(root, parent_path(path));
  root_ = root.value_or("");
}

bool Relocation::is_application(const std::string& physical) const {
  if (!is_system(physical)) return true;
  return std::any_of(named_.begin(), named_.end(), [&](const std::string& named) {
    return physical == named || is_below(physical, named);
  });
}

std::string Relocation::moved(const std::string& physical) const {
  if (physical == root_ || physical == "/") return kApplicationFolder;
  return kApplicationFolder + physical.substr(root_.size());
}

std::string Relocation::path(const std::string& host_path) const {
  const std::string physical = physical_path(host_path);
  const bool is_inside = physical == root_ || is_below(physical, root_);
  return is_inside && is_application(physical) ? moved(physical) : absolute_path(host_path);
}

std::string Relocation::path_list(const std::string& list) const {
  std::string text;
  bool is_first = true;
  for (const std::string& part : split(list, ':')) {
    if (!is_first) text += ':';
    is_first = false;
    if (part == "*" || part.ends_with("/*")) {
      text += path(part == "*" ? "." : part.substr(0, part.size() - 2)) + "/*";
    } else if (!part.empty()) {
      text += path(part);
    }
  }
  return text;
}

std::string Relocation::option(const std::string& option) const {
  const std::size_t start = option.find_first_of("=:");
  std::string text = start == std::string::npos ? "" : option.substr(0, start + 1);
  std::string rest = start == std::string::npos ? option : option.substr(start + 1);
  // Name and value of -XX:Name=VALUE, and the module of --patch-module NAME=PATHS.
  while (true) {
    const std::size_t end = rest.find_first_of("=:,");
    const std::string part = rest.substr(0, end);
    const std::string physical = physical_path(part);
    const bool is_file = !part.empty() && (is_regular_file(part) || is_directory(part));
    const bool is_named = is_file && part.find_first_not_of(".") != std::string::npos &&
                          std::any_of(named_.begin(), named_.end(), [&](const std::string& named) {
                            return physical == named || is_below(physical, named);
                          });
    text += is_named ? path(part) : part;
    if (end == std::string::npos) return text;
    text += rest[end];
    rest.erase(0, end + 1);
  }
}

TreePlan Relocation::apply(const TreePlan& plan) const {
  TreePlan result;
  result.add_directory(kApplicationFolder);
  for (const auto& [path, entry] : plan.entries()) {
    if (!is_application(path)) {
      result.add_entry(path, entry);
      continue;
    }
    // The folders above, and links on the way: all that is named is named by its new path.
    if (!is_below(path, root_)) continue;
    TreeEntry copy = entry;
    if (entry.kind == TreeEntry::Kind::kLink) {
      const bool is_absolute = entry.content.starts_with('/');
      const std::string target = is_absolute
                                     ? absolute_path(entry.content)
                                     : absolute_path(parent_path(path) + "/" + entry.content);
      const bool moves_along = is_application(target) && is_below(target, root_);
      if (!moves_along) copy.content = target;
      if (moves_along && is_absolute) copy.content = moved(target);
    }
    result.add_directory(parent_path(moved(path)));
    result.add_entry(moved(path), std::move(copy));
  }
  return result;
}

}  // namespace moka
