// SPDX-License-Identifier: Apache-2.0
//
// A partition passes requests on to its disk, moved by where it begins. No lock: everything is const after
// construction.
#include "device/partition.h"

#include <algorithm>
#include <cstring>
#include <memory>

#include "base/ref_counted.h"
#include "base/vector.h"
#include "device/guid_partition_table.h"
#include "memory/frames.h"
#include "trace/log.h"

namespace mokapot {
namespace {

class Partition final : public BlockDevice {
 public:
  Partition(BlockDevice& disk, const GptEntry& entry)
      : disk_(disk),
        begin_(entry.first * disk.sector_size()),
        size_((entry.last - entry.first + 1) * disk.sector_size()) {
    std::memcpy(guid_, entry.guid, sizeof(guid_));
  }

  const char* serial() const override { return guid_; }
  std::uint64_t size() const override { return size_; }
  std::uint32_t sector_size() const override { return disk_.sector_size(); }
  bool read_only() const override { return disk_.read_only(); }
  std::size_t max_segments() const override { return disk_.max_segments(); }
  PhysAddr memory() const override {
    const bool has_whole_pages = !disk_.memory().is_null() && is_aligned(begin_, kPageSize);
    return has_whole_pages ? disk_.memory() + begin_ : PhysAddr();
  }
  void submit(BlockRequest& request) override {
    std::uint64_t total = 0;
    for (const PhysSegment& segment : request.segments) total += segment.size;
    // Past a partition's end lies another one.
    if (request.offset > size_ || total > size_ - request.offset) return request.done(request, Errno::kEIO);
    request.offset += begin_;
    disk_.submit(request);
  }

 private:
  BlockDevice& disk_;
  const std::uint64_t begin_, size_;  // bytes
  char guid_[kGuidTextSize];
};

// Reads whole sectors by way of a frame.
Result<Vector<std::byte>> read_sectors(BlockDevice& disk, std::uint64_t offset, std::size_t size) {
  Vector<std::byte> bytes;
  TRY(bytes.resize(size));
  const PhysAddr frame = TRY(allocate_frame(FrameUse::kKernel, FrameContents::kUninitialised));
  Result<void> outcome;
  for (std::size_t done = 0; done < size && outcome.ok();) {
    const std::size_t piece = std::min<std::size_t>(size - done, kPageSize);
    const PhysSegment segment{frame, static_cast<std::uint32_t>(piece)};
    outcome = disk.transfer(BlockRequest::Kind::kRead, offset + done, {&segment, 1});
    if (outcome.ok()) std::memcpy(bytes.data() + done, direct_map(frame), piece);
    done += piece;
  }
  free_frame(frame);
  if (!outcome.ok()) return outcome.error();
  return bytes;
}

struct Table {
  GptHeader header;
  Vector<std::byte> entries;
};

Result<Table> read_table_at(BlockDevice& disk, std::uint64_t block) {
  const std::uint32_t sector = disk.sector_size();
  const std::uint64_t blocks = disk.size() / sector;
  if (block >= blocks) return Errno::kENOENT;
  const Vector<std::byte> first = TRY(read_sectors(disk, block * sector, sector));
  Table table;
  table.header = TRY(parse_gpt_header({first.data(), first.size()}, block, blocks));
  const std::size_t size = table.header.entries_bytes();
  table.entries = TRY(read_sectors(disk, table.header.entries_block * sector, align_up(size, sector)));
  if (gpt_checksum({table.entries.data(), size}) != table.header.entries_checksum) return Errno::kEUCLEAN;
  return table;
}

Result<Table> read_table(BlockDevice& disk) {
  auto primary = read_table_at(disk, 1);
  if (primary.ok()) return primary;
  const std::uint64_t blocks = disk.size() / disk.sector_size();
  auto backup = blocks > 2 ? read_table_at(disk, blocks - 1) : Result<Table>(Errno::kENOENT);
  if (backup.ok()) {
    LOG_WARNING("disk %s: the partition table is damaged; its backup is used", disk.serial());
    return backup;
  }
  return primary;
}

}  // namespace

BlockDevice* find_partition(std::string_view guid) {
  for (std::size_t number = 0; BlockDevice* disk = block_device(number); ++number) {
    const auto table = read_table(*disk);
    if (!table.ok()) {
      // Disks without partitions are usual: the launcher's are.
      if (table.error() != Errno::kENOENT)
        LOG_ERROR("disk %zu (%s): no partition table can be read: %s", number, disk->serial(), errno_name(table.error()));
      continue;
    }
    const Table& read = table.value();
    for (std::size_t i = 0; i < read.header.entry_count; ++i) {
      const auto entry = parse_gpt_entry(read.header, {read.entries.data(), read.entries.size()}, i);
      if (entry.ok() && guid == entry.value().guid) {
        auto partition = make_unique_or_error<Partition>(*disk, entry.value());
        return partition.ok() ? partition.take().release() : nullptr;
      }
    }
  }
  return nullptr;
}

}  // namespace mokapot
