// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/qemu/qemu_command.cc launcher/qemu/monitor.cc launcher/qemu/network_device.cc
// sources: launcher/guest/host_folder.cc launcher/support/files.cc

#include "qemu/qemu_command.h"

#include <gtest/gtest.h>

#include <fstream>
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

TEST(QemuCommand, ShowsALayerAsMemory) {
  QemuSpec mapped = spec();
  const std::string image = testing::TempDir() + "/mapped.erofs";
  std::ofstream(image) << std::string(4096, 'x');
  mapped.layers = {{"runtime", image, DiskFormat::kRaw, true}, {"data", "/cache/data", DiskFormat::kRaw, false}};
  const std::string command = joined(qemu_command(mapped));
  EXPECT_TRUE(has(command, "-machine microvm,rtc=on,pcie=on "));
  EXPECT_TRUE(has(command, "-object memory-backend-file,id=runtime,share=on,readonly=on,size=4096,mem-path=" + image + " "));
  EXPECT_TRUE(has(command, "-device ivshmem-plain,memdev=runtime,addr=0x10 "));
  EXPECT_TRUE(has(command, "-device virtio-blk-device,drive=data,serial=data "));
  EXPECT_EQ(memory_layer_words(mapped.layers), std::vector<std::string>{"mokapot.mapped-disk=runtime@0x10"});
  EXPECT_FALSE(has(joined(qemu_command(spec())), "pcie"));
}

// One that could have no second processor would be translated without barriers and locked
// instructions, beside the devices' threads.
TEST(QemuCommand, LetsTheTranslatorKeepBarriersForOneProcessor) {
  QemuSpec one = spec();
  EXPECT_TRUE(has(joined(qemu_command(one)), "-smp 2 "));
  one.cpus = 1;
  EXPECT_TRUE(has(joined(qemu_command(one)), "-smp 1,maxcpus=2 "));
  one.accelerator = Accelerator::kKvm;
  EXPECT_TRUE(has(joined(qemu_command(one)), "-smp 1 "));
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
  EXPECT_TRUE(has(command, "-accel kvm -cpu host,-arch-capabilities,host-phys-bits-limit=46 "));
  EXPECT_TRUE(has(command, "-append mokapot.verbose "));
}

TEST(QemuCommand, ConnectsTheNetworkOnEveryMachine) {
  QemuSpec user = spec();
  EXPECT_FALSE(has(joined(qemu_command(user)), "-netdev"));
  user.network.kind = NetworkOptions::Kind::kUser;
  user.network.mtu = 1400;
  EXPECT_TRUE(
      has(joined(qemu_command(user)),
          "-netdev user,id=network -device virtio-net-device,netdev=network,host_mtu=1400 "));
  user.machine = RunOptions::Machine::kPc;
  EXPECT_TRUE(has(joined(qemu_command(user)),
                  "-device virtio-net-pci,disable-legacy=on,netdev=network,romfile=,host_mtu"));
}

TEST(QemuCommand, GivesATapItsQueuesAndACapture) {
  QemuSpec tap = spec();
  tap.network.kind = NetworkOptions::Kind::kTap;
  tap.network.queues = {20};
  tap.network.capture = 30;
  std::string command = joined(qemu_command(tap));
  EXPECT_TRUE(has(command, "-netdev tap,id=network,fd=20 "));
  EXPECT_FALSE(has(command, "mq=on"));
  EXPECT_TRUE(has(command, "-object filter-dump,id=capture,netdev=network,file=/proc/self/fd/30 "));
  tap.network.queues = {20, 21};
  tap.machine = RunOptions::Machine::kQ35;
  command = joined(qemu_command(tap));
  EXPECT_TRUE(has(command, "-netdev tap,id=network,fds=20:21 "));
  EXPECT_TRUE(has(command, ",mq=on,vectors=6 "));
}

TEST(QemuCommand, SharesFolders) {
  QemuSpec shared = spec();
  shared.mounts = {{"/a,b", "/x", true}, {"/c", "/y", false}};
  const std::string command = joined(qemu_command(shared));
  EXPECT_TRUE(has(command,
                  "-fsdev local,id=mokapot0,path=/a,,b,security_model=none,"
                  "multidevs=remap,readonly=on "));
  EXPECT_TRUE(has(command, "-device virtio-9p-device,fsdev=mokapot1,mount_tag=mokapot1 "));
  EXPECT_FALSE(has(command, "/y"));
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

TEST_F(MonitorTest, KnowsWhetherSomebodyPausedTheMachine) {
  Monitor monitor(ends_[0]);
  EXPECT_FALSE(monitor.is_paused());
  monitor.take_line("{\"event\": \"STOP\"}");
  EXPECT_TRUE(monitor.is_paused());
  monitor.take_line("{\"event\": \"RESUME\"}");
  EXPECT_FALSE(monitor.is_paused());
}

TEST_F(MonitorTest, TellsRepliesApart) {
  Monitor monitor(ends_[0]);
  const std::uint64_t first = monitor.ask_human_monitor("info \"quoted\"");
  const std::uint64_t second = monitor.ask_human_monitor("second");
  char bytes[1024];
  const ssize_t count = ::read(ends_[1], bytes, sizeof bytes);
  ASSERT_GT(count, 0);
  const std::string sent(bytes, static_cast<std::size_t>(count));
  EXPECT_NE(sent.find("{\"arguments\":{\"command-line\":\"info \\\"quoted\\\"\"},\"execute\":"
                      "\"human-monitor-command\",\"id\":" +
                      std::to_string(first) + "}\n"),
            std::string::npos)
      << sent;
  from_qemu("{\"return\": {}}\r\n{\"return\": \"said\", \"id\": " + std::to_string(first) +
            "}\r\n{\"id\": " + std::to_string(second) + ", \"error\": {\"desc\": \"why\"}}\r\n");
  EXPECT_TRUE(monitor.read_events());
  const std::vector<Monitor::Reply> replies = monitor.take_replies();
  ASSERT_EQ(replies.size(), 2u);
  EXPECT_EQ(replies[0].number, first);
  EXPECT_EQ(replies[0].text, "said");
  EXPECT_EQ(replies[1].text, "why");
  EXPECT_TRUE(monitor.take_replies().empty());
}

TEST_F(MonitorTest, PassesOverWhatItDoesNotKnow) {
  Monitor monitor(ends_[0]);
  for (const char* line :
       {"", "nonsense", "[]", "{\"event\": 5}", "{\"event\": \"SHUTDOWN\"}",
        "{\"event\": \"SHUTDOWN\", \"data\": 1}",
        "{\"event\": \"SHUTDOWN\", \"data\": {\"reason\": 1}}", "{\"return\": \"\", \"id\": -1}",
        "{\"return\": \"\", \"id\": \"1\"}", "{\"id\": 1}"})
    monitor.take_line(line);
  EXPECT_TRUE(monitor.take_replies().empty());
  EXPECT_EQ(monitor.stop_reason(), "");
}

}  // namespace
}  // namespace moka
