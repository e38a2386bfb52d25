// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/console_port.cc kernel/drivers/virtqueue.cc kernel/drivers/virtio.cc
// sources: tests/unit/drivers/fake_blocking.cc

#include "drivers/console_port.h"

#include <gtest/gtest.h>

#include <numeric>
#include <string>

#include "drivers/fake_blocking.h"
#include "drivers/fake_virtio.h"
#include "fakes/physical_memory.h"

namespace mokapot {
namespace {

constexpr std::uint16_t kReceive = 4, kTransmit = 5;

class ConsolePortTest : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) state_.features |= feature_bit(kFeatureEventIndex);
    const std::uint64_t features = negotiate(transport_, feature_bit(kFeatureEventIndex)).take();
    receive_ = set_up_queue(transport_, kReceive, ConsolePort::kQueueSize, features).take();
    transmit_ = set_up_queue(transport_, kTransmit, ConsolePort::kQueueSize, features).take();
    port_.set_queues(std::move(receive_.rings), std::move(transmit_.rings));
    start_device(transport_);
    ASSERT_TRUE(port_.start_receiving().ok());
  }

  // The device takes one buffer of output; empty if there is none.
  std::string consume() {
    auto chain = state_.queues[kTransmit].pop();
    if (!chain) return {};
    std::string text;
    for (const fake::Buffer& buffer : chain->buffers) {
      EXPECT_FALSE(buffer.writable);
      text.append(reinterpret_cast<const char*>(buffer.bytes()), buffer.size);
    }
    state_.queues[kTransmit].complete(chain->head, 0);
    return text;
  }
  // The device delivers input; false if the driver has no buffer for it.
  bool deliver(const std::string& text) {
    auto chain = state_.queues[kReceive].pop();
    if (!chain) return false;
    EXPECT_LE(text.size(), chain->buffers.at(0).size);
    std::memcpy(chain->buffers[0].bytes(), text.data(), text.size());
    state_.queues[kReceive].complete(chain->head, static_cast<std::uint32_t>(text.size()));
    return true;
  }
  bool interrupt(std::uint16_t queue) {
    const bool wanted = state_.queues[queue].wants_interrupt();
    if (wanted) port_.handle_interrupt();
    return wanted;
  }
  std::string read(std::size_t size) {
    std::string text(size, '\0');
    text.resize(port_.try_read(text.data(), size));
    return text;
  }

  fake::DeviceState state_;
  fake::FakeTransport transport_{state_};
  OwnedQueue receive_, transmit_;
  ConsolePort port_{transport_, 1, kReceive, kTransmit};
};

INSTANTIATE_TEST_SUITE_P(EventIndex, ConsolePortTest, testing::Bool());

TEST_P(ConsolePortTest, NothingIsSentBeforeTheHostOpensItsEnd) {
  EXPECT_FALSE(port_.can_write());
  EXPECT_EQ(port_.try_write("x", 1), 0u);
  fake::wakes = 0;
  port_.set_connected(true);
  EXPECT_EQ(fake::wakes, 1);
  EXPECT_TRUE(port_.can_write());
  EXPECT_EQ(port_.try_write("x", 1), 1u);
  EXPECT_EQ(consume(), "x");
}

TEST_P(ConsolePortTest, ABusyWriterHasNoInterrupts) {
  port_.set_connected(true);
  for (int i = 0; i < 100; ++i) {
    ASSERT_EQ(port_.try_write("line\n", 5), 5u);
    ASSERT_EQ(consume(), "line\n");
    ASSERT_FALSE(interrupt(kTransmit));
  }
}

TEST_P(ConsolePortTest, AFullPortWaitsForTheHost) {
  port_.set_connected(true);
  std::string text(1 << 20, '\0');
  std::iota(text.begin(), text.end(), 0);
  const std::size_t first = port_.try_write(text.data(), text.size());
  EXPECT_EQ(first, ConsolePort::kQueueSize * kPageSize);
  EXPECT_FALSE(port_.can_write());
  EXPECT_EQ(port_.try_write("x", 1), 0u);
  EXPECT_FALSE(port_.drained());
  std::string received = consume();
  fake::wakes = 0;
  EXPECT_TRUE(interrupt(kTransmit));  // asked for, since the writer could not go on
  EXPECT_EQ(fake::wakes, 1);
  EXPECT_TRUE(port_.can_write());
  std::size_t sent = first;
  while (received.size() < text.size()) {
    sent += port_.try_write(text.data() + sent, text.size() - sent);
    received += consume();
  }
  EXPECT_EQ(received, text);
  EXPECT_TRUE(port_.drained());
}

TEST_P(ConsolePortTest, DrainedOnceTheHostHasUsedEveryBuffer) {
  port_.set_connected(true);
  EXPECT_TRUE(port_.drained());
  port_.try_write("a", 1);
  port_.try_write("b", 1);
  EXPECT_FALSE(port_.drained());
  EXPECT_EQ(consume(), "a");
  EXPECT_TRUE(interrupt(kTransmit));
  EXPECT_FALSE(port_.drained());
  EXPECT_EQ(consume(), "b");
  EXPECT_TRUE(interrupt(kTransmit));
  EXPECT_TRUE(port_.drained());
}

TEST_P(ConsolePortTest, InputArrivesInOrderAndBuffersGoBack) {
  EXPECT_FALSE(port_.can_read());
  fake::wakes = 0;
  ASSERT_TRUE(deliver("hello "));
  EXPECT_TRUE(interrupt(kReceive));
  EXPECT_EQ(fake::wakes, 1);
  ASSERT_TRUE(deliver("world"));
  EXPECT_TRUE(port_.can_read());
  EXPECT_EQ(read(3), "hel");
  EXPECT_EQ(read(100), "lo world");
  EXPECT_EQ(read(100), "");
  EXPECT_FALSE(port_.can_read());
  // More than all buffers together, so they must come round.
  std::string sent, received;
  for (int i = 0; i < 300; ++i) {
    const std::string line =
        "line " + std::to_string(i) + std::string(static_cast<std::size_t>(i), '.') + "\n";
    while (!deliver(line)) received += read(777);
    sent += line;
  }
  for (std::string more = read(50); !more.empty(); more = read(50)) received += more;
  EXPECT_EQ(received, sent);
}

TEST_P(ConsolePortTest, TheHostsClaimsAreCheckedAgainstTheBuffer) {
  auto chain = state_.queues[kReceive].pop();
  const std::uint32_t size = chain->buffers.at(0).size;
  state_.queues[kReceive].complete(chain->head, 0xffff'ffff);
  EXPECT_EQ(read(1 << 20).size(), size);
  ASSERT_TRUE(deliver(""));  // nothing at all: the buffer goes back
  EXPECT_FALSE(port_.can_read());
  ASSERT_TRUE(deliver("x"));
  EXPECT_EQ(read(10), "x");
}

TEST_P(ConsolePortTest, NamesAreCutToTheirRoom) {
  port_.set_name("mokapot.stdin\0rest", 18);
  EXPECT_STREQ(port_.name(), "mokapot.stdin");
  const std::string longer(100, 'n');
  port_.set_name(longer.data(), longer.size());
  EXPECT_EQ(std::string(port_.name()).size(), 31u);
}

TEST_P(ConsolePortTest, WithoutMemoryFewerBuffersGoRound) {
  port_.set_connected(true);
  ASSERT_EQ(port_.try_write("a", 1), 1u);  // one buffer is there
  fake::limit_frames(0);
  EXPECT_EQ(port_.try_write("b", 1), 0u);
  EXPECT_EQ(consume(), "a");
  EXPECT_EQ(port_.try_write("b", 1), 1u);
  EXPECT_EQ(consume(), "b");
  fake::limit_frames(-1);
}

}  // namespace
}  // namespace mokapot
