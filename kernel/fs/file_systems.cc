// SPDX-License-Identifier: Apache-2.0
//
// Which file systems there are and where they are mounted: the boot steps of vfs.h.

#include <cstring>

#include "base/global.h"
#include "device/block_device.h"
#include "fs/erofs.h"
#include "fs/memory_devices.h"
#include "fs/memory_node.h"
#include "fs/mount.h"
#include "fs/pseudo.h"
#include "fs/vfs.h"
#include "memory/frames.h"
#include "trace/log.h"

namespace mokapot {

void initialise_mounts();

namespace {

constexpr std::uint64_t kTmpfsMagic = 0x01021994, kOverlayMagic = 0x794c7630, kProcMagic = 0x9fa0,
                        kSysfsMagic = 0x62656572, kCgroup2Magic = 0x63677270;

class MemoryMount final : public Mount {
 public:
  MemoryMount(std::uint64_t magic, std::uint64_t page_limit) : fs(next_device_number(), page_limit), magic_(magic) {
    device = fs.device();
    type = source = magic == kOverlayMagic ? "overlay" : "tmpfs";
    options = "rw,relatime";
  }
  FileSystemStatistics statistics() override {
    FileSystemStatistics s;
    s.type = magic_;
    const std::uint64_t used = fs.quota()->used.load(std::memory_order_relaxed);
    const std::uint64_t available = frame_statistics().free_frames;
    s.blocks = fs.quota()->limit + lower_blocks;
    s.free_blocks = fs.quota()->limit > used ? fs.quota()->limit - used : 0;
    if (s.free_blocks > available) s.free_blocks = available;
    s.files = frame_statistics().total_frames;
    s.free_files = s.files > fs.nodes() ? s.files - fs.nodes() : 0;
    return s;
  }

  MemoryFileSystem fs;
  std::uint64_t lower_blocks = 0;
  Vector<RefPtr<ErofsVolume>> volumes;

 private:
  const std::uint64_t magic_;
};

class PseudoMount final : public Mount {
 public:
  PseudoMount(std::uint64_t magic, const char* name) : magic_(magic) {
    device = next_device_number();
    type = source = name;
    options = "rw,nosuid,nodev,noexec,relatime";
  }
  FileSystemStatistics statistics() override {
    FileSystemStatistics s;
    s.type = magic_;
    return s;
  }

 private:
  const std::uint64_t magic_;
};

// A tmpfs may take half the memory, as on Linux; so may the changes to the root.
std::uint64_t half_of_memory() { return frame_statistics().total_frames / 2; }

Result<void> mount_pseudo(const char* path, PseudoTree tree, std::uint64_t magic, const char* name) {
  auto mount = TRY(make_unique_or_error<PseudoMount>(magic, name));
  auto root = TRY(make_pseudo_root(tree, mount->device));
  return mount_at(path, std::move(mount), std::move(root));
}

Result<void> fill_dev() {
  struct Node {
    const char* path;
    std::uint32_t major, minor, mode;
  };
  constexpr Node kNodes[] = {
      {"/dev/null", 1, 3, 0666},   {"/dev/zero", 1, 5, 0666},    {"/dev/full", 1, 7, 0666},
      {"/dev/random", 1, 8, 0666}, {"/dev/urandom", 1, 9, 0666}, {"/dev/tty", 5, 0, 0666},
      {"/dev/console", 5, 1, 0600},
  };
  for (const Node& node : kNodes) {
    RefPtr<Dentry> made = TRY(vfs_make_node(nullptr, node.path, kModeCharDevice | node.mode,
                                            make_device_number(node.major, node.minor)));
    TRY(vfs_change_mode(*made, node.mode));  // whatever the umask
  }
  TRY(vfs_symlink("/proc/self/fd", nullptr, "/dev/fd"));
  TRY(vfs_symlink("/proc/self/fd/0", nullptr, "/dev/stdin"));
  TRY(vfs_symlink("/proc/self/fd/1", nullptr, "/dev/stdout"));
  TRY(vfs_symlink("/proc/self/fd/2", nullptr, "/dev/stderr"));
  return {};
}

// A directory that programs count on; whatever is there already stays.
Result<void> ensure_directory(const char* path, std::uint32_t mode) {
  TRY(vfs_make_directories(path, 0755));
  RefPtr<Dentry> directory = TRY(vfs_resolve(nullptr, path));
  const std::uint32_t has = TRY(vfs_status(*directory)).mode & kModePermissions;
  if (has == mode || mode == 0755) return {};
  return vfs_change_mode(*directory, mode);
}

Result<void> mount_memory(std::string_view path, std::uint32_t mode, const char* options) {
  auto mount = TRY(make_unique_or_error<MemoryMount>(kTmpfsMagic, half_of_memory()));
  if (options != nullptr) mount->options = options;
  auto root = TRY(MemoryNode::create_new(mount->fs, kModeDirectory | mode, 0));
  return mount_at(path, std::move(mount), std::move(root));
}

}  // namespace

void initialise_vfs() {
  initialise_mounts();
  initialise_memory_files();
  auto mount = make_unique_or_error<MemoryMount>(kTmpfsMagic, half_of_memory());
  ASSERT(mount.ok());
  auto root = MemoryNode::create_new(mount.value()->fs, kModeDirectory | 0755, 0);
  ASSERT(root.ok());
  ASSERT(mount_root_vnode(mount.take(), root.take()).ok());
  ASSERT(register_memory_devices().ok());
}

Result<void> mount_root(std::span<BlockDevice* const> layers) {
  if (layers.size() > ErofsVolume::kMostLayers) {
    LOG_ERROR("vfs: %zu layers, but at most %u can be stacked", layers.size(), ErofsVolume::kMostLayers);
    return Errno::kEINVAL;
  }
  auto mount = TRY(make_unique_or_error<MemoryMount>(kOverlayMagic, half_of_memory()));
  Vector<RefPtr<LowerNode>> lowers;
  // Topmost first.
  for (std::size_t i = layers.size(); i > 0; --i) {
    RefPtr<ErofsVolume> volume = TRY(ErofsVolume::open(*layers[i - 1], static_cast<unsigned>(i - 1), mount->device));
    auto root = TRY(volume->root());
    if ((root->attributes().mode & kModeType) != kModeDirectory) {
      LOG_ERROR("erofs: disk %s: damaged: its root is not a directory", layers[i - 1]->serial());
      return Errno::kEUCLEAN;
    }
    mount->lower_blocks += volume->blocks();
    TRY(mount->volumes.push_back(std::move(volume)));
    TRY(lowers.push_back(std::move(root)));
  }
  if (lowers.empty()) return Errno::kENODEV;
  auto root = TRY(MemoryNode::create_over(mount->fs, std::move(lowers)));
  return mount_root_vnode(std::move(mount), std::move(root));
}

Result<void> mount_pseudo_file_systems() {
  TRY(ensure_directory("/dev", 0755));
  TRY(mount_memory("/dev", 0755, "rw,nosuid,relatime"));
  TRY(fill_dev());
  TRY(ensure_directory("/dev/shm", 01777));
  TRY(mount_memory("/dev/shm", 01777, "rw,nosuid,nodev"));
  TRY(ensure_directory("/proc", 0755));
  TRY(mount_pseudo("/proc", PseudoTree::kProc, kProcMagic, "proc"));
  TRY(ensure_directory("/sys", 0755));
  TRY(mount_pseudo("/sys", PseudoTree::kSys, kSysfsMagic, "sysfs"));
  // The mount point is a node of sysfs, which the upper layers publish; until they do there is no cgroup tree.
  TRY(ensure_directory("/tmp", 01777));
  TRY(ensure_directory("/run", 0755));
  return ensure_directory("/var/tmp", 01777);
}

Result<void> mount_cgroup() { return mount_pseudo("/sys/fs/cgroup", PseudoTree::kCgroup, kCgroup2Magic, "cgroup2"); }

Result<void> vfs_mount_tmpfs(std::string_view path, std::uint32_t mode) {
  TRY(vfs_make_directories(path, 0755));
  return mount_memory(path, mode & kModePermissions, nullptr);
}

}  // namespace mokapot
