// SPDX-License-Identifier: Apache-2.0
//
// Vnodes and open files over the tables of pseudo.h.

#include "fs/pseudo.h"

#include <atomic>
#include <cstring>

#include "base/format.h"
#include "fs/file_time.h"
#include "fs/path_walk.h"
#include "fs/vfs.h"
#include "sched/mutex.h"

namespace mokapot {

bool TextSink::reserve(std::size_t more) {
  if (failed_) return false;
  if (size_ + more <= capacity_) return true;
  std::size_t capacity = capacity_ == 0 ? 512 : capacity_ * 2;
  while (capacity < size_ + more) capacity *= 2;
  std::unique_ptr<char[]> grown(new (std::nothrow) char[capacity]);
  if (!grown) {
    failed_ = true;
    return false;
  }
  if (size_ > 0) std::memcpy(grown.get(), text_.get(), size_);
  text_ = std::move(grown);
  capacity_ = capacity;
  return true;
}

void TextSink::write(std::string_view text) {
  if (!reserve(text.size())) return;
  std::memcpy(text_.get() + size_, text.data(), text.size());
  size_ += text.size();
}

void TextSink::print(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  va_list again;
  va_copy(again, arguments);
  constexpr std::size_t kUsual = 128;
  if (reserve(kUsual)) {
    std::size_t length = format_to_v(text_.get() + size_, capacity_ - size_, format, arguments);
    if (length >= capacity_ - size_ && reserve(length + 1)) {
      length = format_to_v(text_.get() + size_, capacity_ - size_, format, again);
    }
    if (!failed_) size_ += length;
  }
  va_end(again);
  va_end(arguments);
}

Result<std::unique_ptr<char[]>> TextSink::take(std::size_t& size) {
  if (failed_) return Errno::kENOMEM;
  size = size_;
  return std::move(text_);
}

namespace {

std::atomic<const PseudoEntry*> roots[3];

std::uint64_t hash_inode(std::uint64_t parent, std::string_view name) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ parent;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
  // Small enough that no program takes it for negative.
  return hash >> 16;
}

// Offsets of entries in a directory: fixed children first, then those that come and go by their numbers.
constexpr std::uint64_t kFirstDynamic = 256;

class PseudoFile final : public File {
 public:
  PseudoFile(std::uint32_t flags, RefPtr<Dentry> dentry, const PseudoEntry& entry, PseudoContext context)
      : File(flags), dentry_(std::move(dentry)), entry_(entry), context_(context) {}

  Result<std::size_t> read_at(IoBuffer& into, std::uint64_t offset) override {
    if (entry_.read != nullptr) return entry_.read(into, offset, context_);
    if (!goes_on_at(offset)) TRY(make_text());
    MutexGuard guard(position_lock_);
    return copy_text_locked(into, offset);
  }
  Result<std::size_t> read(IoBuffer& into) override {
    std::uint64_t position = 0;
    {
      MutexGuard guard(position_lock_);
      position = position_;
    }
    if (entry_.read != nullptr) {
      const std::size_t moved = TRY(entry_.read(into, position, context_));
      MutexGuard guard(position_lock_);
      position_ = position + moved;
      return moved;
    }
    if (!goes_on_at(position)) TRY(make_text());
    MutexGuard guard(position_lock_);
    const std::size_t moved = TRY(copy_text_locked(into, position_));
    position_ += moved;
    return moved;
  }
  Result<std::size_t> write(IoBuffer& from) override {
    constexpr std::size_t kMostText = 4096;
    if (entry_.accept == nullptr) return Errno::kEINVAL;
    const std::size_t size = from.remaining();
    if (size > kMostText) return Errno::kEINVAL;
    std::unique_ptr<char[]> text(new (std::nothrow) char[size + 1]);
    if (!text) return Errno::kENOMEM;
    const std::size_t moved = size == 0 ? 0 : TRY(from.copy_out(text.get(), size));
    TRY(entry_.accept({text.get(), moved}, context_));
    return moved;
  }
  Result<std::size_t> write_at(IoBuffer& from, std::uint64_t) override { return write(from); }
  Result<std::uint64_t> seek(std::int64_t offset, Whence whence) override {
    MutexGuard guard(position_lock_);
    std::int64_t base = 0;
    if (whence == Whence::kCurrent) base = static_cast<std::int64_t>(position_);
    else if (whence != Whence::kSet) return Errno::kEINVAL;
    std::int64_t target = 0;
    if (__builtin_add_overflow(base, offset, &target) || target < 0) return Errno::kEINVAL;
    position_ = static_cast<std::uint64_t>(target);
    return position_;
  }
  Result<FileStatus> status() override { return dentry_->vnode().status(); }
  Vnode* vnode() override { return &dentry_->vnode(); }
  Dentry* dentry() override { return dentry_.get(); }

 private:
  // Whether a read there continues the last one, and so sees the same text.
  bool goes_on_at(std::uint64_t offset) {
    MutexGuard guard(position_lock_);
    return text_ && offset != 0 && offset == read_until_;
  }

  // Without the lock, since generators take others.
  Result<void> make_text() {
    TextSink sink;
    if (entry_.text != nullptr) sink.write(entry_.text);
    else if (entry_.generate != nullptr) TRY(entry_.generate(sink, context_));
    std::size_t size = 0;
    auto text = TRY(sink.take(size));
    MutexGuard guard(position_lock_);
    text_ = std::move(text);
    size_ = size;
    return {};
  }

  Result<std::size_t> copy_text_locked(IoBuffer& into, std::uint64_t offset) REQUIRES(position_lock_) {
    std::size_t moved = 0;
    if (offset < size_) {
      const std::size_t left = size_ - offset;
      moved = TRY(into.copy_in(text_.get() + offset, left < into.remaining() ? left : into.remaining()));
    }
    read_until_ = offset + moved;
    return moved;
  }

  const RefPtr<Dentry> dentry_;
  const PseudoEntry& entry_;
  const PseudoContext context_;
  Mutex position_lock_{LockRank::kFilePosition};
  std::unique_ptr<char[]> text_ GUARDED_BY(position_lock_);  // null until the first read
  std::size_t size_ GUARDED_BY(position_lock_) = 0;
  std::uint64_t read_until_ GUARDED_BY(position_lock_) = 0;
  std::uint64_t position_ GUARDED_BY(position_lock_) = 0;
};

class PseudoNode final : public Vnode {
 public:
  // entry null: the root of tree, whose table may come later.
  PseudoNode(PseudoTree tree, const PseudoEntry* entry, PseudoContext context, std::uint64_t device,
             std::uint64_t inode)
      : tree_(tree), entry_(entry), context_(context), device_(device), inode_(inode) {}

  std::uint32_t type() const override {
    const PseudoEntry* e = entry();
    if (e == nullptr || e->kind == PseudoEntry::Kind::kDirectory) return kModeDirectory;
    return e->kind == PseudoEntry::Kind::kFile ? kModeRegular : kModeLink;
  }
  bool dynamic() const override {
    const PseudoEntry* e = entry();
    return tree_ == PseudoTree::kProc || (e != nullptr && e->dynamic != nullptr);
  }

  Result<FileStatus> status() override {
    const PseudoEntry* e = entry();
    FileStatus status;
    status.device = device_;
    status.inode = inode_;
    status.mode = type() | (e != nullptr ? e->mode : 0555);
    status.links = is_directory() ? 2 : 1;
    constexpr std::uint64_t kSysfsFileSize = 4096;
    if (tree_ == PseudoTree::kSys && is_regular()) status.size = kSysfsFileSize;
    constexpr std::uint32_t kPseudoBlock = 1024;
    if (tree_ == PseudoTree::kProc) status.block_size = kPseudoBlock;
    status.accessed = status.modified = status.changed = status.born = current_file_time();
    return status;
  }

  Result<RefPtr<Vnode>> lookup(std::string_view name) override {
    const PseudoEntry* e = entry();
    if (e == nullptr) return Errno::kENOENT;
    for (const PseudoEntry* c = e->children; c != nullptr && c->kind != PseudoEntry::Kind::kEnd; ++c) {
      if (name == c->name && (c->present == nullptr || c->present(context_))) return make(*c, context_, name);
    }
    if (e->dynamic == nullptr) return Errno::kENOENT;
    return make(*e->dynamic->child, TRY(e->dynamic->find(name, context_)), name);
  }

  // procfs answers a new name as one that is not there; sysfs and cgroups forbid it.
  Result<RefPtr<Vnode>> create(std::string_view name, std::uint32_t type_and_mode, std::uint64_t device) override {
    if (tree_ == PseudoTree::kProc) return Errno::kENOENT;
    return Vnode::create(name, type_and_mode, device);
  }
  Result<RefPtr<Vnode>> create_link(std::string_view name, std::string_view target) override {
    if (tree_ == PseudoTree::kProc) return Errno::kENOENT;
    return Vnode::create_link(name, target);
  }

  Result<void> read_directory(std::uint64_t offset, EntryVisitor visit, void* context) override {
    const PseudoEntry* e = entry();
    if (e == nullptr) return {};
    std::uint64_t number = kFirstEntryOffset;
    for (const PseudoEntry* c = e->children; c != nullptr && c->kind != PseudoEntry::Kind::kEnd; ++c, ++number) {
      if (number < offset || (c->present != nullptr && !c->present(context_))) continue;
      if (!visit({c->name, hash_inode(inode_, c->name), number + 1, entry_type(*c)}, context)) return {};
    }
    if (e->dynamic == nullptr) return {};
    struct Lister {
      const PseudoNode& node;
      const PseudoEntry& child;
      EntryVisitor visit;
      void* context;
    } lister{*this, *e->dynamic->child, visit, context};
    return e->dynamic->list(
        context_, offset > kFirstDynamic ? offset - kFirstDynamic : 0,
        [](std::uint64_t at, std::string_view name, void* data) {
          auto& l = *static_cast<Lister*>(data);
          return l.visit({name, hash_inode(l.node.inode_, name), kFirstDynamic + at + 1, entry_type(l.child)},
                         l.context);
        },
        &lister);
  }

  Result<std::size_t> read_link(char* buffer, std::size_t size) override {
    const PseudoEntry& e = *entry();
    if (!is_link()) return Errno::kEINVAL;
    TextSink text;
    if (e.text != nullptr) {
      text.write(e.text);
    } else if (e.generate != nullptr) {
      TRY(e.generate(text, context_));
    } else {
      std::unique_ptr<char[]> path(new (std::nothrow) char[kPathMax]);
      if (!path) return Errno::kENOMEM;
      RefPtr<Dentry> object = TRY(e.follow(context_));
      text.write({path.get(), TRY(path_of(*object, path.get(), kPathMax))});
    }
    if (text.failed()) return Errno::kENOMEM;
    const std::size_t piece = text.view().size() < size ? text.view().size() : size;
    std::memcpy(buffer, text.view().data(), piece);
    return piece;
  }

  Result<RefPtr<Dentry>> follow_link() override {
    const PseudoEntry* e = entry();
    if (e == nullptr || e->kind != PseudoEntry::Kind::kObjectLink) return RefPtr<Dentry>();
    return e->follow(context_);
  }

  Result<RefPtr<File>> open(Dentry& dentry, std::uint32_t flags) override {
    if (!is_regular()) return Vnode::open(dentry, flags);
    auto file = TRY(make_ref<PseudoFile>(flags, RefPtr<Dentry>(&dentry), *entry(), context_));
    return RefPtr<File>(std::move(file));
  }

  Result<void> prepare_to_write() override {
    // procfs lets root open anything for writing and fails the write; sysfs and cgroups do not.
    if (tree_ != PseudoTree::kProc && entry()->accept == nullptr) return Errno::kEACCES;
    return {};
  }
  Result<void> truncate(std::uint64_t) override { return {}; }
  Result<void> change_attributes(const AttributeChange& change) override {
    return change.set_mode || change.set_user || change.set_group ? Errno::kEPERM : Result<void>();
  }

 private:
  const PseudoEntry* entry() const {
    return entry_ != nullptr ? entry_ : roots[static_cast<std::size_t>(tree_)].load(std::memory_order_acquire);
  }
  static std::uint8_t entry_type(const PseudoEntry& e) {
    switch (e.kind) {
      case PseudoEntry::Kind::kFile: return kModeRegular >> 12;
      case PseudoEntry::Kind::kDirectory: return kModeDirectory >> 12;
      default: return kModeLink >> 12;
    }
  }
  Result<RefPtr<Vnode>> make(const PseudoEntry& child, PseudoContext context, std::string_view name) {
    auto node = TRY(make_ref<PseudoNode>(tree_, &child, context, device_, hash_inode(inode_, name)));
    return RefPtr<Vnode>(std::move(node));
  }

  const PseudoTree tree_;
  const PseudoEntry* const entry_;
  const PseudoContext context_;
  const std::uint64_t device_;
  const std::uint64_t inode_;
};

}  // namespace

void set_proc_root(const PseudoEntry* root) { roots[0].store(root, std::memory_order_release); }
void set_sys_root(const PseudoEntry* root) { roots[1].store(root, std::memory_order_release); }
void set_cgroup_root(const PseudoEntry* root) { roots[2].store(root, std::memory_order_release); }

Result<RefPtr<Vnode>> make_pseudo_root(PseudoTree tree, std::uint64_t device) {
  auto node = TRY(make_ref<PseudoNode>(tree, nullptr, PseudoContext{}, device, std::uint64_t{1}));
  return RefPtr<Vnode>(std::move(node));
}

}  // namespace mokapot
