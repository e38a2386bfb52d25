// SPDX-License-Identifier: Apache-2.0
//
// The names in a directory in memory, ordered two ways: by name for look-ups, and by cookie, a number that
// a name gets once, for reading the directory while it changes. Internal to memory_node.
#pragma once

#include "base/intrusive.h"
#include "fs/memory_node.h"

namespace mokapot {

struct MemoryNode::DirectoryItem {
  enum class Kind : std::uint8_t {
    kNode,      // node is the file
    kLower,     // listed from a lower directory, not looked up yet
    kWhiteout,  // the name was removed; hides what lowers have
  };
  std::string_view name_view() const { return {name.get(), name_size}; }

  TreeHook by_name;    // Items::by_name
  TreeHook by_cookie;  // Items::by_cookie
  std::unique_ptr<char[]> name;
  std::uint32_t name_size = 0;
  Kind kind = Kind::kNode;
  std::uint8_t type = 0;  // DT_
  std::uint64_t inode = 0;
  std::uint64_t cookie = 0;
  RefPtr<MemoryNode> node;
};

class MemoryNode::Items {
 public:
  struct NameOrder {
    bool operator()(const DirectoryItem& a, const DirectoryItem& b) const { return a.name_view() < b.name_view(); }
    bool operator()(std::string_view a, const DirectoryItem& b) const { return a < b.name_view(); }
    bool operator()(const DirectoryItem& a, std::string_view b) const { return a.name_view() < b; }
  };
  struct CookieOrder {
    bool operator()(const DirectoryItem& a, const DirectoryItem& b) const { return a.cookie < b.cookie; }
    bool operator()(std::uint64_t a, const DirectoryItem& b) const { return a < b.cookie; }
    bool operator()(const DirectoryItem& a, std::uint64_t b) const { return a.cookie < b; }
  };
  Items() = default;
  ~Items();
  DirectoryItem* find(std::string_view name);
  // Makes an item of that name (which must be free) with the next cookie; kENOMEM.
  Result<DirectoryItem*> add(std::string_view name);
  void renew_cookie(DirectoryItem& item);  // as if it had been added now
  void erase(DirectoryItem& item);
  DirectoryItem* at_or_after(std::uint64_t cookie);

  bool complete = false;  // every name of the lowers has an item

 private:
  IntrusiveTree<DirectoryItem, &DirectoryItem::by_name, NameOrder> by_name_;
  IntrusiveTree<DirectoryItem, &DirectoryItem::by_cookie, CookieOrder> by_cookie_;
  std::uint64_t next_cookie_ = Vnode::kFirstEntryOffset;
};

}  // namespace mokapot
