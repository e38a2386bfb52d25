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

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <iterator>

namespace moka {
namespace {

class DeviceProbe : public testing::Test {
 protected:
  ImageCache cache_ = ImageCache::open_at(testing::TempDir() + "/device_probe").value();
};

// A stand-in for QEMU that answers both questions, and counts how often it was asked.
std::string stand_in(const std::string& name, const std::string& device, const std::string& backend) {
  const std::string script = testing::TempDir() + "/" + name;
  std::remove((script + ".asked").c_str());
  std::ofstream(script) << "#!/bin/sh\necho >> " << script << ".asked\ncase \"$*\" in\n*ivshmem*) echo '" << device
                        << "';;\n*) echo '" << backend << "';;\nesac\n";
  EXPECT_EQ(::chmod(script.c_str(), 0755), 0);
  return script;
}

std::size_t times_asked(const std::string& script) {
  std::ifstream asked(script + ".asked");
  return static_cast<std::size_t>(std::count(std::istreambuf_iterator<char>(asked), {}, '\n'));
}

constexpr const char* kDevice = "ivshmem-plain options:\n  memdev=<link<memory-backend>>";
constexpr const char* kBackend = "memory-backend-file options:\n  mem-path=<string>\n  readonly=<bool>";

TEST_F(DeviceProbe, AsksOnce) {
  const std::string qemu = stand_in("whole", kDevice, kBackend);
  EXPECT_TRUE(offers_memory_layers(cache_, qemu));
  const std::size_t asked = times_asked(qemu);
  EXPECT_TRUE(offers_memory_layers(cache_, qemu));
  EXPECT_EQ(times_asked(qemu), asked);
}

TEST_F(DeviceProbe, NeedsBothDeviceAndReadOnlyBackend) {
  EXPECT_FALSE(offers_memory_layers(
      cache_, stand_in("without", "Device 'ivshmem-plain' not found", kBackend)));
  EXPECT_FALSE(offers_memory_layers(cache_, stand_in("old", kDevice, "  mem-path=<string>")));
}

TEST_F(DeviceProbe, AnAnswerThatSaysNothingIsNotKept) {
  const std::string qemu = stand_in("broken", "", "");
  EXPECT_FALSE(offers_memory_layers(cache_, qemu));
  const std::size_t asked = times_asked(qemu);
  EXPECT_FALSE(offers_memory_layers(cache_, qemu));
  EXPECT_GT(times_asked(qemu), asked);
}

TEST_F(DeviceProbe, DebiansQemuHasIt) {
  const std::string qemu = "/usr/bin/qemu-system-x86_64";
  if (!std::ifstream(qemu).good()) GTEST_SKIP() << "no " << qemu;
  EXPECT_TRUE(offers_memory_layers(cache_, qemu));
}

}  // namespace
}  // namespace moka
