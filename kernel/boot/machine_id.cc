// SPDX-License-Identifier: Apache-2.0
#include "boot/machine_id.h"

#include "base/format.h"
#include "device/random.h"
#include "fs/vfs.h"
#include "io/file.h"
#include "trace/log.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr const char* kPath = "/etc/machine-id";

Result<void> write_id() {
  RefPtr<File> file = TRY(vfs_open(nullptr, kPath, kOpenWriteOnly | kOpenCreate, 0444));
  if (TRY(file->status()).size != 0) return {};
  std::uint8_t id[16];
  random_bytes(id, sizeof id);
  id[6] = static_cast<std::uint8_t>((id[6] & 0x0f) | 0x40);  // RFC 4122: version 4, which systemd draws, too
  id[8] = static_cast<std::uint8_t>((id[8] & 0x3f) | 0x80);
  char text[2 * sizeof id + 2];
  for (unsigned i = 0; i < sizeof id; ++i) format_to(text + 2 * i, 3, "%02x", id[i]);
  text[2 * sizeof id] = '\n';
  IoBuffer buffer(text, 2 * sizeof id + 1);
  TRY(file->write(buffer));
  return {};
}

}  // namespace

void publish_machine_id() {
  auto written = vfs_make_directories("/etc", 0755);
  if (written.ok()) written = write_id();
  if (!written.ok()) LOG_WARNING("%s cannot be made: %s", kPath, errno_name(written.error()));
}

}  // namespace mokapot
