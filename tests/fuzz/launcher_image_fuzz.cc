// SPDX-License-Identifier: Apache-2.0
//
// Disk images from anywhere, as moka run and moka inspect read them: partition tables, archives and
// configurations; and archives of classes, as moka build --archive reads them.
//
// sources: launcher/disk/guid.cc launcher/disk/partition_table.cc launcher/guest/cpio.cc
// sources: launcher/guest/initrd.cc launcher/guest/host_folder.cc launcher/support/files.cc
// sources: launcher/build/trained_archive.cc launcher/image/tree_plan.cc launcher/support/hash.cc
// libs: -lz

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "build/trained_archive.h"
#include "disk/partition_table.h"
#include "guest/cpio.h"
#include "guest/initrd.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto partitions = moka::read_partition_table(text)) {
    for (const moka::Partition& partition : partitions.value())
      if (partition.offset + partition.size < partition.offset) std::abort();
  }
  if (const auto members = moka::read_cpio(text)) {
    std::size_t bytes = 0;
    for (const moka::CpioMember& member : members.value()) bytes += member.content.size();
    if (bytes > size) std::abort();
  }
  if (const auto archive = moka::decode_archive(text)) {
    const auto again = moka::decode_archive(moka::encode_archive(archive.value()));
    if (!again || !moka::reason_against(again.value().key, archive.value().key).empty()) std::abort();
  }
  if (const auto config = moka::decode_config(text)) {
    // What was understood is written so that it is understood again.
    const auto records = moka::encode_config(config.value());
    if (!records || !moka::decode_config(records.value())) std::abort();
  }
  return 0;
}
