// SPDX-License-Identifier: Apache-2.0
//
// SCSI commands of disks (SPC-4, SBC-3) as bytes, and what devices answer. Nothing here knows how commands travel, and
// nothing that a device says is trusted.
//
// Pure functions: any context.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/errno.h"

namespace mokapot {

struct ScsiCommand {
  static constexpr std::size_t kMostBytes = 16;
  std::uint8_t bytes[kMostBytes] = {};
};

ScsiCommand scsi_test_unit_ready();
ScsiCommand scsi_report_luns(std::uint32_t room);
ScsiCommand scsi_inquiry(std::uint8_t room);
ScsiCommand scsi_inquiry_serial(std::uint8_t room);  // vital product data page 80h
ScsiCommand scsi_read_capacity10();
ScsiCommand scsi_read_capacity16(std::uint32_t room);
ScsiCommand scsi_mode_sense(std::uint8_t room);
ScsiCommand scsi_synchronize_cache();  // all of it
enum class ScsiTransfer : std::uint8_t { kRead, kWrite };
// The short form where it can say that much.
ScsiCommand scsi_transfer(ScsiTransfer kind, std::uint64_t block, std::uint32_t blocks);

// Whether an answer to INQUIRY is of a disk that is there.
bool scsi_is_disk(std::span<const std::uint8_t> inquiry);
// The number of LUNs below 16384 that REPORT LUNS tells, at most luns.size() of them, in luns.
std::size_t scsi_parse_luns(std::span<const std::uint8_t> answer, std::span<std::uint16_t> luns);
struct ScsiCapacity {
  std::uint64_t blocks;
  std::uint32_t block_size;
};
// Empty if it is cut short, or its blocks are none that can be used (512 to 4096 bytes, a power of two).
std::optional<ScsiCapacity> scsi_parse_capacity10(std::span<const std::uint8_t> answer);
std::optional<ScsiCapacity> scsi_parse_capacity16(std::span<const std::uint8_t> answer);
// READ CAPACITY (10) says so of a disk that is too large for it.
bool scsi_wants_capacity16(std::span<const std::uint8_t> answer);
// Without the spaces around it; the number of characters put into text, and a 0 behind them.
std::size_t scsi_parse_serial(std::span<const std::uint8_t> page, std::span<char> text);
bool scsi_is_write_protected(std::span<const std::uint8_t> mode);

struct ScsiSense {
  std::uint8_t key = 0, code = 0, qualifier = 0;
};
// Fixed and descriptor format. All zero if it is neither.
ScsiSense scsi_parse_sense(std::span<const std::uint8_t> sense);

// What to do with a command that ended with that status and sense.
enum class ScsiVerdict : std::uint8_t {
  kDone,
  kAgain,     // a unit attention, which is told once and has nothing to do with the command; aborted; busy
  kLater,     // the device is becoming ready
  kFailed,
  kUnknown,   // the device does not know the command
  kReadOnly,
};
ScsiVerdict scsi_verdict(std::uint8_t status, const ScsiSense& sense);
Errno scsi_error(ScsiVerdict verdict);  // of one that is not kDone

}  // namespace mokapot
