// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/virtio_mmio.cc
//
// Registers are plain memory here: the status keeps what the test wrote, whatever is acknowledged.

#include "drivers/virtio_mmio.h"

#include <gtest/gtest.h>

#include <cstring>

#include "drivers/interrupt_line.h"
#include "drivers/mmio.h"

namespace mokapot {
namespace {

alignas(8) std::uint8_t registers[0x200];
InterruptHandler handler = nullptr;
void* handler_context = nullptr;

constexpr std::uint32_t kStatus = 0x60, kAcknowledge = 0x64;

std::uint32_t value(std::uint32_t at) {
  std::uint32_t found = 0;
  std::memcpy(&found, registers + at, sizeof(found));
  return found;
}
void set(std::uint32_t at, std::uint32_t to) { std::memcpy(registers + at, &to, sizeof(to)); }

class Target final : public VirtioInterruptTarget {
 public:
  bool handle_queues() override {
    ++queues;
    if (queues == ends_after) set(kStatus, 0);
    return finds_something;
  }
  void handle_configuration_change() override { ++changes; }
  int queues = 0, changes = 0;
  int ends_after = 0;
  bool finds_something = false;
};

class VirtioMmioTest : public ::testing::Test {
 protected:
  void open(Trigger trigger) {
    std::memset(registers, 0, sizeof(registers));
    set(0x00, 0x7472'6976);
    set(0x04, 2);
    set(0x08, 1);
    VirtioMmioDescription description{};
    description.size = sizeof(registers);
    description.trigger = trigger;
    auto opened = open_virtio_mmio(description);
    ASSERT_TRUE(opened.ok());
    device = opened.take();
    ASSERT_TRUE(device->connect(target).ok());
  }
  static void interrupt() { handler(handler_context); }

  std::unique_ptr<VirtioTransport> device;
  Target target;
};

TEST_F(VirtioMmioTest, AnEdgeIsServedUntilTheLineIsDown) {
  open(Trigger::kEdge);
  set(kStatus, 1);
  target.ends_after = 3;
  interrupt();
  EXPECT_EQ(target.queues, 3);
}

TEST_F(VirtioMmioTest, ALevelForAQueueIsServedWithoutALookAtTheStatus) {
  open(Trigger::kLevel);
  set(kStatus, 3);
  target.finds_something = true;
  interrupt();
  EXPECT_EQ(value(kAcknowledge), 1u);  // the level stays up for the change
  EXPECT_EQ(target.queues, 1);
  EXPECT_EQ(target.changes, 0);
}

TEST_F(VirtioMmioTest, ALevelThatIsForNoQueueIsServedByItsStatus) {
  open(Trigger::kLevel);
  set(kStatus, 2);
  interrupt();
  EXPECT_EQ(value(kAcknowledge), 2u);
  EXPECT_EQ(target.queues, 1);
  EXPECT_EQ(target.changes, 1);
}

TEST_F(VirtioMmioTest, AnInterruptOfNothingIsNobodys) {
  open(Trigger::kLevel);
  interrupt();
  EXPECT_EQ(target.queues, 1);
  EXPECT_EQ(target.changes, 0);
}

}  // namespace

Result<Mmio> Mmio::map(PhysAddr, std::uint64_t size) { return Mmio(registers, size); }

Result<void> connect_line(std::uint32_t, Trigger, Polarity, InterruptHandler given, void* context, const char*) {
  handler = given;
  handler_context = context;
  return {};
}

}  // namespace mokapot
