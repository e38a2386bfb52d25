// SPDX-License-Identifier: Apache-2.0
//
// The dentry cache: a hash table by parent and name, and a recency list from which the oldest unused
// entries are dropped when there are more than kMostCached. One spinlock (kDentries) guards both and the
// dentries' names; references are dropped after it, since the last one may free a file.

#include "fs/dentry.h"

#include <cstring>

#include "base/global.h"
#include "fs/page_cache.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::size_t kBuckets = 2048;
constexpr std::size_t kMostCached = 8192;

constinit SpinLock dentry_lock{LockRank::kDentries};
Dentry* buckets[kBuckets];     // guarded by dentry_lock
std::size_t cached_count = 0;  // guarded by dentry_lock

std::uint32_t hash_name(const Dentry* parent, std::string_view name) {
  // FNV-1a, begun from the parent.
  std::uint64_t hash = 0xcbf29ce484222325 ^ (VirtAddr(parent).value() >> 5);
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  return static_cast<std::uint32_t>(hash ^ (hash >> 32));
}

Result<std::unique_ptr<char[]>> copy_name(std::string_view name) {
  std::unique_ptr<char[]> copy(new (std::nothrow) char[name.size() + 1]);
  if (!copy) return Errno::kENOMEM;
  std::memcpy(copy.get(), name.data(), name.size());
  copy[name.size()] = '\0';
  return copy;
}

// Newest first; guarded by dentry_lock.
using RecencyList = IntrusiveList<Dentry, &Dentry::recency_hook>;
Global<RecencyList> recency;

}  // namespace

Dentry::Dentry(RefPtr<Dentry> parent, RefPtr<Vnode> vnode, Mount* mount)
    : parent_(std::move(parent)), vnode_(std::move(vnode)), mount_(mount) {}

Result<RefPtr<Dentry>> Dentry::create(RefPtr<Dentry> parent, std::string_view name, RefPtr<Vnode> vnode,
                                      Mount* mount) {
  auto copy = TRY(copy_name(name));
  if (mount == nullptr && parent) mount = parent->mount_;
  auto* dentry = new (std::nothrow) Dentry(std::move(parent), std::move(vnode), mount);
  if (dentry == nullptr) return Errno::kENOMEM;
  dentry->name_ = std::move(copy);
  dentry->name_size_ = static_cast<std::uint32_t>(name.size());
  return RefPtr<Dentry>::adopt(dentry);
}

void DentryCache::initialise() { recency.construct(); }

void DentryCache::link_locked(Dentry& dentry) {
  dentry.hash_ = hash_name(dentry.parent_.get(), {dentry.name_.get(), dentry.name_size_});
  Dentry*& bucket = buckets[dentry.hash_ % kBuckets];
  dentry.next_in_bucket_ = bucket;
  bucket = &dentry;
  dentry.cached_ = true;
  recency->push_front(dentry);
  ++cached_count;
}

void DentryCache::unlink_locked(Dentry& dentry) {
  Dentry** at = &buckets[dentry.hash_ % kBuckets];
  while (*at != &dentry) at = &(*at)->next_in_bucket_;
  *at = dentry.next_in_bucket_;
  dentry.next_in_bucket_ = nullptr;
  dentry.cached_ = false;
  recency->erase(recency->iterator_to(dentry));
  --cached_count;
}

RefPtr<Dentry> DentryCache::find(Dentry& parent, std::string_view name) {
  const std::uint32_t hash = hash_name(&parent, name);
  SpinGuard guard(dentry_lock);
  for (Dentry* at = buckets[hash % kBuckets]; at != nullptr; at = at->next_in_bucket_) {
    if (at->hash_ != hash || at->parent_.get() != &parent || at->name_size_ != name.size() ||
        std::memcmp(at->name_.get(), name.data(), name.size()) != 0) {
      continue;
    }
    at->used_ = true;
    return RefPtr<Dentry>(at);
  }
  return nullptr;
}

RefPtr<Dentry> DentryCache::insert(RefPtr<Dentry> child) {
  constexpr std::size_t kLook = 8;  // how many of the oldest one insertion looks at
  RefPtr<Dentry> dropped[kLook];
  SpinGuard guard(dentry_lock);
  const std::string_view name(child->name_.get(), child->name_size_);
  const std::uint32_t hash = hash_name(child->parent_.get(), name);
  for (Dentry* at = buckets[hash % kBuckets]; at != nullptr; at = at->next_in_bucket_) {
    if (at->hash_ == hash && at->parent_ == child->parent_ &&
        std::string_view(at->name_.get(), at->name_size_) == name) {
      return RefPtr<Dentry>(at);
    }
  }
  link_locked(*child);
  child->add_reference();  // the cache's
  for (std::size_t i = 0; i < kLook && cached_count > kMostCached; ++i) {
    Dentry& oldest = recency->back();
    // One reference is the cache's: nobody is inside, below or has it open.
    if (oldest.used_ || oldest.reference_count() > 1 || oldest.mounted_) {
      oldest.used_ = false;
      recency->pop_back();
      recency->push_front(oldest);
      continue;
    }
    unlink_locked(oldest);
    dropped[i] = RefPtr<Dentry>::adopt(&oldest);
  }
  return child;
}

void DentryCache::remove(Dentry& dentry) {
  RefPtr<Dentry> dropped;
  SpinGuard guard(dentry_lock);
  dentry.deleted_ = true;
  if (!dentry.cached_) return;
  unlink_locked(dentry);
  dropped = RefPtr<Dentry>::adopt(&dentry);
}

void DentryCache::forget(Dentry& parent, std::string_view name) {
  RefPtr<Dentry> found = find(parent, name);
  if (!found) return;
  RefPtr<Dentry> dropped;
  SpinGuard guard(dentry_lock);
  if (!found->cached_) return;
  unlink_locked(*found);
  dropped = RefPtr<Dentry>::adopt(found.get());
}

void DentryCache::move(Dentry& dentry, RefPtr<Dentry> parent, std::unique_ptr<char[]> name,
                       std::size_t name_size) {
  // Declared first, so that the old parent and name go after the lock.
  SpinGuard guard(dentry_lock);
  const bool cached = dentry.cached_;
  if (cached) unlink_locked(dentry);
  std::swap(dentry.parent_, parent);
  dentry.name_.swap(name);
  dentry.name_size_ = static_cast<std::uint32_t>(name_size);
  if (cached) link_locked(dentry);
}

void DentryCache::exchange(Dentry& a, Dentry& b) {
  SpinGuard guard(dentry_lock);
  const bool a_cached = a.cached_, b_cached = b.cached_;
  if (a_cached) unlink_locked(a);
  if (b_cached) unlink_locked(b);
  std::swap(a.parent_, b.parent_);
  a.name_.swap(b.name_);
  std::swap(a.name_size_, b.name_size_);
  if (a_cached) link_locked(a);
  if (b_cached) link_locked(b);
}

void DentryCache::mark_unnamed(Dentry& dentry) {
  SpinGuard guard(dentry_lock);
  dentry.deleted_ = true;
}

RefPtr<Dentry> DentryCache::parent_of(const Dentry& dentry) {
  SpinGuard guard(dentry_lock);
  if (dentry.parent_) return dentry.parent_;
  return RefPtr<Dentry>(const_cast<Dentry*>(&dentry));
}

RefPtr<Dentry> DentryCache::mounted_on(const Dentry& dentry) {
  SpinGuard guard(dentry_lock);
  return dentry.mounted_;
}

void DentryCache::set_mounted(Dentry& dentry, RefPtr<Dentry> root) {
  SpinGuard guard(dentry_lock);
  std::swap(dentry.mounted_, root);
}

bool DentryCache::is_deleted(const Dentry& dentry) {
  SpinGuard guard(dentry_lock);
  return dentry.deleted_;
}

bool DentryCache::is_ancestor(const Dentry& ancestor, const Dentry& dentry) {
  SpinGuard guard(dentry_lock);
  for (const Dentry* at = &dentry; at != nullptr; at = at->parent_.get()) {
    if (at == &ancestor) return true;
  }
  return false;
}

std::size_t DentryCache::copy_name(const Dentry& dentry, char* to, std::size_t size) {
  SpinGuard guard(dentry_lock);
  return std::string_view(dentry.name_.get(), dentry.name_size_).copy(to, size);
}

Result<std::size_t> DentryCache::path(const Dentry& dentry, char* buffer, std::size_t size, bool mark_deleted) {
  constexpr std::string_view kDeleted = " (deleted)";
  if (size == 0) return Errno::kERANGE;
  // Written from the end of the buffer backwards, then moved to its front.
  std::size_t at = size;
  buffer[--at] = '\0';
  SpinGuard guard(dentry_lock);
  const auto prepend = [&](std::string_view text) {
    if (text.size() > at) return false;
    at -= text.size();
    std::memcpy(buffer + at, text.data(), text.size());
    return true;
  };
  if (mark_deleted && dentry.deleted_ && !prepend(kDeleted)) return Errno::kERANGE;
  for (const Dentry* d = &dentry; d->parent_ || d->name_size_ > 0; d = d->parent_.get()) {
    if (!prepend({d->name_.get(), d->name_size_}) || !prepend("/")) return Errno::kERANGE;
    if (!d->parent_) break;
  }
  if (buffer[at] != '/' && !prepend("/")) return Errno::kERANGE;
  std::memmove(buffer, buffer + at, size - at);
  return size - at - 1;
}

}  // namespace mokapot
