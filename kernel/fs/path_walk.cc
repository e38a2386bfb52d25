// SPDX-License-Identifier: Apache-2.0

#include "fs/path_walk.h"

#include <cstring>

#include "base/global.h"
#include "base/vector.h"
#include "fs/vfs.h"

namespace mokapot {
namespace {

constexpr int kMostLinks = 40;  // Linux's MAXSYMLINKS

constinit Global<RwLock> lock_of_names;

// A link's text that is being walked, and what of it is left.
struct Level {
  std::unique_ptr<char[]> text;
  std::string_view rest;
};

std::string_view skip_slashes(std::string_view path) {
  const std::size_t start = path.find_first_not_of('/');
  return start == std::string_view::npos ? std::string_view() : path.substr(start);
}

RefPtr<Dentry> cross_mounts(RefPtr<Dentry> dentry) {
  while (RefPtr<Dentry> mounted = DentryCache::mounted_on(*dentry)) dentry = std::move(mounted);
  return dentry;
}

// Asks the file system and remembers the answer. The namespace lock is held, shared or not.
Result<RefPtr<Dentry>> ask_file_system(Dentry& parent, std::string_view name) {
  if (RefPtr<Dentry> known = DentryCache::find(parent, name)) return known;
  auto vnode = parent.vnode().lookup(name);
  if (!vnode.ok() && vnode.error() != Errno::kENOENT) return vnode.error();
  auto child = TRY(Dentry::create(RefPtr<Dentry>(&parent), name, vnode.ok() ? vnode.take() : RefPtr<Vnode>()));
  return DentryCache::insert(std::move(child));
}

Result<RefPtr<Dentry>> lookup_child(Dentry& parent, std::string_view name) {
  if (name.size() > kNameMax) return Errno::kENAMETOOLONG;
  Vnode& directory = parent.vnode();
  if (directory.dynamic()) {
    auto vnode = directory.lookup(name);
    if (!vnode.ok() && vnode.error() != Errno::kENOENT) return vnode.error();
    return Dentry::create(RefPtr<Dentry>(&parent), name, vnode.ok() ? vnode.take() : RefPtr<Vnode>());
  }
  if (RefPtr<Dentry> known = DentryCache::find(parent, name)) return known;
  ReadGuard guard(namespace_lock());
  return ask_file_system(parent, name);
}

// Walks by turns the path and the links met in it.
class Walker {
 public:
  Walker(RefPtr<Dentry> start, WalkGoal goal, WalkResult& result)
      : at_(std::move(start)), goal_(goal), result_(result) {}

  Result<void> run(std::string_view path) {
    TRY(enter(nullptr, path));
    while (true) {
      Level& level = levels_.back();
      level.rest = skip_slashes(level.rest);
      if (level.rest.empty()) {
        levels_.pop_back();
        if (levels_.empty()) break;
        continue;
      }
      std::size_t end = level.rest.find('/');
      if (end == std::string_view::npos) end = level.rest.size();
      const std::string_view name = level.rest.substr(0, end);
      level.rest = level.rest.substr(end);
      TRY(step(name, is_last()));
    }
    // "/" or an empty rest after a link: the walk ends where it stands.
    if (!result_.found) result_.found = at_;
    return {};
  }

 private:
  // Is there no further component, here or in the levels below?
  bool is_last() const {
    for (const Level& level : levels_) {
      if (!skip_slashes(level.rest).empty()) return false;
    }
    return true;
  }
  bool slash_left() const {
    for (const Level& level : levels_) {
      if (!level.rest.empty()) return true;
    }
    return false;
  }

  Result<void> enter(std::unique_ptr<char[]> text, std::string_view path) {
    if (path.empty()) return Errno::kENOENT;
    if (path.front() == '/') {
      at_ = root_directory();
      end_at(WalkResult::Last::kRoot);
    }
    return levels_.push_back({std::move(text), path});
  }

  void end_at(WalkResult::Last last) {
    result_.last = last;
    result_.parent = nullptr;
    result_.found = at_;
    result_.trailing_slash = false;
  }

  Result<void> step(std::string_view name, bool last) {
    if (!at_->vnode().is_directory()) return Errno::kENOTDIR;
    if (name == "." || name == "..") {
      const bool up = name.size() == 2;
      if (up) at_ = cross_mounts(DentryCache::parent_of(*at_));
      end_at(up ? WalkResult::Last::kDotDot : WalkResult::Last::kDot);
      return {};
    }
    const bool slash = last && slash_left();
    const bool creates = goal_ == WalkGoal::kCreate || goal_ == WalkGoal::kCreateNew;
    if (slash && creates) return Errno::kEISDIR;
    RefPtr<Dentry> child = cross_mounts(TRY(lookup_child(*at_, name)));
    const bool follow = !last || goal_ == WalkGoal::kObject || goal_ == WalkGoal::kCreate || (goal_ == WalkGoal::kLink && slash);
    if (!child->negative() && child->vnode().is_link() && follow) return follow_link(*child);
    if (!last) {
      if (child->negative()) return Errno::kENOENT;
      at_ = std::move(child);
      return {};
    }
    if (slash && goal_ != WalkGoal::kParent && !child->negative() && !child->vnode().is_directory()) {
      return Errno::kENOTDIR;
    }
    result_.last = WalkResult::Last::kName;
    result_.trailing_slash = slash;
    std::memcpy(result_.name, name.data(), name.size());  // at most kNameMax: lookup_child checked
    result_.name_size = static_cast<std::uint16_t>(name.size());
    result_.parent = std::exchange(at_, child);
    result_.found = std::move(child);
    return {};
  }

  Result<void> follow_link(Dentry& link) {
    if (++links_ > kMostLinks) return Errno::kELOOP;
    if (RefPtr<Dentry> target = TRY(link.vnode().follow_link())) {
      at_ = std::move(target);
      end_at(WalkResult::Last::kRoot);
      return {};
    }
    std::unique_ptr<char[]> text(new (std::nothrow) char[kPathMax]);
    if (!text) return Errno::kENOMEM;
    const std::size_t size = TRY(link.vnode().read_link(text.get(), kPathMax));
    if (size >= kPathMax) return Errno::kENAMETOOLONG;
    const std::string_view path(text.get(), size);
    return enter(std::move(text), path);
  }

  RefPtr<Dentry> at_;
  const WalkGoal goal_;
  WalkResult& result_;
  Vector<Level> levels_;  // the path and the links inside it, innermost last
  int links_ = 0;
};

// An object without a name in any file system: what /proc/self/fd/N of a pipe leads to.
class FileVnode final : public Vnode {
 public:
  explicit FileVnode(RefPtr<File> file, std::uint32_t type) : file_(std::move(file)), type_(type) {}
  std::uint32_t type() const override { return type_; }
  Result<FileStatus> status() override { return file_->status(); }
  // Linux makes a new description; ours is shared, which differs only in its status flags.
  Result<RefPtr<File>> open(Dentry&, std::uint32_t) override {
    if (type_ == kModeSocket) return Errno::kENXIO;
    return file_;
  }
  Result<void> prepare_to_write() override { return {}; }

 private:
  const RefPtr<File> file_;
  const std::uint32_t type_;
};

}  // namespace

RwLock& namespace_lock() {
  if (!lock_of_names.constructed()) lock_of_names.construct(LockRank::kDirectory);
  return *lock_of_names;
}

Result<void> walk_path(Dentry* base, std::string_view path, WalkGoal goal, WalkResult& result) {
  if (path.empty()) return Errno::kENOENT;
  if (path.size() >= kPathMax) return Errno::kENAMETOOLONG;
  RefPtr<Dentry> start = base != nullptr ? RefPtr<Dentry>(base) : current_directory();
  return Walker(std::move(start), goal, result).run(path);
}

Result<RefPtr<Dentry>> lookup_child_locked(Dentry& parent, std::string_view name) {
  if (name.size() > kNameMax) return Errno::kENAMETOOLONG;
  if (parent.vnode().dynamic()) {
    auto vnode = parent.vnode().lookup(name);
    if (!vnode.ok() && vnode.error() != Errno::kENOENT) return vnode.error();
    return Dentry::create(RefPtr<Dentry>(&parent), name, vnode.ok() ? vnode.take() : RefPtr<Vnode>());
  }
  return ask_file_system(parent, name);
}

Result<RefPtr<Dentry>> dentry_of_file(RefPtr<File> file) {
  if (Dentry* dentry = file->dentry()) return RefPtr<Dentry>(dentry);
  const std::uint32_t type = TRY(file->status()).mode & kModeType;
  auto vnode = TRY(make_ref<FileVnode>(std::move(file), type));
  auto dentry = TRY(Dentry::create(nullptr, "", std::move(vnode)));
  return dentry;
}

}  // namespace mokapot
