// SPDX-License-Identifier: Apache-2.0
//
// Nodes in memory: attributes, data, links and extended attributes. Directories are memory_directory.cc.

#include "fs/memory_node.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "base/global.h"
#include "fs/file_time.h"
#include "fs/memory_directory.h"
#include "fs/mount.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kLargestFile = std::numeric_limits<std::int64_t>::max();
constexpr std::uint32_t kSealSeal = 1, kSealShrink = 2, kSealGrow = 4, kSealWrite = 8, kSealFutureWrite = 16,
                        kSealExec = 32;

Global<MemoryFileSystem> nameless;

bool is_before(const FileStatus::Time& a, const FileStatus::Time& b) {
  return a.seconds != b.seconds ? a.seconds < b.seconds : a.nanoseconds < b.nanoseconds;
}

// What fallocate does to a hugetlb file, in whole blocks: it makes all that the range touches, and punches those that
// lie wholly inside; what of others lies inside becomes zeros.
Result<void> fit_to_blocks(FileCache& data, bool punch, std::uint64_t& offset, std::uint64_t& length) {
  const std::uint64_t end = offset + length;
  if (!punch) {
    offset = align_down(offset, kHugePageSize);
    length = align_up(end, kHugePageSize) - offset;
    return {};
  }
  const std::uint64_t first = align_up(offset, kHugePageSize), last = align_down(end, kHugePageSize);
  if (offset < first) TRY(data.clear(offset, std::min(end, first) - offset));
  if (last < end && last >= offset) TRY(data.clear(last, end - last));
  offset = first;
  length = last > first ? last - first : 0;
  return {};
}

}  // namespace

void initialise_memory_files() { nameless.construct(next_device_number(), UINT64_MAX); }

MemoryNode::MemoryNode(MemoryFileSystem& fs, std::uint32_t type) : fs_(fs), type_(type) {
  fs_.nodes_.fetch_add(1, std::memory_order_relaxed);
}

MemoryNode::~MemoryNode() { fs_.nodes_.fetch_sub(1, std::memory_order_relaxed); }

Result<RefPtr<MemoryNode>> MemoryNode::create_new(MemoryFileSystem& fs, std::uint32_t type_and_mode,
                                                  std::uint64_t device) {
  auto node = TRY(make_ref<MemoryNode>(fs, type_and_mode & kModeType));
  if (node->is_directory()) node->items_ = TRY(make_unique_or_error<Items>());
  MutexGuard guard(node->lock_);
  FileStatus& a = node->attributes_;
  a.device = fs.device();
  a.inode = fs.new_inode();
  a.mode = type_and_mode;
  a.links = node->is_directory() ? 2 : 1;
  a.special_device = device;
  a.accessed = a.modified = a.changed = a.born = current_file_time();
  if (node->is_regular()) {
    node->cache_ = TRY(FileCache::create_memory(nullptr, fs.quota(), {fs.device(), a.inode}));
    node->own_data_ = true;
  }
  node->own_xattrs_ = true;
  return node;
}

Result<RefPtr<MemoryNode>> MemoryNode::create_over(MemoryFileSystem& fs, Vector<RefPtr<LowerNode>> lowers) {
  const FileStatus& lower = lowers[0]->attributes();
  auto node = TRY(make_ref<MemoryNode>(fs, lower.mode & kModeType));
  if (node->is_directory()) node->items_ = TRY(make_unique_or_error<Items>());
  MutexGuard guard(node->lock_);
  node->attributes_ = lower;
  node->attributes_.device = fs.device();
  node->lowers_ = std::move(lowers);
  return node;
}

Result<FileStatus> MemoryNode::status() {
  MutexGuard guard(lock_);
  FileStatus status = attributes_;
  if (own_data_) {
    constexpr std::uint64_t kBlocksPerPage = kPageSize / 512;
    status.size = cache_->size();
    status.blocks = cache_->resident_pages() * kBlocksPerPage;
  }
  return status;
}

Result<RefPtr<FileCache>> MemoryNode::cache() {
  if (!is_regular()) return Errno::kENODEV;
  MutexGuard guard(lock_);
  return cache_locked();
}

// The data is a memory file's from the start, so that who has mapped it before the first change sees the change. It
// begins as a view of the lower one.
Result<RefPtr<FileCache>> MemoryNode::cache_locked() {
  if (!cache_) {
    cache_ = TRY(FileCache::create_memory(TRY(lowers_[0]->cache()), fs_.quota(), {fs_.device(), attributes_.inode}));
  }
  return cache_;
}

// Before the first change.
Result<RefPtr<FileCache>> MemoryNode::memory_cache_locked() {
  RefPtr<FileCache> data = TRY(cache_locked());
  if (!own_data_) {
    data->begin_changes();
    own_data_ = true;
  }
  return data;
}

Result<void> MemoryNode::prepare_to_write() {
  if (!is_regular()) return {};
  MutexGuard guard(lock_);
  TRY(memory_cache_locked());
  return {};
}

void MemoryNode::changed_locked(bool data) {
  attributes_.changed = current_file_time();
  if (data) attributes_.modified = attributes_.changed;
}

// As the mount option relatime: when it was not read since it was changed, or not for a day.
void MemoryNode::touch_accessed_locked() {
  constexpr std::int64_t kDay = 24 * 60 * 60;
  const FileStatus::Time now_time = current_file_time();
  if (is_before(attributes_.modified, attributes_.accessed) && is_before(attributes_.changed, attributes_.accessed) &&
      now_time.seconds - attributes_.accessed.seconds < kDay) {
    return;
  }
  attributes_.accessed = now_time;
}

Result<std::size_t> MemoryNode::read(IoBuffer& into, std::uint64_t offset, ReadAhead& ahead) {
  RefPtr<FileCache> data = TRY(cache());
  {
    MutexGuard guard(lock_);
    touch_accessed_locked();
  }
  return data->read(into, offset, ahead);
}

Result<std::size_t> MemoryNode::write(IoBuffer& from, std::uint64_t& offset, bool append) {
  if (!is_regular()) return Errno::kEINVAL;
  MutexGuard guard(lock_);
  RefPtr<FileCache> data = TRY(memory_cache_locked());
  if (data->huge_tlb()) return Errno::kEINVAL;  // hugetlbfs has no write
  if (append) offset = data->size();
  if (from.remaining() == 0) return std::size_t{0};
  if (offset >= kLargestFile) return Errno::kEFBIG;
  if ((seals_ & (kSealWrite | kSealFutureWrite)) != 0) return Errno::kEPERM;
  if ((seals_ & kSealGrow) != 0 && offset + from.remaining() > data->size()) return Errno::kEPERM;
  const std::size_t moved = TRY(data->write(from, offset));
  // Writing takes the rights away that the file would give to whoever runs it.
  changed_locked(true);
  return moved;
}

Result<void> MemoryNode::truncate(std::uint64_t size) {
  if (!is_regular()) return Errno::kEINVAL;
  MutexGuard guard(lock_);
  RefPtr<FileCache> data = TRY(memory_cache_locked());
  if ((size < data->size() && (seals_ & kSealShrink) != 0) || (size > data->size() && (seals_ & kSealGrow) != 0)) {
    return Errno::kEPERM;
  }
  if (data->huge_tlb() && !is_aligned(size, kHugePageSize)) return Errno::kEINVAL;
  TRY(data->truncate(size));
  changed_locked(true);
  return {};
}

Result<void> MemoryNode::allocate(std::uint32_t mode, std::uint64_t offset, std::uint64_t length) {
  constexpr std::uint32_t kKeepSize = 1, kPunchHole = 2, kZeroRange = 0x10;
  if ((mode & ~(kKeepSize | kPunchHole | kZeroRange)) != 0) return Errno::kEOPNOTSUPP;
  const bool punch = (mode & kPunchHole) != 0;
  if (punch && mode != (kPunchHole | kKeepSize)) return Errno::kEOPNOTSUPP;
  MutexGuard guard(lock_);
  if ((seals_ & kSealWrite) != 0 && mode != 0) return Errno::kEPERM;
  RefPtr<FileCache> data = TRY(memory_cache_locked());
  if (data->huge_tlb()) TRY(fit_to_blocks(*data, punch, offset, length));
  if (length == 0) return {};
  const std::uint64_t end = offset + length;
  const bool grows = (mode & kKeepSize) == 0 && end > data->size();
  if (grows && (seals_ & kSealGrow) != 0) return Errno::kEPERM;
  if (punch || (mode & kZeroRange) != 0) {
    const std::uint64_t limit = align_up(data->size(), kPageSize);
    if (offset < limit) TRY(data->punch(offset, (end < limit ? end : limit) - offset));
  }
  if (!punch) {
    // Room is promised: the pages are made now, or the file stays as it was.
    const std::uint64_t limit = grows ? end : std::min(end, data->size());
    if (offset < limit) TRY(data->populate(offset, limit - offset));
  }
  if (grows) TRY(data->truncate(end));
  changed_locked(punch || grows);
  return {};
}

Result<void> MemoryNode::change_attributes(const AttributeChange& change) {
  MutexGuard guard(lock_);
  if (change.set_mode) attributes_.mode = (attributes_.mode & kModeType) | (change.mode & kModePermissions);
  if (change.set_user) attributes_.user = change.user;
  if (change.set_group) attributes_.group = change.group;
  // A change of owner takes set-user-id away, and set-group-id where it means that.
  if ((change.set_user || change.set_group) && !is_directory()) {
    constexpr std::uint32_t kSetUser = 04000, kSetGroup = 02000, kGroupExecute = 010;
    attributes_.mode &= ~kSetUser;
    if ((attributes_.mode & kGroupExecute) != 0) attributes_.mode &= ~kSetGroup;
  }
  if (change.set_accessed) attributes_.accessed = change.accessed;
  if (change.set_modified) attributes_.modified = change.modified;
  attributes_.changed = current_file_time();
  return {};
}

Result<std::uint32_t> MemoryNode::seals() {
  if (&fs_ != &*nameless) return Errno::kEINVAL;
  MutexGuard guard(lock_);
  return seals_;
}

Result<void> MemoryNode::add_seals(std::uint32_t seals) {
  if (&fs_ != &*nameless) return Errno::kEINVAL;
  if ((seals & ~(kSealSeal | kSealShrink | kSealGrow | kSealWrite | kSealFutureWrite | kSealExec)) != 0) {
    return Errno::kEINVAL;
  }
  MutexGuard guard(lock_);
  if ((seals_ & kSealSeal) != 0) return Errno::kEPERM;
  seals_ |= seals;
  if ((seals & (kSealWrite | kSealFutureWrite)) != 0) cache_->set_writable(false);
  return {};
}

Result<RefPtr<Vnode>> create_shared_memory_node(std::uint32_t flags) {
  const std::uint32_t permissions = (flags & kMemfdNoExecSeal) != 0 ? 0666 : 0777;
  auto node = TRY(MemoryNode::create_new(*nameless, kModeRegular | permissions, 0));
  MutexGuard guard(node->lock_);
  node->attributes_.links = 0;
  if ((flags & kMemfdHugeTlb) != 0) {
    node->attributes_.block_size = kHugePageSize;
    node->cache_ = TRY(FileCache::create_huge_tlb({node->attributes_.device, node->attributes_.inode}));
  }
  if ((flags & kMemfdNoExecSeal) != 0) node->seals_ = kSealExec;
  else if ((flags & kMemfdAllowSealing) == 0) node->seals_ = kSealSeal;
  return RefPtr<Vnode>(node);
}

Result<std::size_t> MemoryNode::read_link(char* buffer, std::size_t size) {
  if (!is_link()) return Errno::kEINVAL;
  if (!link_target_) return lowers_[0]->read_link(buffer, size);
  const std::size_t length = std::strlen(link_target_.get());
  const std::size_t piece = length < size ? length : size;
  std::memcpy(buffer, link_target_.get(), piece);
  return piece;
}

Result<RefPtr<Vnode>> MemoryNode::create_link(std::string_view name, std::string_view target) {
  auto node = TRY(create_new(fs_, kModeLink | 0777, 0));
  node->link_target_.reset(new (std::nothrow) char[target.size() + 1]);
  if (!node->link_target_) return Errno::kENOMEM;
  std::memcpy(node->link_target_.get(), target.data(), target.size());
  node->link_target_[target.size()] = '\0';
  {
    MutexGuard guard(node->lock_);
    node->attributes_.size = target.size();
  }
  TRY(add_item(name, node));
  return RefPtr<Vnode>(std::move(node));
}

void MemoryNode::adjust_links(std::int32_t by) {
  MutexGuard guard(lock_);
  attributes_.links = static_cast<std::uint32_t>(static_cast<std::int32_t>(attributes_.links) + by);
  if (attributes_.links == 0 && cache_) cache_->set_deleted();
  attributes_.changed = current_file_time();
}

// --- Extended attributes: user., trusted. and security.; ACLs are not kept, as on a tmpfs without them. ------

Result<void> MemoryNode::load_xattrs_locked() {
  if (own_xattrs_) return {};
  const std::size_t size = TRY(lowers_[0]->list_xattrs(nullptr, 0));
  std::unique_ptr<char[]> names(new (std::nothrow) char[size + 1]);
  if (!names) return Errno::kENOMEM;
  const std::size_t got = size == 0 ? 0 : TRY(lowers_[0]->list_xattrs(names.get(), size));
  Vector<ExtendedAttribute> loaded;
  for (std::size_t at = 0; at < got; at += std::strlen(names.get() + at) + 1) {
    const std::string_view name(names.get() + at);
    ExtendedAttribute attribute;
    attribute.size = TRY(lowers_[0]->get_xattr(name, nullptr, 0));
    attribute.name.reset(new (std::nothrow) char[name.size() + 1]);
    attribute.value.reset(new (std::nothrow) std::byte[attribute.size + 1]);
    if (!attribute.name || !attribute.value) return Errno::kENOMEM;
    std::memcpy(attribute.name.get(), name.data(), name.size() + 1);
    if (attribute.size > 0) TRY(lowers_[0]->get_xattr(name, attribute.value.get(), attribute.size));
    TRY(loaded.push_back(std::move(attribute)));
  }
  xattrs_ = std::move(loaded);
  own_xattrs_ = true;
  return {};
}

ExtendedAttribute* MemoryNode::find_xattr_locked(std::string_view name) {
  for (ExtendedAttribute& attribute : xattrs_) {
    if (name == attribute.name.get()) return &attribute;
  }
  return nullptr;
}

Result<std::size_t> MemoryNode::get_xattr(std::string_view name, void* value, std::size_t size) {
  MutexGuard guard(lock_);
  if (!own_xattrs_) return lowers_[0]->get_xattr(name, value, size);
  const ExtendedAttribute* attribute = find_xattr_locked(name);
  if (attribute == nullptr) return Errno::kENODATA;
  if (size == 0) return attribute->size;
  if (attribute->size > size) return Errno::kERANGE;
  std::memcpy(value, attribute->value.get(), attribute->size);
  return attribute->size;
}

// What a change of the attribute meets before it is looked for: the user's own are for files and directories only.
Result<void> MemoryNode::check_xattr_change(std::string_view name) {
  const bool user = name.starts_with("user.");
  if (!user && !name.starts_with("trusted.") && !name.starts_with("security.")) return Errno::kEOPNOTSUPP;
  if (name.ends_with('.') && name.find('.') == name.size() - 1) return Errno::kEINVAL;
  if (user && !is_regular() && !is_directory()) return Errno::kEPERM;
  return {};
}

Result<void> MemoryNode::set_xattr(std::string_view name, const void* value, std::size_t size,
                                   std::uint32_t flags) {
  TRY(check_xattr_change(name));
  MutexGuard guard(lock_);
  TRY(load_xattrs_locked());
  ExtendedAttribute* present = find_xattr_locked(name);
  if (present != nullptr && (flags & kXattrCreate) != 0) return Errno::kEEXIST;
  if (present == nullptr && (flags & kXattrReplace) != 0) return Errno::kENODATA;
  std::unique_ptr<std::byte[]> copy(new (std::nothrow) std::byte[size + 1]);
  if (!copy) return Errno::kENOMEM;
  if (size > 0) std::memcpy(copy.get(), value, size);
  if (present != nullptr) {
    present->value = std::move(copy);
    present->size = size;
  } else {
    ExtendedAttribute attribute;
    attribute.name.reset(new (std::nothrow) char[name.size() + 1]);
    if (!attribute.name) return Errno::kENOMEM;
    std::memcpy(attribute.name.get(), name.data(), name.size());
    attribute.name[name.size()] = '\0';
    attribute.value = std::move(copy);
    attribute.size = size;
    TRY(xattrs_.push_back(std::move(attribute)));
  }
  changed_locked(false);
  return {};
}

Result<std::size_t> MemoryNode::list_xattrs(char* names, std::size_t size) {
  MutexGuard guard(lock_);
  if (!own_xattrs_) return lowers_[0]->list_xattrs(names, size);
  std::size_t length = 0;
  for (const ExtendedAttribute& attribute : xattrs_) {
    const std::size_t piece = std::strlen(attribute.name.get()) + 1;
    if (size != 0) {
      if (length + piece > size) return Errno::kERANGE;
      std::memcpy(names + length, attribute.name.get(), piece);
    }
    length += piece;
  }
  return length;
}

Result<void> MemoryNode::remove_xattr(std::string_view name) {
  TRY(check_xattr_change(name));
  MutexGuard guard(lock_);
  TRY(load_xattrs_locked());
  ExtendedAttribute* present = find_xattr_locked(name);
  if (present == nullptr) return Errno::kENODATA;
  std::swap(*present, xattrs_.back());
  xattrs_.pop_back();
  changed_locked(false);
  return {};
}

}  // namespace mokapot
