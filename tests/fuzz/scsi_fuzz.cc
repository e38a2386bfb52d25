// SPDX-License-Identifier: Apache-2.0
//
// What a SCSI device answers: anything, of any length. What is read from it must make sense.
// sources: kernel/drivers/scsi_command.cc

#include <array>
#include <cstring>

#include "drivers/scsi_command.h"

namespace {

void require(bool condition) {
  if (!condition) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mokapot;
  const std::span answer(data, size);
  (void)scsi_is_disk(answer);
  (void)scsi_is_write_protected(answer);
  (void)scsi_wants_capacity16(answer);
  for (const auto& capacity : {scsi_parse_capacity10(answer), scsi_parse_capacity16(answer)}) {
    if (!capacity) continue;
    require(capacity->block_size >= 512 && capacity->block_size <= 4096);
    require(capacity->blocks <= UINT64_MAX / capacity->block_size);
  }
  std::array<std::uint16_t, 5> luns{};
  const std::size_t count = scsi_parse_luns(answer, luns);
  require(count <= luns.size());
  for (const std::uint16_t lun : luns) require(lun < 0x4000);
  std::array<char, 9> serial{};
  const std::size_t length = scsi_parse_serial(answer, serial);
  require(length < serial.size() && std::strlen(serial.data()) == length);
  const ScsiSense sense = scsi_parse_sense(answer);
  require(sense.key < 16);
  const ScsiVerdict verdict = scsi_verdict(size > 0 ? data[0] : 0, sense);
  if (verdict != ScsiVerdict::kDone) (void)scsi_error(verdict);
  return 0;
}
