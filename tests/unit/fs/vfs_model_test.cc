// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/fs/dentry.cc kernel/fs/vnode.cc kernel/fs/vnode_file.cc kernel/fs/path_walk.cc
// sources: kernel/fs/inotify.cc kernel/io/anonymous.cc kernel/fs/page_cluster.cc
// sources: kernel/fs/erofs_clusters.cc kernel/fs/erofs_cluster_index.cc kernel/fs/lz4.cc
// sources: kernel/fs/mount.cc kernel/fs/vfs_open.cc kernel/fs/vfs_names.cc kernel/fs/vfs_attributes.cc
// sources: kernel/fs/memory_node.cc kernel/fs/memory_directory.cc kernel/fs/page_cache.cc
// sources: kernel/fs/page_read.cc kernel/fs/page_write.cc kernel/fs/page_block.cc kernel/fs/page_recency.cc
// sources: kernel/fs/erofs_volume.cc kernel/fs/erofs_inode.cc kernel/fs/erofs_directory.cc
// sources: kernel/fs/erofs_xattr.cc kernel/fs/device_node.cc kernel/fs/memory_devices.cc
// sources: kernel/fs/pseudo.cc kernel/fs/file_systems.cc kernel/io/file.cc kernel/vm/user_access.cc
// sources: tests/unit/fs/fake_kernel.cc
//
// The model is the build host's own kernel: random operations are done both in a directory of the host and in our VFS,
// and every result, error number, file's contents and directory listing must agree. Once on a plain tmpfs, once
// on two EROFS layers with the same files in the host's directory.

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "fs/fake_kernel.h"
#include "fs/vfs.h"

// renameat2 is not in every C library's headers under this name.
extern "C" int renameat2(int, const char*, int, const char*, unsigned);

namespace mokapot {
namespace {

namespace stdfs = std::filesystem;

int to_errno(Errno error) { return static_cast<int>(error); }
template <typename T>
int code(const Result<T>& result) {
  return result.ok() ? 0 : to_errno(result.error());
}
int host(int result) { return result < 0 ? errno : 0; }

// Both worlds: the host's directory and ours.
class Worlds {
 public:
  Worlds(std::string host_root, RefPtr<Dentry> ours) : host_root_(std::move(host_root)), ours_(std::move(ours)) {
    directory_ = ::open(host_root_.c_str(), O_PATH | O_DIRECTORY);
  }
  ~Worlds() { ::close(directory_); }

  int directory() const { return directory_; }
  // Whether path climbs out of the directory, by ".." in itself or in a symbolic link: above it the two
  // worlds differ, and the host's is not ours to change.
  bool leaves(const std::string& path) const {
    open_how how{.flags = O_PATH, .mode = 0, .resolve = RESOLVE_BENEATH};
    const long fd = ::syscall(SYS_openat2, directory_, path.c_str(), &how, sizeof how);
    if (fd >= 0) ::close(static_cast<int>(fd));
    return fd < 0 && errno == EXDEV;
  }
  Dentry* ours() { return ours_.get(); }

  // Everything below path, as text: names, types, sizes, link counts of files, contents.
  std::string describe_host(const std::string& path) {
    std::string text;
    DIR* dir = ::fdopendir(::openat(directory_, path.c_str(), O_RDONLY | O_DIRECTORY));
    if (dir == nullptr) return "cannot open " + path + "\n";
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(dir)) names.push_back(entry->d_name);
    ::closedir(dir);
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      if (name == "." || name == "..") continue;
      const std::string at = path + "/" + name;
      struct stat status;
      ::fstatat(directory_, at.c_str(), &status, AT_SYMLINK_NOFOLLOW);
      text += line(at, status.st_mode, static_cast<std::uint64_t>(status.st_size), status.st_nlink);
      if (S_ISDIR(status.st_mode)) text += describe_host(at);
      if (S_ISLNK(status.st_mode)) {
        char target[4096];
        const ssize_t size = ::readlinkat(directory_, at.c_str(), target, sizeof target);
        text += "  -> " + std::string(target, static_cast<std::size_t>(size)) + "\n";
      }
      if (S_ISREG(status.st_mode)) {
        const int fd = ::openat(directory_, at.c_str(), O_RDONLY);
        std::string contents(static_cast<std::size_t>(status.st_size), '\0');
        EXPECT_EQ(::read(fd, contents.data(), contents.size()), status.st_size);
        ::close(fd);
        text += digest(contents);
      }
    }
    return text;
  }

  std::string describe_ours(const std::string& path) {
    std::string text;
    auto directory = vfs_open(ours(), path, kOpenReadOnly | kOpenDirectory, 0);
    if (!directory.ok()) return "cannot open " + path + "\n";
    std::vector<std::string> names;
    // A few entries at a time: the position must hold over calls.
    for (std::size_t before = ~std::size_t{0}; before != names.size();) {
      before = names.size();
      struct Batch {
        std::vector<std::string>& names;
        int left;
      } batch{names, 3};
      EXPECT_TRUE(vfs_read_directory(*directory.value(),
                                     [](const DirectoryEntry& entry, void* context) {
                                       auto& b = *static_cast<Batch*>(context);
                                       if (b.left-- == 0) return false;
                                       b.names.emplace_back(entry.name);
                                       return true;
                                     },
                                     &batch)
                      .ok());
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      if (name == "." || name == "..") continue;
      const std::string at = path + "/" + name;
      auto dentry = vfs_resolve(ours(), at, LastLink::kNoFollow);
      if (!dentry.ok()) {
        text += "lost " + at + "\n";
        continue;
      }
      const FileStatus status = vfs_status(*dentry.value()).take();
      text += line(at, status.mode, status.size, status.links);
      if (S_ISDIR(status.mode)) text += describe_ours(at);
      if (S_ISLNK(status.mode)) {
        char target[4096];
        const std::size_t size = vfs_readlink(ours(), at, target, sizeof target).value_or(0);
        text += "  -> " + std::string(target, size) + "\n";
      }
      if (S_ISREG(status.mode)) text += digest(fake::read_all(*vfs_open(ours(), at, kOpenReadOnly, 0).take()));
    }
    return text;
  }

  // The link counts of files in EROFS layers are theirs; the overlay does not follow them.
  bool compare_links = true;

 private:
  std::string line(const std::string& path, std::uint32_t mode, std::uint64_t size, std::uint64_t links) {
    char text[512];
    if (S_ISDIR(mode)) size = links = 0;  // a file system's own affair
    if (!compare_links) links = 0;
    std::snprintf(text, sizeof text, "%s %o %lu %lu\n", path.c_str(), mode, static_cast<unsigned long>(size),
                  static_cast<unsigned long>(links));
    return text;
  }
  static std::string digest(const std::string& contents) {
    return "  " + std::to_string(std::hash<std::string>()(contents)) + "\n";
  }

  const std::string host_root_;
  const RefPtr<Dentry> ours_;
  int directory_;
};

// One random operation on both sides.
class Operations {
 public:
  Operations(Worlds& worlds, unsigned seed) : worlds_(worlds), random_(seed) {}

  void step(int number) {
    const std::string a = path(), b = path();
    SCOPED_TRACE(std::to_string(number) + ": " + a + " " + b);
    const int dir = worlds_.directory();
    Dentry* ours = worlds_.ours();
    switch (pick(16)) {
      case 0:
        same("mkdir", host(::mkdirat(dir, a.c_str(), 0755)), code(vfs_mkdir(ours, a, 0755)));
        break;
      case 1:
        same("rmdir", host(::unlinkat(dir, a.c_str(), AT_REMOVEDIR)), code(vfs_rmdir(ours, a)));
        break;
      case 2:
        same("unlink", host(::unlinkat(dir, a.c_str(), 0)), code(vfs_unlink(ours, a)));
        break;
      case 3:
      case 4:
        same("rename", host(::renameat(dir, a.c_str(), dir, b.c_str())), code(vfs_rename(ours, a, ours, b, 0)));
        break;
      case 5: {
        const unsigned flags = 1u << pick(2);
        same("renameat2", host(renameat2(dir, a.c_str(), dir, b.c_str(), flags)),
             code(vfs_rename(ours, a, ours, b, flags)));
        break;
      }
      case 6:
        same("link", host(::linkat(dir, a.c_str(), dir, b.c_str(), 0)),
             code(vfs_link(ours, a, LastLink::kNoFollow, ours, b)));
        break;
      case 7:
        same("symlink", host(::symlinkat(b.c_str(), dir, a.c_str())), code(vfs_symlink(b, ours, a)));
        break;
      case 8: {
        char target[64];
        same("readlink", host(static_cast<int>(::readlinkat(dir, a.c_str(), target, sizeof target))),
             code(vfs_readlink(ours, a, target, sizeof target)));
        break;
      }
      case 9: {
        struct stat status;
        const bool follow = pick(2) == 0;
        auto found = vfs_resolve(ours, a, follow ? LastLink::kFollow : LastLink::kNoFollow);
        same("stat", host(::fstatat(dir, a.c_str(), &status, follow ? 0 : AT_SYMLINK_NOFOLLOW)), code(found));
        break;
      }
      case 10: {
        const auto mode = static_cast<unsigned>(0700 | pick(0100));
        auto found = vfs_resolve(ours, a);
        same("chmod", host(::fchmodat(dir, a.c_str(), mode, 0)),
             found.ok() ? code(vfs_change_mode(*found.value(), mode)) : code(found));
        break;
      }
      case 11: {
        const auto size = static_cast<std::uint64_t>(pick(20000));
        auto found = vfs_resolve(ours, a);
        const std::string whole = "/proc/self/fd/" + std::to_string(dir) + "/" + a;
        same("truncate", host(::truncate(whole.c_str(), static_cast<off_t>(size))),
             found.ok() ? code(vfs_truncate(*found.value(), size)) : code(found));
        break;
      }
      default: transfer(a); break;
    }
  }

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }

  std::string path() {
    std::string text = any_path();
    while (worlds_.leaves(text)) text = any_path();
    return text;
  }

  // Few names, so that they meet; now and then an odd form.
  std::string any_path() {
    static const char* const kNames[] = {"a", "b", "c", "dir", "sub", "big", "only-low", "both", "link"};
    std::string text;
    const int depth = 1 + pick(3);
    for (int i = 0; i < depth; ++i) {
      if (i > 0) text += pick(12) == 0 ? "//" : "/";
      const int odd = pick(30);
      if (odd == 0) text += ".";
      else if (odd == 1) text += "..";
      else text += kNames[pick(static_cast<int>(std::size(kNames)))];
    }
    if (pick(12) == 0) text += "/";
    return text;
  }

  void transfer(const std::string& path) {
    static constexpr std::uint32_t kExtra[] = {0, 0, kOpenTruncate, kOpenExclusive, kOpenAppend, kOpenNoFollow};
    std::uint32_t flags = static_cast<std::uint32_t>(pick(3)) | kExtra[pick(6)];
    if (pick(2) == 0) flags |= kOpenCreate;
    else flags &= ~kOpenExclusive;
    const int fd = ::openat(worlds_.directory(), path.c_str(), static_cast<int>(flags), 0644);
    const int host_error = host(fd);
    auto file = vfs_open(worlds_.ours(), path, flags, 0644);
    same("open", host_error, code(file));
    if (fd < 0 || !file.ok()) return;
    if ((flags & kOpenAccessMask) != kOpenReadOnly) {
      std::string data(static_cast<std::size_t>(pick(12000)), '\0');
      for (char& c : data) c = static_cast<char>('a' + pick(26));
      const auto offset = static_cast<std::uint64_t>(pick(3) == 0 ? pick(20000) : 0);
      ASSERT_EQ(::pwrite(fd, data.data(), data.size(), static_cast<off_t>(offset)), static_cast<ssize_t>(data.size()));
      IoBuffer buffer(data.data(), data.size());
      auto written = file.value()->write_at(buffer, offset);
      ASSERT_TRUE(written.ok());
      EXPECT_EQ(written.value(), data.size());
    }
    ::close(fd);
  }

  void same(const char* what, int expected, int actual) {
    EXPECT_EQ(std::string(what) + " " + std::strerror(expected), std::string(what) + " " + std::strerror(actual));
  }

  Worlds& worlds_;
  std::mt19937 random_;
};

class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    char name[] = "/tmp/mokapot-vfs-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~TemporaryDirectory() { stdfs::remove_all(path); }
  std::string path;
};

void run(Worlds& worlds, unsigned seed, int steps) {
  ::umask(022);
  set_file_creation_mask(022);
  Operations operations(worlds, seed);
  for (int i = 0; i < steps; ++i) {
    operations.step(i);
    if (i % 25 == 0 || ::testing::Test::HasFailure()) {
      ASSERT_EQ(worlds.describe_host("."), worlds.describe_ours(".")) << "after step " << i << ", seed " << seed;
    }
    if (::testing::Test::HasFailure()) return;
  }
}

TEST(VfsModel, TmpfsAnswersAsTheHostDoes) {
  fake::start_kernel();
  for (unsigned seed = 1; seed <= 20 && !HasFailure(); ++seed) {
    TemporaryDirectory directory;
    const std::string name = "/model" + std::to_string(seed);
    ASSERT_TRUE(vfs_mkdir(nullptr, name, 0755).ok());
    Worlds worlds(directory.path, vfs_resolve(nullptr, name).take());
    run(worlds, seed, 2000);
  }
}

void write_file(const std::string& path, std::size_t size, char fill) {
  std::ofstream(path, std::ios::binary) << std::string(size, fill);
}

TEST(VfsModel, LayersUnderMemoryAnswerAsOneTree) {
  fake::start_kernel();
  TemporaryDirectory low, high, merged;
  stdfs::create_directories(low.path + "/dir/sub");
  write_file(low.path + "/dir/a", 100, 'a');
  write_file(low.path + "/dir/only-low", 9000, 'l');
  write_file(low.path + "/dir/both", 5000, '1');
  write_file(low.path + "/big", 300000, 'b');
  write_file(low.path + "/dir/sub/c", 4096, 'c');
  stdfs::create_symlink("dir/a", low.path + "/link");
  stdfs::create_directories(high.path + "/dir/b");
  write_file(high.path + "/dir/both", 6000, '2');
  write_file(high.path + "/dir/b/big", 4097, 'h');
  stdfs::copy(low.path, merged.path, stdfs::copy_options::recursive | stdfs::copy_options::copy_symlinks);
  stdfs::copy(high.path, merged.path,
              stdfs::copy_options::recursive | stdfs::copy_options::overwrite_existing);
  std::vector<std::uint8_t> low_image, high_image;
  if (!fake::make_image(low.path, low_image) || !fake::make_image(high.path, high_image)) {
    GTEST_SKIP() << "no mkfs.erofs";
  }
  for (unsigned seed = 1; seed <= 20 && !HasFailure(); ++seed) {
    // Disks live on: the mounts of earlier rounds still refer to them.
    auto* low_disk = new fake::MemoryDisk(low_image);
    auto* high_disk = new fake::MemoryDisk(high_image);
    BlockDevice* layers[] = {low_disk, high_disk};
    ASSERT_TRUE(mount_root(layers).ok());
    TemporaryDirectory directory;
    stdfs::copy(merged.path, directory.path, stdfs::copy_options::recursive | stdfs::copy_options::copy_symlinks);
    ASSERT_TRUE(vfs_change_mode(*root_directory(), 0755).ok());
    Worlds worlds(directory.path, root_directory());
    ASSERT_EQ(worlds.describe_host("."), worlds.describe_ours("."));
    run(worlds, seed, 2000);
  }
}

}  // namespace
}  // namespace mokapot
