// SPDX-License-Identifier: Apache-2.0

#include <memory>

#include "device/message_channel.h"
#include "fs/host_folder.h"
#include "fs/mount.h"
#include "fs/ninep_node.h"
#include "fs/vfs.h"

namespace mokapot {
namespace {

class NinepMount final : public Mount {
 public:
  NinepMount(MessageChannel& channel, FolderAccess access)
      : volume_(channel, next_device_number(),
                access == FolderAccess::kReadOnly ? NinepVolume::Access::kReadOnly : NinepVolume::Access::kReadWrite) {
    device = volume_.device();
    read_only = access == FolderAccess::kReadOnly;
    type = "9p";
    source = channel.tag();
    options = read_only ? "ro,relatime,access=any,trans=virtio" : "rw,relatime,access=any,trans=virtio";
  }
  NinepVolume& volume() { return volume_; }
  FileSystemStatistics statistics() override {
    auto statistics = volume_.statistics();
    return statistics.ok() ? statistics.take() : FileSystemStatistics();
  }

 private:
  NinepVolume volume_;
};

}  // namespace

Result<void> vfs_mount_host_folder(std::string_view tag, std::string_view path, FolderAccess access) {
  MessageChannel* channel = find_message_channel(tag);
  if (channel == nullptr) return Errno::kENODEV;
  TRY(vfs_make_directories(path, 0755));
  // A mount stands on a dentry that stays, which those of a changing tree do not.
  RefPtr<Dentry> covered = TRY(vfs_resolve(nullptr, path));
  if (DentryCache::parent_of(*covered)->vnode().dynamic()) return Errno::kEOPNOTSUPP;
  auto mount = TRY(make_unique_or_error<NinepMount>(*channel, access));
  Result<RefPtr<NinepNode>> root = mount->volume().start();
  if (!root.ok()) {
    // The server may have been told of fids, and answers may be on their way: what they lead to stays.
    (void)mount.release();
    return root.error();
  }
  return mount_at(path, std::move(mount), root.take());
}

}  // namespace mokapot
