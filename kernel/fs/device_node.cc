// SPDX-License-Identifier: Apache-2.0

#include "fs/device_node.h"

#include "fs/vnode.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::size_t kMostDevices = 64;
struct Entry {
  std::uint64_t number;
  DeviceOpener opener;
};
constinit SpinLock table_lock{LockRank::kDentries};
Entry table[kMostDevices];       // guarded by table_lock
std::size_t count = 0;           // guarded by table_lock
DeviceOpener fifo = nullptr;     // guarded by table_lock

}  // namespace

Result<void> register_char_device(std::uint32_t major, std::uint32_t minor, DeviceOpener opener) {
  const std::uint64_t number = make_device_number(major, minor);
  SpinGuard guard(table_lock);
  for (std::size_t i = 0; i < count; ++i) {
    if (table[i].number == number) return Errno::kEEXIST;
  }
  if (count == kMostDevices) return Errno::kENOMEM;
  table[count++] = {number, opener};
  return {};
}

void set_fifo_opener(DeviceOpener opener) {
  SpinGuard guard(table_lock);
  fifo = opener;
}

Result<RefPtr<File>> open_device(Vnode& node, std::uint64_t device, std::uint32_t flags) {
  DeviceOpener opener = nullptr;
  {
    SpinGuard guard(table_lock);
    for (std::size_t i = 0; i < count && opener == nullptr; ++i) {
      if (table[i].number == device) opener = table[i].opener;
    }
  }
  if (opener == nullptr) return Errno::kENXIO;
  return opener(flags, node);
}

Result<RefPtr<File>> open_fifo(Vnode& node, std::uint32_t flags) {
  DeviceOpener opener = nullptr;
  {
    SpinGuard guard(table_lock);
    opener = fifo;
  }
  if (opener == nullptr) return Errno::kENXIO;
  return opener(flags, node);
}

}  // namespace mokapot
