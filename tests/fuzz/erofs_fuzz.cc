// SPDX-License-Identifier: Apache-2.0
//
// A root image with patches: the input is a list of (offset, byte) pairs that are put into one of the images which
// mkfs.erofs made when the fuzzer started, plain or compressed; where there is no mkfs.erofs, it is the image. Whatever is in it, every
// file is looked at, and nothing may be touched outside what was read.
// sources: kernel/fs/erofs_volume.cc kernel/fs/erofs_inode.cc kernel/fs/erofs_directory.cc
// sources: kernel/fs/inotify.cc kernel/io/anonymous.cc kernel/fs/page_cluster.cc
// sources: kernel/fs/erofs_clusters.cc kernel/fs/erofs_cluster_index.cc kernel/fs/lz4.cc
// sources: kernel/fs/erofs_xattr.cc kernel/fs/page_cache.cc kernel/fs/page_read.cc kernel/fs/page_write.cc kernel/fs/page_block.cc
// sources: kernel/fs/page_recency.cc kernel/fs/dentry.cc kernel/fs/vnode.cc kernel/fs/vnode_file.cc
// sources: kernel/fs/path_walk.cc kernel/fs/mount.cc kernel/fs/vfs_open.cc kernel/fs/vfs_names.cc
// sources: kernel/fs/vfs_attributes.cc kernel/fs/memory_node.cc kernel/fs/memory_directory.cc
// sources: kernel/fs/device_node.cc kernel/fs/memory_devices.cc kernel/fs/pseudo.cc
// sources: kernel/fs/file_systems.cc kernel/io/file.cc kernel/vm/user_access.cc
// sources: kernel/base/format.cc kernel/base/errno.cc kernel/sync/spinlock.cc
// sources: tests/unit/fs/fake_kernel.cc

#include <sys/xattr.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "fakes/log.h"
#include "fs/erofs_walk.h"
#include "fs/fake_kernel.h"

namespace {

using Image = std::vector<std::uint8_t>;

// Words that repeat, with something of their own now and then: neither all noise nor all alike.
std::string text_of(std::size_t size) {
  std::string text;
  for (unsigned word = 7; text.size() < size; word = word * 1103515245 + 12345) {
    text += "word " + std::to_string(word >> (word % 29)) + (word % 5 == 0 ? "\n" : " and ");
  }
  text.resize(size);
  return text;
}

std::vector<Image> make_bases() {
  namespace stdfs = std::filesystem;
  char name[] = "/tmp/mokapot-erofs-fuzz-XXXXXX";
  const std::string root = ::mkdtemp(name);
  stdfs::create_directories(root + "/dir/sub");
  for (int i = 0; i < 250; ++i) std::ofstream(root + "/dir/file-with-a-long-name-" + std::to_string(i)) << i;
  std::ofstream(root + "/large") << std::string(20000, 'x');
  std::ofstream(root + "/text") << text_of(150000);
  std::ofstream(root + "/tail") << std::string(5000, 't');
  stdfs::create_symlink("dir/sub", root + "/link");
  ::setxattr((root + "/tail").c_str(), "user.one", "value", 5, 0);
  std::vector<Image> images;
  for (const char* options : {"", "-zlz4hc", "-zlz4hc -C16384", "-zlz4hc -C65536 --max-extent-bytes=65536 -Elegacy-compress"}) {
    Image image;
    if (mokapot::fake::make_image(root, image, options)) images.push_back(std::move(image));
  }
  stdfs::remove_all(root);
  return images;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<Image> bases = [] {
    mokapot::fake::start_kernel();
    return make_bases();
  }();
  // Its first byte chooses.
  Image image = bases.empty() || size == 0 ? Image() : bases[data[0] % bases.size()];
  if (image.empty()) {
    image.assign(data, data + size);
    image.resize((size + 4095) / 4096 * 4096);
  }
  for (std::size_t at = 0; !bases.empty() && at + 4 <= size; at += 4) {
    const std::size_t offset = data[at] | data[at + 1] << 8 | data[at + 2] << 16;
    image[offset % image.size()] = data[at + 3];
  }
  // The checksum would stop all that happens to the first block.
  if (image.size() > 1024 + 8) image[1024 + 8] &= 0xfe;
  mokapot::fake::MemoryDisk disk(std::move(image));
  mokapot::fake::VolumeCensus census;
  (void)mokapot::fake::walk_volume(disk, census);
  mokapot::fake::log_lines().clear();
  return 0;
}
