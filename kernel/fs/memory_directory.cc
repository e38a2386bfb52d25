// SPDX-License-Identifier: Apache-2.0
//
// Directories in memory, over any number of read-only ones. See memory_node.h for the rules and locks.

#include "fs/memory_directory.h"

#include <cstring>

#include "fs/file_time.h"

namespace mokapot {
namespace {

bool is_whiteout(const FileStatus& attributes) {
  return (attributes.mode & kModeType) == kModeCharDevice && attributes.special_device == 0;
}

bool is_opaque(LowerNode& directory) {
  for (const char* name : {"trusted.overlay.opaque", "user.overlay.opaque"}) {
    char value = 0;
    auto size = directory.get_xattr(name, &value, 1);
    if (size.ok() && size.value() == 1 && value == 'y') return true;
  }
  return false;
}

constexpr std::uint8_t entry_type(std::uint32_t mode) { return static_cast<std::uint8_t>((mode & kModeType) >> 12); }

// What tmpfs says a name takes.
constexpr std::uint64_t kSizePerName = 20;

}  // namespace

MemoryNode::Items::~Items() {
  by_cookie_.clear();
  by_name_.clear_and_dispose([](DirectoryItem* item) { delete item; });
}

MemoryNode::DirectoryItem* MemoryNode::Items::find(std::string_view name) {
  auto at = by_name_.find(name, NameOrder());
  return at == by_name_.end() ? nullptr : &*at;
}

Result<MemoryNode::DirectoryItem*> MemoryNode::Items::add(std::string_view name) {
  auto item = TRY(make_unique_or_error<DirectoryItem>());
  item->name.reset(new (std::nothrow) char[name.size()]);
  if (!item->name) return Errno::kENOMEM;
  std::memcpy(item->name.get(), name.data(), name.size());
  item->name_size = static_cast<std::uint32_t>(name.size());
  item->cookie = next_cookie_++;
  by_name_.insert(*item);
  by_cookie_.insert(by_cookie_.end(), *item);
  return item.release();
}

void MemoryNode::Items::renew_cookie(DirectoryItem& item) {
  by_cookie_.erase(by_cookie_.iterator_to(item));
  item.cookie = next_cookie_++;
  by_cookie_.insert(by_cookie_.end(), item);
}

void MemoryNode::Items::erase(DirectoryItem& item) {
  by_name_.erase(by_name_.iterator_to(item));
  by_cookie_.erase(by_cookie_.iterator_to(item));
  delete &item;
}

MemoryNode::DirectoryItem* MemoryNode::Items::at_or_after(std::uint64_t cookie) {
  auto at = by_cookie_.lower_bound(cookie, CookieOrder());
  return at == by_cookie_.end() ? nullptr : &*at;
}

// What the lower layers have under a name: the topmost file, or all directories down to the first that hides
// those below it.
Result<RefPtr<MemoryNode>> MemoryNode::find_lower(std::string_view name) {
  Vector<RefPtr<LowerNode>> found;
  for (RefPtr<LowerNode>& lower : lowers_) {
    auto child = lower->lookup(name);
    if (!child.ok()) {
      if (child.error() == Errno::kENOENT) continue;
      return child.error();
    }
    LowerNode& node = *child.value();
    if (is_whiteout(node.attributes())) break;
    const bool directory = (node.attributes().mode & kModeType) == kModeDirectory;
    if (!directory && !found.empty()) break;
    const bool last = !directory || is_opaque(node);
    TRY(found.push_back(child.take()));
    if (last) break;
  }
  if (found.empty()) return Errno::kENOENT;
  return create_over(fs_, std::move(found));
}

Result<MemoryNode::DirectoryItem*> MemoryNode::find_item(std::string_view name) {
  DirectoryItem* item = items_->find(name);
  if (item != nullptr && item->kind == DirectoryItem::Kind::kWhiteout) return nullptr;
  if (item != nullptr && item->kind == DirectoryItem::Kind::kNode) return item;
  if (item == nullptr && (items_->complete || lowers_.empty())) return nullptr;
  auto node = find_lower(name);
  if (!node.ok()) {
    if (node.error() == Errno::kENOENT) return nullptr;
    return node.error();
  }
  if (item == nullptr) item = TRY(items_->add(name));
  item->kind = DirectoryItem::Kind::kNode;
  item->type = entry_type(node.value()->type());
  item->inode = TRY(node.value()->status()).inode;
  item->node = node.take();
  return item;
}

Result<void> MemoryNode::complete_items() {
  if (items_->complete) return {};
  struct Loader {
    Items& items;
    LowerNode* lower;
    Result<void> outcome;
  } loader{*items_, nullptr, {}};
  for (RefPtr<LowerNode>& lower : lowers_) {
    loader.lower = lower.get();
    TRY(lower->read_directory(
        [](const LowerNode::Entry& entry, void* context) {
          auto& l = *static_cast<Loader*>(context);
          if (l.items.find(entry.name) != nullptr) return true;  // hidden by a higher layer, or known
          bool whiteout = false;
          if (entry.type == entry_type(kModeCharDevice)) {
            auto node = l.lower->lookup(entry.name);
            if (!node.ok()) {
              l.outcome = node.error();
              return false;
            }
            whiteout = is_whiteout(node.value()->attributes());
          }
          auto item = l.items.add(entry.name);
          if (!item.ok()) {
            l.outcome = item.error();
            return false;
          }
          item.value()->kind = whiteout ? DirectoryItem::Kind::kWhiteout : DirectoryItem::Kind::kLower;
          item.value()->type = entry.type;
          item.value()->inode = entry.inode;
          return true;
        },
        &loader));
    TRY(std::move(loader.outcome));
  }
  items_->complete = true;
  return {};
}

Result<RefPtr<Vnode>> MemoryNode::lookup(std::string_view name) {
  MutexGuard guard(lock_);
  DirectoryItem* item = TRY(find_item(name));
  if (item == nullptr) return Errno::kENOENT;
  return RefPtr<Vnode>(item->node);
}

Result<void> MemoryNode::read_directory(std::uint64_t offset, EntryVisitor visit, void* context) {
  MutexGuard guard(lock_);
  TRY(complete_items());
  touch_accessed_locked();
  for (DirectoryItem* item = items_->at_or_after(offset); item != nullptr;
       item = items_->at_or_after(item->cookie + 1)) {
    if (item->kind == DirectoryItem::Kind::kWhiteout) continue;
    if (!visit({item->name_view(), item->inode, item->cookie + 1, item->type}, context)) break;
  }
  return {};
}

// --- From here on the namespace lock is held exclusively. --------------------------------------------------

void MemoryNode::directory_changed(std::int32_t links) {
  MutexGuard guard(lock_);
  attributes_.links = static_cast<std::uint32_t>(static_cast<std::int32_t>(attributes_.links) + links);
  changed_locked(true);
}

// Under a name that is free or whited out.
Result<void> MemoryNode::add_item(std::string_view name, RefPtr<MemoryNode> node) {
  DirectoryItem* item = items_->find(name);
  if (item == nullptr) item = TRY(items_->add(name));
  else items_->renew_cookie(*item);
  item->kind = DirectoryItem::Kind::kNode;
  item->type = entry_type(node->type());
  item->inode = TRY(node->status()).inode;
  const bool directory = node->is_directory();
  item->node = std::move(node);
  directory_changed(directory ? 1 : 0);
  MutexGuard guard(lock_);
  attributes_.size += kSizePerName;
  return {};
}

// The name goes; where a lower layer may have it, a whiteout stays.
void MemoryNode::take_item(DirectoryItem& item) {
  const bool directory = item.node->is_directory();
  if (lowers_.empty()) {
    items_->erase(item);
  } else {
    item.kind = DirectoryItem::Kind::kWhiteout;
    item.node = nullptr;
  }
  directory_changed(directory ? -1 : 0);
  MutexGuard guard(lock_);
  attributes_.size -= attributes_.size < kSizePerName ? attributes_.size : kSizePerName;
}

Result<bool> MemoryNode::is_empty_directory() {
  TRY(complete_items());
  for (DirectoryItem* item = items_->at_or_after(0); item != nullptr; item = items_->at_or_after(item->cookie + 1)) {
    if (item->kind != DirectoryItem::Kind::kWhiteout) return false;
  }
  return true;
}

Result<RefPtr<Vnode>> MemoryNode::create(std::string_view name, std::uint32_t type_and_mode, std::uint64_t device) {
  auto node = TRY(create_new(fs_, type_and_mode, device));
  TRY(add_item(name, node));
  return RefPtr<Vnode>(std::move(node));
}

Result<RefPtr<Vnode>> MemoryNode::create_unnamed(std::uint32_t mode) {
  auto node = TRY(create_new(fs_, kModeRegular | (mode & kModePermissions), 0));
  node->adjust_links(-1);
  return RefPtr<Vnode>(std::move(node));
}

Result<void> MemoryNode::link(std::string_view name, Vnode& existing) {
  // SAFETY: the VFS checked that both are of this mount, which has no other kind of node.
  auto& node = static_cast<MemoryNode&>(existing);
  TRY(add_item(name, RefPtr<MemoryNode>(&node)));
  node.adjust_links(1);
  return {};
}

Result<void> MemoryNode::remove(std::string_view name, Vnode& child) {
  auto& node = static_cast<MemoryNode&>(child);  // SAFETY: as in link
  if (node.is_directory() && !TRY(node.is_empty_directory())) return Errno::kENOTEMPTY;
  DirectoryItem* item = items_->find(name);
  ASSERT(item != nullptr && item->node.get() == &node);
  const RefPtr<MemoryNode> keep(&node);
  take_item(*item);
  node.adjust_links(node.is_directory() ? -2 : -1);
  return {};
}

Result<void> MemoryNode::rename(std::string_view name, Vnode& child, Vnode& new_parent, std::string_view new_name,
                                Vnode* replaced, bool exchange) {
  // SAFETY: as in link, for all of them.
  auto& node = static_cast<MemoryNode&>(child);
  auto& target_directory = static_cast<MemoryNode&>(new_parent);
  auto* target = static_cast<MemoryNode*>(replaced);
  DirectoryItem* from = items_->find(name);
  ASSERT(from != nullptr && from->node.get() == &node);
  if (exchange) {
    DirectoryItem* to = target_directory.items_->find(new_name);
    ASSERT(to != nullptr && to->node.get() == target);
    std::swap(from->node, to->node);
    std::swap(from->type, to->type);
    std::swap(from->inode, to->inode);
    const std::int32_t moved = (target->is_directory() ? 1 : 0) - (node.is_directory() ? 1 : 0);
    directory_changed(this == &target_directory ? 0 : moved);
    if (this != &target_directory) target_directory.directory_changed(-moved);
    node.adjust_links(0);
    target->adjust_links(0);
    return {};
  }
  if (target != nullptr && target->is_directory() && !TRY(target->is_empty_directory())) return Errno::kENOTEMPTY;
  const RefPtr<MemoryNode> keep(&node);
  const RefPtr<MemoryNode> keep_target(target);
  // The new name first: it is the step that may fail. An item that is there is reused.
  if (target != nullptr) {
    DirectoryItem* to = target_directory.items_->find(new_name);
    ASSERT(to != nullptr && to->node.get() == target);
    to->node = keep;
    to->type = from->type;
    to->inode = from->inode;
    target_directory.directory_changed((node.is_directory() ? 1 : 0) - (target->is_directory() ? 1 : 0));
    target->adjust_links(target->is_directory() ? -2 : -1);
  } else {
    TRY(target_directory.add_item(new_name, keep));
  }
  take_item(*from);
  node.adjust_links(0);
  return {};
}

}  // namespace mokapot
