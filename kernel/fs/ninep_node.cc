// SPDX-License-Identifier: Apache-2.0

#include "fs/ninep_node.h"

#include <algorithm>
#include <memory>
#include <new>

#include "fs/ninep_file.h"

namespace mokapot {

using namespace ninep;

namespace {

// The pages of a file that is mapped. Has a fid of its own: page faults must not wait for whoever holds the node's
// lock.
class NinepData final : public PageBacking {
 public:
  NinepData(NinepClient& client, RefPtr<NinepFid> fid) : client_(client), fid_(std::move(fid)) {}
  Result<Extent> locate(std::uint64_t, std::uint64_t count) override {
    return Extent{Extent::Kind::kFetched, 0, count};
  }
  Result<void> fill_page(std::uint64_t, void*) override { return Errno::kEOPNOTSUPP; }
  Result<void> fetch_pages(std::uint64_t index, std::span<const PhysAddr> frames) override {
    return client_.read_pages(*fid_, index * kPageSize, frames);
  }
  BlockDevice& device() override { panic("a shared folder has no disk"); }

 private:
  NinepClient& client_;
  const RefPtr<NinepFid> fid_;
};

// SAFETY: the VFS calls with nodes of one mount only, and all of ours are of this class.
NinepNode& ours(Vnode& node) { return static_cast<NinepNode&>(node); }

bool same(const FileStatus::Time& a, const FileStatus::Time& b) {
  return a.seconds == b.seconds && a.nanoseconds == b.nanoseconds;
}

}  // namespace

// --- Which node a file is ------------------------------------------------------------------------------

Result<RefPtr<NinepNode>> NinepVolume::start() {
  root_ = TRY(client_.start());
  const FileStatus status = TRY(client_.attributes(*root_));
  return make_ref<NinepNode>(*this, Qid{.path = status.inode}, kModeDirectory, root_);
}

RefPtr<NinepNode> NinepVolume::find_locked(const Qid& qid) {
  for (NinepNode* at = buckets_[qid.path % kBuckets]; at != nullptr; at = at->next_in_bucket_) {
    if (at->qid_.path != qid.path || at->qid_.type != qid.type) continue;
    if (at->removed_.load(std::memory_order_relaxed)) continue;
    // One that is just dying is as good as gone.
    if (at->try_add_reference()) return RefPtr<NinepNode>::adopt(at);
  }
  return nullptr;
}

RefPtr<NinepNode> NinepVolume::find(const Qid& qid) {
  SpinGuard guard(table_lock_);
  return find_locked(qid);
}

Result<RefPtr<NinepNode>> NinepVolume::node(const Qid& qid, RefPtr<NinepFid> fid, std::uint32_t type) {
  if (RefPtr<NinepNode> known = find(qid)) {
    known->use_fid(std::move(fid));
    return known;
  }
  if (qid.is_directory()) type = kModeDirectory;
  else if (qid.is_link()) type = kModeLink;
  else if (type == 0) type = TRY(client_.attributes(*fid)).mode & kModeType;
  auto fresh = TRY(make_ref<NinepNode>(*this, qid, type, std::move(fid)));
  SpinGuard guard(table_lock_);
  // Another thread made it meanwhile: ours, which was never in the table, dies after the lock.
  if (RefPtr<NinepNode> known = find_locked(qid)) return known;
  fresh->next_in_bucket_ = buckets_[qid.path % kBuckets];
  buckets_[qid.path % kBuckets] = fresh.get();
  return fresh;
}

void NinepVolume::forget(NinepNode& node) {
  SpinGuard guard(table_lock_);
  for (NinepNode** at = &buckets_[node.qid_.path % kBuckets]; *at != nullptr; at = &(*at)->next_in_bucket_) {
    if (*at == &node) {
      *at = node.next_in_bucket_;
      return;
    }
  }
}

RefPtr<NinepFid> NinepNode::fid() {
  MutexGuard guard(lock_);
  return fid_;
}

// The server's fids go by path: one that was just walked to leads to the file wherever the host has moved it.
void NinepNode::use_fid(RefPtr<NinepFid> fid) {
  RefPtr<NinepFid> directory;  // goes after the lock, like the old fid
  MutexGuard guard(lock_);
  std::swap(fid_, fid);
  std::swap(directory_, directory);
  name_is_gone_ = false;
}

// --- Attributes ----------------------------------------------------------------------------------------

Result<FileStatus> NinepNode::status() {
  auto seen = client().attributes(*fid());
  MutexGuard guard(lock_);
  if (!seen.ok()) {
    // Without that name: the server, which asks by name, does not find it any more.
    if (seen.error() != Errno::kENOENT || !name_is_gone_) return seen.error();
    return last_seen_;
  }
  last_seen_ = seen.take();
  last_seen_.device = volume_.device();
  return last_seen_;
}

void NinepNode::note_removal() {
  MutexGuard guard(lock_);
  // With another name it stays the file of that number.
  if (is_directory() || last_seen_.links <= 1) removed_.store(true, std::memory_order_relaxed);
  if (last_seen_.links > 0) --last_seen_.links;
  name_is_gone_ = true;
}

Result<void> NinepNode::change_attributes(const AttributeChange& change) {
  return client().set_attributes(*fid(), change);
}

Result<void> NinepNode::truncate(std::uint64_t size) {
  if (type_ != kModeRegular) return Errno::kEINVAL;
  TRY(client().set_attributes(*fid(), AttributeChange(), &size));
  data_changed();
  return {};
}

// --- Names ---------------------------------------------------------------------------------------------

Result<RefPtr<NinepNode>> NinepNode::find_child(std::string_view name, std::uint32_t type) {
  Qid qid;
  RefPtr<NinepFid> child = TRY(client().walk(*fid(), name, &qid));
  return volume_.node(qid, std::move(child), type);
}

Result<RefPtr<Vnode>> NinepNode::lookup(std::string_view name) {
  RefPtr<NinepNode> child = TRY(find_child(name, 0));
  return RefPtr<Vnode>(std::move(child));
}

Result<RefPtr<Vnode>> NinepNode::create(std::string_view name, std::uint32_t type_and_mode, std::uint64_t device) {
  const RefPtr<NinepFid> directory = fid();
  const std::uint32_t mode = type_and_mode & kModePermissions;
  RefPtr<NinepFid> open;
  switch (type_and_mode & kModeType) {
    case kModeDirectory:
      TRY(client().make_directory(*directory, name, mode));
      break;
    case kModeRegular:
      open = TRY(client().walk(*directory, ""));
      TRY(client().create(*open, name, kOpenReadWrite | kOpenCreate | kOpenExclusive, mode));
      break;
    default:
      TRY(client().make_node(*directory, name, type_and_mode, device));
      break;
  }
  RefPtr<NinepNode> made = TRY(find_child(name, type_and_mode & kModeType));
  if (open) {
    MutexGuard guard(made->lock_);
    std::swap(made->created_, open);
  }
  return RefPtr<Vnode>(std::move(made));
}

Result<RefPtr<Vnode>> NinepNode::create_link(std::string_view name, std::string_view target) {
  TRY(client().make_symlink(*fid(), name, target));
  return lookup(name);
}

Result<void> NinepNode::link(std::string_view name, Vnode& existing) {
  return client().link(*fid(), name, *ours(existing).fid());
}

Result<void> NinepNode::remove(std::string_view name, Vnode& child) {
  // For whoever has it open, and asks once its name is gone.
  (void)child.status().ok();
  TRY(client().unlink(*fid(), name, child.is_directory() ? NinepClient::Kind::kDirectory : NinepClient::Kind::kFile));
  ours(child).note_removal();
  return {};
}

Result<void> NinepNode::rename(std::string_view name, Vnode&, Vnode& new_parent, std::string_view new_name,
                               Vnode* replaced, bool exchange) {
  if (exchange) return Errno::kEINVAL;  // the protocol has no word for it
  if (replaced != nullptr) (void)replaced->status().ok();
  TRY(client().rename(*fid(), name, *ours(new_parent).fid(), new_name));
  if (replaced != nullptr) ours(*replaced).note_removal();
  return {};
}

Result<RefPtr<NinepFid>> NinepNode::directory_fid() {
  {
    MutexGuard guard(lock_);
    if (directory_) return directory_;
  }
  RefPtr<NinepFid> open = TRY(open_fid(kOpenReadOnly)).fid;
  MutexGuard guard(lock_);
  directory_ = open;
  return open;
}

// QEMU's server looks at each file that it lists, and answers with the error of one that is removed meanwhile, which is
// none of the directory's. The directory is open: that it is gone itself shows when asking again does not help.
Result<std::size_t> NinepNode::read_entries(const NinepFid& directory, std::uint64_t offset,
                                            std::span<std::byte> into) {
  constexpr int kMostVanishing = 16;  // in a row
  for (int vanished = 0;; ++vanished) {
    auto size = client().read_directory(directory, offset, into);
    if (size.ok() || size.error() != Errno::kENOENT || vanished == kMostVanishing) return size;
  }
}

Result<void> NinepNode::read_directory(std::uint64_t offset, EntryVisitor visit, void* context) {
  constexpr std::size_t kRoom = 8192;
  // The server's offsets begin at 0 and may be as large as any; what does not fit is beyond the last entry.
  constexpr std::uint64_t kMostOffset = INT64_MAX;
  std::unique_ptr<std::byte[]> room(new (std::nothrow) std::byte[kRoom]);
  if (!room) return Errno::kENOMEM;
  const RefPtr<NinepFid> open = TRY(directory_fid());
  std::uint64_t at = offset - kFirstEntryOffset;
  while (true) {
    const std::size_t size = TRY(read_entries(*open, at, {room.get(), kRoom}));
    if (size == 0) return {};
    MessageReader entries({room.get(), size});
    while (entries.left() > 0) {
      const Entry entry = TRY(read_entry(entries));
      at = entry.next_offset;
      if (entry.name == "." || entry.name == "..") continue;
      const std::uint64_t next = std::min(at, kMostOffset - kFirstEntryOffset) + kFirstEntryOffset;
      if (!visit({entry.name, entry.qid.path, next, entry.type}, context)) return {};
    }
  }
}

Result<std::size_t> NinepNode::read_link(char* buffer, std::size_t size) {
  if (type_ != kModeLink) return Errno::kEINVAL;
  return client().read_link(*fid(), buffer, size);
}

// --- Extended attributes ---------------------------------------------------------------------------------

Result<std::size_t> NinepNode::get_xattr(std::string_view name, void* value, std::size_t size) {
  return client().get_xattr(*fid(), name, value, size);
}

Result<void> NinepNode::set_xattr(std::string_view name, const void* value, std::size_t size, std::uint32_t flags) {
  if (size == 0) return Errno::kEOPNOTSUPP;
  return client().set_xattr(*fid(), name, value, size, flags);
}

Result<std::size_t> NinepNode::list_xattrs(char* names, std::size_t size) {
  return client().get_xattr(*fid(), "", names, size);
}

Result<void> NinepNode::remove_xattr(std::string_view name) { return client().set_xattr(*fid(), name, nullptr, 0, 0); }

// --- Data ----------------------------------------------------------------------------------------------

Result<NinepNode::OpenFid> NinepNode::open_fid(std::uint32_t flags) {
  const std::uint32_t access = flags & kOpenAccessMask;
  const bool append = access != kOpenReadOnly && (flags & kOpenAppend) != 0;
  RefPtr<NinepFid> created;
  if (access != kOpenReadOnly) {
    MutexGuard guard(lock_);
    std::swap(created_, created);
  }
  if (created && !append) return OpenFid{std::move(created), false};
  RefPtr<NinepFid> open = TRY(client().walk(*fid(), ""));
  const Result<void> opened = client().open(*open, access | (append ? kOpenAppend : 0));
  if (opened.ok()) return OpenFid{std::move(open), append};
  if (created) return OpenFid{std::move(created), false};
  return opened.error();
}

Result<RefPtr<File>> NinepNode::open(Dentry& dentry, std::uint32_t flags) {
  if (type_ != kModeRegular && type_ != kModeDirectory) return Vnode::open(dentry, flags);
  OpenFid open = TRY(open_fid(flags));
  auto file = TRY(make_ref<NinepFile>(RefPtr<Dentry>(&dentry), flags, *this, std::move(open)));
  return RefPtr<File>(std::move(file));
}

Result<void> NinepNode::prepare_to_write() {
  if (volume_.access() == NinepVolume::Access::kReadOnly) return Errno::kEROFS;
  return {};
}

Result<std::uint64_t> NinepNode::end_locked() { return TRY(client().attributes(*fid_)).size; }

void NinepNode::data_changed() {
  RefPtr<FileCache> known;
  {
    MutexGuard guard(lock_);
    known = cache_;
  }
  if (!known) return;
  // Whatever the time of modification says: two writes may fall into one tick of the host's clock.
  const Result<FileStatus> now = status();
  const std::uint64_t size = now.ok() ? now.value().size : known->size();
  {
    MutexGuard guard(lock_);
    if (now.ok()) cache_modified_ = now.value().modified;
  }
  known->renew(size);
}

Result<RefPtr<FileCache>> NinepNode::cache() {
  if (type_ != kModeRegular) return Errno::kENODEV;
  const FileStatus now = TRY(status());
  RefPtr<FileCache> known;
  {
    MutexGuard guard(lock_);
    known = cache_;
    const bool fresh = known && known->size() == now.size && same(cache_modified_, now.modified);
    if (fresh) return known;
    if (known) cache_modified_ = now.modified;
  }
  if (known) {
    known->renew(now.size);
    return known;
  }
  RefPtr<NinepFid> open = TRY(open_fid(kOpenReadOnly)).fid;
  auto data = TRY(make_ref<NinepData>(client(), std::move(open)));
  auto made = TRY(FileCache::create_backed(std::move(data), now.size, {volume_.device(), now.inode}));
  MutexGuard guard(lock_);
  // Another thread was faster: two would not agree.
  if (cache_) return cache_;
  cache_ = made;
  cache_modified_ = now.modified;
  return made;
}

}  // namespace mokapot
