// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/guest/memory_plan.cc launcher/support/files.cc

#include "guest/memory_plan.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace moka {
namespace {

using Words = std::vector<std::string>;

MemoryPlan of(std::uint64_t mib) { return {mib, false, 16384}; }

double percentage(const Words& options, const std::string& name) {
  for (const std::string& option : options)
    if (option.starts_with("-XX:" + name + "="))
      return std::atof(option.c_str() + option.find('=') + 1);
  return -1;
}

TEST(ParseMemory, TakesPlainNumbersAndUnits) {
  EXPECT_EQ(parse_memory_mib("512").value(), 512u);
  EXPECT_EQ(parse_memory_mib("512M").value(), 512u);
  EXPECT_EQ(parse_memory_mib("2g").value(), 2048u);
  EXPECT_EQ(parse_memory_mib("1GiB").value(), 1024u);
  EXPECT_EQ(parse_memory_mib("65536K").value(), 64u);
  EXPECT_EQ(parse_memory_mib("1T").value(), 1048576u);
  for (const char* wrong :
       {"", "M", "1.5G", "-1", "512 M", "12X", "99999999999999999999", "99999999T"})
    EXPECT_FALSE(parse_memory_mib(wrong)) << wrong;
}

TEST(DefaultMemory, IsAQuarterAndAtLeastTwoGibibytes) {
  EXPECT_EQ(default_memory(24576).mib, 6144u);
  EXPECT_EQ(default_memory(4096).mib, 2048u);
  EXPECT_EQ(default_memory(1024).mib, 2048u);
}

TEST(HeapOptions, LeaveHotspotAloneWhereItsDefaultFits) {
  for (std::uint64_t mib = kLeastMemoryMiB; mib <= 264; mib += 8)
    EXPECT_EQ(heap_options(of(mib), {}), Words{}) << mib;
}

TEST(HeapOptions, TheHeapFitsAndGrowsWithMemoryWithoutADeadBand) {
  std::uint64_t before = 0;
  for (std::uint64_t mib = kLeastMemoryMiB; mib <= 16384; mib += 8) {
    const double share = percentage(heap_options(of(mib), {}), "MaxRAMPercentage");
    const std::uint64_t heap =
        share < 0 ? hotspot_default_heap_mib(mib)
                  : static_cast<std::uint64_t>(share * static_cast<double>(mib) / 100);
    EXPECT_GE(heap + 2, before) << mib;  // two MiB of rounding
    EXPECT_LE(heap, mib - mib / 8 - (mib >= 512 ? 100 : 0)) << mib;
    before = heap;
  }
}

TEST(HeapOptions, WithoutMTheHeapBeginsAsOnTheHost) {
  const Words options = heap_options(default_memory(16384), {});
  // A 64th of 16 GiB is 256 MiB, of a VM of 4 GiB 6.25%.
  EXPECT_DOUBLE_EQ(percentage(options, "InitialRAMPercentage"), 6.25);
  EXPECT_GT(percentage(options, "MaxRAMPercentage"), 80);
}

TEST(HeapOptions, TheUsersWordOnTheHeapIsTheLast) {
  for (const char* option : {"-Xmx1g", "-XX:MaxRAMPercentage=50", "-XX:MaxHeapSize=64m",
                             "-XX:MaxRAM=1g", "@file", "-XX:Flags=f", "-XX:VMOptionsFile=f"})
    EXPECT_EQ(heap_options(default_memory(16384), {"-ea", option}), Words{}) << option;
  const Words options = heap_options(default_memory(16384), {"-Xms512m"});
  EXPECT_GT(percentage(options, "MaxRAMPercentage"), 0);
  EXPECT_LT(percentage(options, "InitialRAMPercentage"), 0);
}

}  // namespace
}  // namespace moka
