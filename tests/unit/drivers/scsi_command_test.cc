// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/scsi_command.cc

#include "drivers/scsi_command.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mokapot {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes bytes_of(const ScsiCommand& command, std::size_t size) { return Bytes(command.bytes, command.bytes + size); }

TEST(ScsiCommand, CommandsAreThoseOfTheStandard) {
  EXPECT_EQ(bytes_of(scsi_test_unit_ready(), 6), Bytes(6, 0));
  EXPECT_EQ(bytes_of(scsi_inquiry(0xfc), 6), (Bytes{0x12, 0, 0, 0, 0xfc, 0}));
  EXPECT_EQ(bytes_of(scsi_inquiry_serial(0xfc), 6), (Bytes{0x12, 1, 0x80, 0, 0xfc, 0}));
  EXPECT_EQ(bytes_of(scsi_report_luns(1024), 12), (Bytes{0xa0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0}));
  EXPECT_EQ(bytes_of(scsi_read_capacity10(), 10), (Bytes{0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(bytes_of(scsi_read_capacity16(32), 16), (Bytes{0x9e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0}));
  EXPECT_EQ(bytes_of(scsi_mode_sense(0xfc), 6), (Bytes{0x1a, 8, 0x3f, 0, 0xfc, 0}));
  EXPECT_EQ(bytes_of(scsi_synchronize_cache(), 10), (Bytes{0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0}));
  EXPECT_EQ(bytes_of(scsi_transfer(ScsiTransfer::kRead, 0x01020304, 0x0506), 10),
            (Bytes{0x28, 0, 1, 2, 3, 4, 0, 5, 6, 0}));
  EXPECT_EQ(scsi_transfer(ScsiTransfer::kWrite, 0, 1).bytes[0], 0x2a);
  EXPECT_EQ(bytes_of(scsi_transfer(ScsiTransfer::kRead, 0x1'0000'0000, 7), 16),
            (Bytes{0x88, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0}));
  EXPECT_EQ(bytes_of(scsi_transfer(ScsiTransfer::kWrite, 5, 0x10000), 16),
            (Bytes{0x8a, 0, 0, 0, 0, 0, 0, 0, 0, 5, 0, 1, 0, 0, 0, 0}));
}

TEST(ScsiCommand, CapacitiesThatCanBeUsedAreRead) {
  const auto small = scsi_parse_capacity10(Bytes{0, 0, 0x7f, 0xff, 0, 0, 2, 0});
  ASSERT_TRUE(small);
  EXPECT_EQ(small->blocks, 0x8000u);
  EXPECT_EQ(small->block_size, 512u);
  EXPECT_TRUE(scsi_wants_capacity16(Bytes{0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0}));
  const auto large = scsi_parse_capacity16(Bytes{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0x10, 0});
  ASSERT_TRUE(large);
  EXPECT_EQ(large->blocks, 0x1'0000'0001u);
  EXPECT_EQ(large->block_size, 4096u);
  EXPECT_FALSE(scsi_parse_capacity10(Bytes{0, 0, 0, 1, 0, 0, 2}));
  EXPECT_FALSE(scsi_parse_capacity10(Bytes{0, 0, 0, 1, 0, 0, 2, 8}));
  EXPECT_FALSE(scsi_parse_capacity10(Bytes{0, 0, 0, 1, 0, 1, 0, 0}));
  EXPECT_FALSE(scsi_parse_capacity16(Bytes{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 2, 0}));
}

TEST(ScsiCommand, LunsOfBothFormsAreRead) {
  Bytes answer{0, 0, 0, 32, 0, 0, 0, 0};
  for (const Bytes& lun : {Bytes{0, 3}, Bytes{0x41, 2}, Bytes{0xc1, 2}, Bytes{1, 5}}) {
    answer.insert(answer.end(), lun.begin(), lun.end());
    answer.resize(answer.size() + 6);
  }
  std::uint16_t luns[8] = {};
  ASSERT_EQ(scsi_parse_luns(answer, luns), 2u);
  EXPECT_EQ(luns[0], 3);
  EXPECT_EQ(luns[1], 0x102);
  // What it says is not more than what came, nor than there is room for.
  answer[2] = 0xff;
  EXPECT_EQ(scsi_parse_luns(answer, luns), 2u);
  EXPECT_EQ(scsi_parse_luns(answer, std::span(luns, 1)), 1u);
  EXPECT_EQ(scsi_parse_luns(Bytes{0, 0, 0}, luns), 0u);
}

TEST(ScsiCommand, SerialNumbersLoseTheirSpaces) {
  char text[8];
  Bytes page{0, 0x80, 0, 6, ' ', ' ', 'a', 'b', '1', ' '};
  EXPECT_EQ(scsi_parse_serial(page, text), 3u);
  EXPECT_STREQ(text, "ab1");
  page[3] = 200;  // more than came
  EXPECT_EQ(scsi_parse_serial(page, text), 3u);
  EXPECT_EQ(scsi_parse_serial(Bytes{0, 0x83, 0, 1, 'x'}, text), 0u);
  EXPECT_EQ(scsi_parse_serial(Bytes{0, 0x80, 0, 9, '1', '2', '3', '4', '5', '6', '7', '8', '9'}, text), 7u);
}

TEST(ScsiCommand, SenseDecidesWhatBecomesOfACommand) {
  const auto verdict = [](const Bytes& sense, std::uint8_t status = 2) {
    return scsi_verdict(status, scsi_parse_sense(sense));
  };
  EXPECT_EQ(scsi_verdict(0, {}), ScsiVerdict::kDone);
  EXPECT_EQ(scsi_verdict(8, {}), ScsiVerdict::kAgain);
  EXPECT_EQ(scsi_verdict(0x18, {}), ScsiVerdict::kFailed);  // reservation conflict
  Bytes fixed(18, 0);
  fixed[0] = 0xf0;
  for (const auto& [key, wanted] : {std::pair{1, ScsiVerdict::kDone}, {3, ScsiVerdict::kFailed},
                                    {5, ScsiVerdict::kUnknown}, {6, ScsiVerdict::kAgain},
                                    {7, ScsiVerdict::kReadOnly}, {11, ScsiVerdict::kAgain}}) {
    fixed[2] = static_cast<std::uint8_t>(key);
    EXPECT_EQ(verdict(fixed), wanted) << key;
    EXPECT_EQ(verdict(Bytes{0x72, static_cast<std::uint8_t>(key), 0x29, 0}), wanted) << key;
  }
  fixed[2] = 2;
  EXPECT_EQ(verdict(fixed), ScsiVerdict::kFailed);
  fixed[12] = 4;
  fixed[13] = 1;
  EXPECT_EQ(verdict(fixed), ScsiVerdict::kLater);
  EXPECT_EQ(verdict(Bytes{0x72, 2, 4, 1}), ScsiVerdict::kLater);
}

}  // namespace
}  // namespace mokapot
