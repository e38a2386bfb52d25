// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/qemu/device_probe.cc
// sources: launcher/image/image_cache.cc launcher/image/materialise.cc launcher/image/kept_result.cc
// sources: launcher/image/tree_plan.cc launcher/support/command.cc launcher/support/files.cc
// sources: launcher/support/hash.cc launcher/support/interruption.cc
// sources: launcher/support/scratch_directory.cc launcher/support/digest.cc
// sources: launcher/image/direct_calls.cc launcher/direct/call_sites.cc launcher/direct/instructions.cc
// sources: launcher/direct/program_text.cc launcher/direct/frame_table.cc launcher/elf/elf_file.cc
// libs: $(ZYDIS)
#include "qemu/device_probe.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

namespace moka {
namespace {

class DeviceProbe : public testing::Test {
 protected:
  ImageCache cache_ = ImageCache::open_at(testing::TempDir() + "/device_probe").value();
};

TEST_F(DeviceProbe, AProgramThatDoesNotKnowTheDeviceHasItNot) {
  EXPECT_FALSE(offers_memory_layers(cache_, "/bin/true"));
  EXPECT_FALSE(offers_memory_layers(cache_, "/bin/true"));  // from memory
}

TEST_F(DeviceProbe, AStandInIsNotAsked) {
  const std::string script = testing::TempDir() + "/stand-in";
  std::ofstream(script) << "#!/bin/sh\ntouch " << script << ".was-run\n";
  ASSERT_EQ(::chmod(script.c_str(), 0755), 0);
  EXPECT_TRUE(offers_memory_layers(cache_, script));
  EXPECT_FALSE(std::ifstream(script + ".was-run").good());
}

TEST_F(DeviceProbe, DebiansQemuHasIt) {
  const std::string qemu = "/usr/bin/qemu-system-x86_64";
  if (!std::ifstream(qemu).good()) GTEST_SKIP() << "no " << qemu;
  EXPECT_TRUE(offers_memory_layers(cache_, qemu));
}

}  // namespace
}  // namespace moka
