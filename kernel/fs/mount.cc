// SPDX-License-Identifier: Apache-2.0

#include "fs/mount.h"

#include "base/global.h"
#include "fs/path_walk.h"

namespace mokapot {
namespace {

struct State {
  Mount* first = nullptr;  // guarded by the namespace lock
  Mount* last = nullptr;
  Mount* covered = nullptr;  // of earlier roots
  int next_id = 21;        // Linux begins about here; 1 would be the root file system before the root
  std::atomic<std::uint32_t> next_minor{20};
  SpinLock lock{LockRank::kDentries};
  RefPtr<Dentry> root GUARDED_BY(lock);
  RefPtr<Dentry> current GUARDED_BY(lock);
};
Global<State> state;
std::atomic<std::uint32_t> creation_mask{022};

void append(std::unique_ptr<Mount> mount, RefPtr<Dentry> root, int parent_id) {
  State& s = *state;
  mount->id = s.next_id++;
  mount->parent_id = parent_id;
  mount->root = std::move(root);
  Mount* added = mount.release();
  (s.last != nullptr ? s.last->next : s.first) = added;
  s.last = added;
}

}  // namespace

void initialise_mounts() {
  state.construct();
  (void)namespace_lock();
  DentryCache::initialise();
}

std::uint64_t next_device_number() {
  return make_device_number(0, state->next_minor.fetch_add(1, std::memory_order_relaxed));
}

Result<void> mount_root_vnode(std::unique_ptr<Mount> mount, RefPtr<Vnode> root_vnode) {
  auto root = TRY(Dentry::create(nullptr, "", std::move(root_vnode), mount.get()));
  {
    WriteGuard names(namespace_lock());
    // What was mounted so far (the root that boot began with) is out of reach from now on, but stays for what is
    // still open there.
    if (state->last != nullptr) {
      state->last->next = state->covered;
      state->covered = std::exchange(state->first, nullptr);
      state->last = nullptr;
    }
    append(std::move(mount), root, 1);
  }
  RefPtr<Dentry> current = root;
  SpinGuard guard(state->lock);
  std::swap(state->root, root);
  std::swap(state->current, current);
  return {};
}

Result<void> mount_at(std::string_view path, std::unique_ptr<Mount> mount, RefPtr<Vnode> root_vnode) {
  RefPtr<Dentry> covered = TRY(vfs_resolve(nullptr, path));
  if (!covered->vnode().is_directory()) return Errno::kENOTDIR;
  char name[kNameMax + 1];
  // The root of the mount has the name and the parent of what it covers, so that paths and ".." need no detour.
  char full[512];
  const std::size_t size = TRY(path_of(*covered, full, sizeof full));
  const std::string_view text(full, size);
  const std::string_view last = text.substr(text.rfind('/') + 1);
  last.copy(name, sizeof name);
  auto root = TRY(Dentry::create(DentryCache::parent_of(*covered), {name, last.size()}, std::move(root_vnode),
                                 mount.get()));
  WriteGuard names(namespace_lock());
  append(std::move(mount), root, covered->mount().id);
  DentryCache::set_mounted(*covered, std::move(root));
  return {};
}

void vfs_for_each_mount(void (*visit)(const MountInformation& mount, void* context), void* context) {
  ReadGuard names(namespace_lock());
  for (Mount* mount = state->first; mount != nullptr; mount = mount->next) {
    char path[512];
    auto size = path_of(*mount->root, path, sizeof path);
    if (!size.ok()) continue;
    visit({mount->id, mount->parent_id, mount->device, mount->source, mount->type, mount->options,
           {path, size.value()}},
          context);
  }
}

RefPtr<Dentry> root_directory() {
  SpinGuard guard(state->lock);
  return state->root;
}

RefPtr<Dentry> current_directory() {
  SpinGuard guard(state->lock);
  return state->current;
}

Result<void> set_current_directory(RefPtr<Dentry> directory) {
  if (!directory->vnode().is_directory()) return Errno::kENOTDIR;
  SpinGuard guard(state->lock);
  std::swap(state->current, directory);
  return {};
}

std::uint32_t file_creation_mask() { return creation_mask.load(std::memory_order_relaxed); }
std::uint32_t set_file_creation_mask(std::uint32_t mask) {
  return creation_mask.exchange(mask & 0777, std::memory_order_relaxed);
}

Result<std::size_t> path_of(const Dentry& dentry, char* buffer, std::size_t size) {
  return DentryCache::path(dentry, buffer, size, true);
}

Result<std::size_t> current_directory_path(char* buffer, std::size_t size) {
  const RefPtr<Dentry> current = current_directory();
  if (DentryCache::is_deleted(*current)) return Errno::kENOENT;
  return DentryCache::path(*current, buffer, size, false);
}

}  // namespace mokapot
