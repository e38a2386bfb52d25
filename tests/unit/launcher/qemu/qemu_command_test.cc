// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/qemu/qemu_command.cc launcher/qemu/monitor.cc launcher/qemu/network_device.cc
// sources: launcher/guest/host_folder.cc launcher/support/files.cc

#include "qemu/qemu_command.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

#include "qemu/monitor.h"

namespace moka {
namespace {

QemuSpec spec() {
  QemuSpec spec;
  spec.program = "/usr/bin/qemu-system-x86_64";
  spec.kernel = "/k.elf";
  spec.memory_mib = 512;
  spec.cpus = 2;
  spec.layers = {{"runtime", "/cache/a,b.erofs"}};
  spec.channels = {3, 4, 5, 6, 7, 8, 9};
  return spec;
}

std::string joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += word + " ";
  return text;
}

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST(QemuCommand, GivesMicrovmModernMmioDevices) {
  const std::string command = joined(qemu_command(spec()));
  EXPECT_TRUE(has(command, "-machine microvm,"));
  EXPECT_TRUE(has(command, "-global virtio-mmio.force-legacy=false "));
  EXPECT_TRUE(has(command, "-device virtio-blk-device,drive=runtime,serial=runtime "));
  EXPECT_TRUE(has(command, "file=/cache/a,,b.erofs "));
  EXPECT_TRUE(has(command, "readonly=on"));
  EXPECT_TRUE(has(command, "-initrd /proc/self/fd/3 "));
  EXPECT_TRUE(has(command, "-device virtserialport,chardev=control,name=mokapot.control "));
  EXPECT_TRUE(has(command, "socket,id=stdin,fd=4 "));
  EXPECT_TRUE(has(command, "-accel tcg,thread=multi -cpu max "));
  EXPECT_FALSE(has(command, "-append"));
}

TEST(QemuCommand, GivesPcMachinesModernPciDevices) {
  QemuSpec pc = spec();
  pc.machine = RunOptions::Machine::kQ35;
  pc.accelerator = Accelerator::kKvm;
  pc.kernel_options = "mokapot.verbose";
  const std::string command = joined(qemu_command(pc));
  EXPECT_TRUE(has(command, "-machine q35 "));
  EXPECT_TRUE(has(command, "-device virtio-blk-pci,disable-legacy=on,drive=runtime,"));
  EXPECT_FALSE(has(command, "virtio-mmio"));
  EXPECT_TRUE(has(command, "-accel kvm -cpu host,-arch-capabilities "));
  EXPECT_TRUE(has(command, "-append mokapot.verbose "));
}

class MonitorTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_));
  }
  void TearDown() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  void from_qemu(const std::string& text) {
    ASSERT_EQ(static_cast<ssize_t>(text.size()), ::write(ends_[1], text.data(), text.size()));
  }
  int ends_[2];
};

TEST_F(MonitorTest, LearnsWhyTheMachineStopped) {
  Monitor monitor(ends_[0]);
  from_qemu("{\"QMP\": {}}\r\n{\"return\": {}}\r\n{\"event\": \"SHUT");
  EXPECT_TRUE(monitor.read_events());
  EXPECT_EQ(monitor.stop_reason(), "");
  from_qemu("DOWN\", \"data\": {\"guest\": true, \"reason\": \"guest-reset\"}}\r\n");
  EXPECT_TRUE(monitor.read_events());
  EXPECT_EQ(monitor.stop_reason(), "guest-reset");
  ::shutdown(ends_[1], SHUT_RDWR);
  EXPECT_FALSE(monitor.read_events());
}

TEST_F(MonitorTest, PassesOverWhatItDoesNotKnow) {
  Monitor monitor(ends_[0]);
  for (const char* line : {"", "nonsense", "[]", "{\"event\": 5}", "{\"event\": \"SHUTDOWN\"}",
                           "{\"event\": \"SHUTDOWN\", \"data\": 1}",
                           "{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": 1}}"})
    monitor.take_line(line);
  EXPECT_EQ(monitor.stop_reason(), "");
}

}  // namespace
}  // namespace moka
