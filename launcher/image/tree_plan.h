// SPDX-License-Identifier: Apache-2.0
//
// What a guest file system shall hold, before any of it is written: a map from guest path to
// directory, symbolic link, host file or generated text.
//
// Host files keep their absolute paths. Symbolic links on the way stay links, and where they lead
// is taken along, so that every path resolves in the guest as it does on the host, and two images
// that were planned on one host agree on which paths are links.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "support/hash.h"
#include "support/result.h"

namespace moka {

struct TreeEntry {
  enum class Kind { kDirectory, kLink, kFile, kText };

  Kind kind = Kind::kDirectory;
  std::uint32_t mode = 0755;  // permission bits
  std::string content;        // link target, host path, or text
  std::uint64_t size = 0;     // of a host file
  std::int64_t mtime_seconds = 0;
  std::int64_t mtime_nanoseconds = 0;
  std::uint64_t inode = 0;
};

class TreePlan {
 public:
  // Adds what is at an absolute host path: a file, a directory without its contents, or a link and
  // what it leads to. Silently nothing where it does not exist, is a device or socket, or cannot be
  // read: a class path may name such things, and the guest shall see the same absence.
  void add(const std::string& path);

  // Adds a directory with all that is below, and what links in it lead to. Paths for which
  // skip(path) holds are left out.
  template <typename Skip>
  void add_tree(const std::string& path, Skip skip) {
    pending_trees_.insert(path);
    while (!pending_trees_.empty()) {
      const std::string next = *pending_trees_.begin();
      pending_trees_.erase(pending_trees_.begin());
      for (const std::string& child : list_tree(next))
        if (!skip(child)) add_child(child);
    }
  }

  void add_directory(const std::string& path, std::uint32_t mode = 0755);
  void add_link(const std::string& path, const std::string& target);
  void add_text(const std::string& path, std::string text, std::uint32_t mode = 0644);

  // As it is; whoever adds it has added the directory that it is in. Nothing where the path is
  // taken.
  void add_entry(const std::string& path, TreeEntry entry) { put(path, std::move(entry)); }

  bool contains(const std::string& path) const { return entries_.contains(path); }
  const std::map<std::string, TreeEntry>& entries() const { return entries_; }
  std::uint64_t bytes() const { return bytes_; }

  // Changes when any entry, or any host file behind one, changes.
  void hash_into(Hash& hash) const;

 private:
  // Walks a path component by component, adding links and directories; returns the physical path
  // (no links in it), or "" where it leads nowhere.
  std::string add_components(const std::string& path);
  void add_child(const std::string& path);
  std::set<std::string> list_tree(const std::string& path);
  bool put(const std::string& path, TreeEntry entry);

  std::map<std::string, TreeEntry> entries_;
  std::set<std::string> pending_trees_;
  std::set<std::string> listed_trees_;
  std::uint64_t bytes_ = 0;
};

}  // namespace moka
