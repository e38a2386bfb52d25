// SPDX-License-Identifier: Apache-2.0
#include "image/tree_plan.h"

#include <dirent.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "support/files.h"

namespace moka {
namespace {

// Linux gives up after so many links on one path.
constexpr int kMostLinks = 40;

std::string read_link(const std::string& path) {
  char target[PATH_MAX];
  const ssize_t length = ::readlink(path.c_str(), target, sizeof target);
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

TreeEntry entry_of(const struct stat& status, TreeEntry::Kind kind, std::string content) {
  TreeEntry entry;
  entry.kind = kind;
  entry.mode = status.st_mode & 07777;
  entry.content = std::move(content);
  entry.mtime_seconds = status.st_mtim.tv_sec;
  entry.mtime_nanoseconds = status.st_mtim.tv_nsec;
  if (kind == TreeEntry::Kind::kFile) {
    entry.size = static_cast<std::uint64_t>(status.st_size);
    entry.inode = status.st_ino;
  }
  return entry;
}

}  // namespace

bool TreePlan::put(const std::string& path, TreeEntry entry) {
  const std::uint64_t size = entry.size;
  const bool is_new = entries_.emplace(path, std::move(entry)).second;
  if (is_new) bytes_ += size;
  return is_new;
}

std::string TreePlan::add_components(const std::string& path) {
  // Components still to walk, the next one last.
  std::vector<std::string> rest;
  const auto push = [&rest](const std::string& text) {
    std::vector<std::string> parts = split(text, '/');
    rest.insert(rest.end(), parts.rbegin(), parts.rend());
  };
  push(path);
  std::string physical;  // "" is the root
  int links = 0;
  while (!rest.empty()) {
    const std::string part = rest.back();
    rest.pop_back();
    if (part.empty() || part == ".") continue;
    if (part == "..") {
      physical = physical.empty() || parent_path(physical) == "/" ? "" : parent_path(physical);
      continue;
    }
    const std::string here = physical + "/" + part;
    struct stat status {};
    if (::lstat(here.c_str(), &status) != 0) return {};
    if (S_ISLNK(status.st_mode)) {
      const std::string target = read_link(here);
      if (target.empty() || ++links > kMostLinks) return {};
      put(here, entry_of(status, TreeEntry::Kind::kLink, target));
      if (target.front() == '/') physical.clear();
      push(target);
      continue;
    }
    if (S_ISDIR(status.st_mode)) {
      put(here, entry_of(status, TreeEntry::Kind::kDirectory, ""));
    } else if (!rest.empty()) {
      return {};
    } else if (S_ISREG(status.st_mode) && ::access(here.c_str(), R_OK) == 0) {
      put(here, entry_of(status, TreeEntry::Kind::kFile, here));
    } else {
      return {};
    }
    physical = here;
  }
  return physical.empty() ? "/" : physical;
}

void TreePlan::add(const std::string& path) { add_components(path); }

void TreePlan::add_child(const std::string& path) {
  const std::string physical = add_components(path);
  // A directory below, or one that a link led to. The root is never meant by a link in a tree.
  if (!physical.empty() && physical != "/" && is_directory(physical))
    pending_trees_.insert(physical);
}

std::set<std::string> TreePlan::list_tree(const std::string& path) {
  std::set<std::string> children;
  const std::string physical = add_components(path);
  if (physical.empty() || !is_directory(physical) || !listed_trees_.insert(physical).second)
    return children;
  std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(physical.c_str()), ::closedir);
  if (!directory) return children;
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..")
      children.insert((physical == "/" ? "" : physical) + "/" + std::string(name));
  }
  return children;
}

void TreePlan::add_directory(const std::string& path, std::uint32_t mode) {
  if (path == "/" || path.empty()) return;
  add_directory(parent_path(path));
  TreeEntry entry;
  entry.mode = mode;
  put(path, std::move(entry));
}

void TreePlan::add_link(const std::string& path, const std::string& target) {
  add_directory(parent_path(path));
  TreeEntry entry;
  entry.kind = TreeEntry::Kind::kLink;
  entry.content = target;
  put(path, std::move(entry));
}

void TreePlan::add_text(const std::string& path, std::string text, std::uint32_t mode) {
  add_directory(parent_path(path));
  TreeEntry entry;
  entry.kind = TreeEntry::Kind::kText;
  entry.mode = mode;
  entry.content = std::move(text);
  put(path, std::move(entry));
}

void TreePlan::hash_into(Hash& hash) const {
  hash.add(entries_.size());
  for (const auto& [path, entry] : entries_) {
    hash.add(path)
        .add(static_cast<std::uint64_t>(entry.kind))
        .add(entry.mode)
        .add(entry.content)
        .add(entry.size);
    // A directory's time changes with files that are not in the plan.
    if (entry.kind != TreeEntry::Kind::kDirectory)
      hash.add(static_cast<std::uint64_t>(entry.mtime_seconds))
          .add(static_cast<std::uint64_t>(entry.mtime_nanoseconds));
    hash.add(entry.inode);
  }
}

}  // namespace moka
