// SPDX-License-Identifier: Apache-2.0

#include "drivers/scsi_command.h"

#include <algorithm>

namespace mokapot {
namespace {

enum Operation : std::uint8_t {
  kTestUnitReady = 0x00,
  kInquiry = 0x12,
  kModeSense6 = 0x1a,
  kReadCapacity10 = 0x25,
  kRead10 = 0x28,
  kWrite10 = 0x2a,
  kSynchronizeCache10 = 0x35,
  kRead16 = 0x88,
  kWrite16 = 0x8a,
  kServiceActionIn16 = 0x9e,
  kReportLuns = 0xa0,
};
constexpr std::uint8_t kReadCapacity16 = 0x10;  // service action
constexpr std::uint8_t kVitalProductData = 1, kSerialPage = 0x80;
constexpr std::uint8_t kAllModePages = 0x3f, kNoBlockDescriptors = 0x08;
constexpr std::uint32_t kTooLargeForTen = 0xffff'ffff;

enum Status : std::uint8_t { kGood = 0, kCheckCondition = 2, kConditionMet = 4, kBusy = 8, kTaskSetFull = 0x28 };
enum Key : std::uint8_t {
  kNoSense = 0, kRecovered = 1, kNotReady = 2, kIllegalRequest = 5, kUnitAttention = 6, kDataProtect = 7, kAborted = 11
};
constexpr std::uint8_t kCodeBecomingReady = 4, kQualifierBecomingReady = 1;

// SCSI is big-endian.
void put(ScsiCommand& command, std::size_t at, std::size_t bytes, std::uint64_t value) {
  for (std::size_t i = 0; i < bytes; ++i) {
    command.bytes[at + i] = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
  }
}

std::uint64_t get(std::span<const std::uint8_t> answer, std::size_t at, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i) value = value << 8 | answer[at + i];
  return value;
}

ScsiCommand command_of(std::uint8_t operation) {
  ScsiCommand command;
  command.bytes[0] = operation;
  return command;
}

std::optional<ScsiCapacity> capacity_of(std::uint64_t last_block, std::uint64_t block_size) {
  constexpr std::uint64_t kSmallest = 512, kLargest = 4096;
  if (block_size < kSmallest || block_size > kLargest || (block_size & (block_size - 1)) != 0) return std::nullopt;
  if (last_block >= UINT64_MAX / kLargest) return std::nullopt;  // its bytes could not be counted
  return ScsiCapacity{last_block + 1, static_cast<std::uint32_t>(block_size)};
}

}  // namespace

ScsiCommand scsi_test_unit_ready() { return command_of(kTestUnitReady); }

ScsiCommand scsi_report_luns(std::uint32_t room) {
  ScsiCommand command = command_of(kReportLuns);
  put(command, 6, 4, room);
  return command;
}

ScsiCommand scsi_inquiry(std::uint8_t room) {
  ScsiCommand command = command_of(kInquiry);
  put(command, 3, 2, room);
  return command;
}

ScsiCommand scsi_inquiry_serial(std::uint8_t room) {
  ScsiCommand command = scsi_inquiry(room);
  command.bytes[1] = kVitalProductData;
  command.bytes[2] = kSerialPage;
  return command;
}

ScsiCommand scsi_read_capacity10() { return command_of(kReadCapacity10); }

ScsiCommand scsi_read_capacity16(std::uint32_t room) {
  ScsiCommand command = command_of(kServiceActionIn16);
  command.bytes[1] = kReadCapacity16;
  put(command, 10, 4, room);
  return command;
}

ScsiCommand scsi_mode_sense(std::uint8_t room) {
  ScsiCommand command = command_of(kModeSense6);
  command.bytes[1] = kNoBlockDescriptors;
  command.bytes[2] = kAllModePages;
  command.bytes[4] = room;
  return command;
}

ScsiCommand scsi_synchronize_cache() { return command_of(kSynchronizeCache10); }

ScsiCommand scsi_transfer(ScsiTransfer kind, std::uint64_t block, std::uint32_t blocks) {
  const bool reads = kind == ScsiTransfer::kRead;
  if (block <= UINT32_MAX && blocks <= UINT16_MAX) {
    ScsiCommand command = command_of(reads ? kRead10 : kWrite10);
    put(command, 2, 4, block);
    put(command, 7, 2, blocks);
    return command;
  }
  ScsiCommand command = command_of(reads ? kRead16 : kWrite16);
  put(command, 2, 8, block);
  put(command, 10, 4, blocks);
  return command;
}

bool scsi_is_disk(std::span<const std::uint8_t> inquiry) {
  // Qualifier 0: something is connected; type 0: a disk.
  return !inquiry.empty() && inquiry[0] == 0;
}

std::size_t scsi_parse_luns(std::span<const std::uint8_t> answer, std::span<std::uint16_t> luns) {
  constexpr std::size_t kHeader = 8, kEntry = 8;
  if (answer.size() < kHeader) return 0;
  const std::uint64_t bytes = std::min<std::uint64_t>(get(answer, 0, 4), answer.size() - kHeader);
  std::size_t count = 0;
  for (std::size_t at = kHeader; at + kEntry <= kHeader + bytes && count < luns.size(); at += kEntry) {
    // Peripheral addressing on bus 0, or flat; the others are of devices behind devices.
    const unsigned method = answer[at] >> 6;
    const unsigned high = answer[at] & 0x3f;
    if (method > 1 || (method == 0 && high != 0)) continue;
    luns[count++] = static_cast<std::uint16_t>(high << 8 | answer[at + 1]);
  }
  return count;
}

std::optional<ScsiCapacity> scsi_parse_capacity10(std::span<const std::uint8_t> answer) {
  if (answer.size() < 8) return std::nullopt;
  return capacity_of(get(answer, 0, 4), get(answer, 4, 4));
}

std::optional<ScsiCapacity> scsi_parse_capacity16(std::span<const std::uint8_t> answer) {
  if (answer.size() < 12) return std::nullopt;
  return capacity_of(get(answer, 0, 8), get(answer, 8, 4));
}

bool scsi_wants_capacity16(std::span<const std::uint8_t> answer) {
  return answer.size() >= 8 && get(answer, 0, 4) == kTooLargeForTen;
}

std::size_t scsi_parse_serial(std::span<const std::uint8_t> page, std::span<char> text) {
  constexpr std::size_t kHeader = 4;
  std::size_t size = 0;
  if (page.size() >= kHeader && page[1] == kSerialPage) {
    std::span<const std::uint8_t> serial = page.subspan(kHeader, std::min<std::size_t>(page[3], page.size() - kHeader));
    while (!serial.empty() && serial.front() == ' ') serial = serial.subspan(1);
    for (const std::uint8_t byte : serial) {
      const bool printable = byte > ' ' && byte < 0x7f;
      if (!printable || size + 1 >= text.size()) break;
      text[size++] = static_cast<char>(byte);
    }
  }
  if (!text.empty()) text[size] = '\0';
  return size;
}

bool scsi_is_write_protected(std::span<const std::uint8_t> mode) {
  constexpr std::uint8_t kWriteProtected = 0x80;
  return mode.size() >= 4 && (mode[2] & kWriteProtected) != 0;
}

ScsiSense scsi_parse_sense(std::span<const std::uint8_t> sense) {
  constexpr std::uint8_t kFormatMask = 0x7f, kFixed = 0x70, kFixedDeferred = 0x71, kDescriptor = 0x72,
                         kDescriptorDeferred = 0x73;
  if (sense.empty()) return {};
  const std::uint8_t format = sense[0] & kFormatMask;
  const auto at = [sense](std::size_t index) { return index < sense.size() ? sense[index] : std::uint8_t{0}; };
  if (format == kFixed || format == kFixedDeferred) {
    return {static_cast<std::uint8_t>(at(2) & 0xf), at(12), at(13)};
  }
  if (format == kDescriptor || format == kDescriptorDeferred) {
    return {static_cast<std::uint8_t>(at(1) & 0xf), at(2), at(3)};
  }
  return {};
}

ScsiVerdict scsi_verdict(std::uint8_t status, const ScsiSense& sense) {
  if (status == kGood || status == kConditionMet) return ScsiVerdict::kDone;
  if (status == kBusy || status == kTaskSetFull) return ScsiVerdict::kAgain;
  if (status != kCheckCondition) return ScsiVerdict::kFailed;
  switch (sense.key) {
    case kNoSense:
    case kRecovered: return ScsiVerdict::kDone;
    case kUnitAttention:
    case kAborted: return ScsiVerdict::kAgain;
    case kNotReady:
      return sense.code == kCodeBecomingReady && sense.qualifier == kQualifierBecomingReady ? ScsiVerdict::kLater
                                                                                           : ScsiVerdict::kFailed;
    case kIllegalRequest: return ScsiVerdict::kUnknown;
    case kDataProtect: return ScsiVerdict::kReadOnly;
    default: return ScsiVerdict::kFailed;
  }
}

Errno scsi_error(ScsiVerdict verdict) {
  if (verdict == ScsiVerdict::kUnknown) return Errno::kEOPNOTSUPP;
  if (verdict == ScsiVerdict::kReadOnly) return Errno::kEROFS;
  return Errno::kEIO;
}

}  // namespace mokapot
