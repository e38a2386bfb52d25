// SPDX-License-Identifier: Apache-2.0
// sources: kernel/device/stream_port.cc tests/unit/drivers/fake_blocking.cc

#include "device/stream_port.h"

#include <gtest/gtest.h>

#include "drivers/fake_blocking.h"

namespace mokapot {
namespace {

class NamedPort final : public StreamPort {
 public:
  explicit NamedPort(const char* name) : name_(name) {}
  const char* name() const override { return name_; }
  std::size_t try_write(const void*, std::size_t) override { return 0; }
  std::size_t try_read(void*, std::size_t) override { return 0; }
  bool can_read() override { return false; }
  bool can_write() override { return false; }
  bool drained() override { return true; }
  bool host_connected() override { return true; }

 private:
  const char* name_;
};

TEST(StreamPorts, AreFoundByNameAndWaitedForWhileTheyAreExpected) {
  initialise_stream_ports();
  static NamedPort serial("serial"), input("mokapot.stdin");
  EXPECT_EQ(find_stream_port("serial"), nullptr);
  register_stream_port(&serial);
  EXPECT_EQ(find_stream_port("serial"), &serial);
  EXPECT_EQ(find_stream_port("seria"), nullptr);

  // Nobody announces ports: no wait (it would panic here, since nothing is there to wake us).
  fake::while_blocked = nullptr;
  EXPECT_EQ(wait_for_stream_port("mokapot.stdin", Instant::never()), nullptr);
  EXPECT_EQ(wait_for_stream_port("serial", Instant::never()), &serial);

  expect_stream_ports(true);
  fake::while_blocked = [] { register_stream_port(&input); };
  EXPECT_EQ(wait_for_stream_port("mokapot.stdin", Instant::never()), &input);

  // The driver gives up while we wait.
  fake::while_blocked = [] { expect_stream_ports(false); };
  EXPECT_EQ(wait_for_stream_port("mokapot.control", Instant::never()), nullptr);
}

}  // namespace
}  // namespace mokapot
