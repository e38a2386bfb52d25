// SPDX-License-Identifier: Apache-2.0
// sources: kernel/io/console.cc kernel/io/console_input.cc kernel/io/console_output.cc kernel/io/console_settings.cc
// sources: kernel/device/stream_port.cc
// sources: kernel/io/file.cc kernel/io/epoll.cc kernel/io/record_lock.cc kernel/io/anonymous.cc
// sources: kernel/vm/user_access.cc tests/unit/sched/fake_machine.cc kernel/sched/scheduler.cc
// sources: kernel/sched/sampling.cc kernel/sched/time_split.cc
// sources: kernel/sched/placement.cc kernel/sched/idle.cc kernel/sched/blocking.cc kernel/sched/scheduler_trace.cc kernel/sched/thread.cc
// sources: kernel/sched/run_queue.cc kernel/sched/wait_queue.cc kernel/sched/mutex.cc kernel/sched/work_queue.cc
// sources: kernel/time/timer.cc kernel/time/clock.cc kernel/irq/irq.cc kernel/irq/lazy_flush.cc kernel/sync/preempt.cc
//
// The console over ports of the test: lines and raw reads, ends of input, whole writes, settings as text.

#include "io/console.h"

#include <deque>

#include "device/stream_port.h"
#include "io/console_input.h"
#include "io/console_output.h"
#include "io/io_fixture.h"

namespace mokapot {
namespace {

class TestPort final : public StreamPort {
 public:
  const char* name() const override { return "test"; }
  std::size_t try_write(const void* from, std::size_t size) override {
    const std::size_t count = size < room ? size : room;
    written.append(static_cast<const char*>(from), count);
    room -= count;
    return count;
  }
  std::size_t try_read(void* to, std::size_t size) override {
    const std::size_t count = size < incoming.size() ? size : incoming.size();
    incoming.copy(static_cast<char*>(to), count);
    incoming.erase(0, count);
    return count;
  }
  bool can_read() override { return !incoming.empty(); }
  bool can_write() override { return room != 0; }
  bool drained() override { return true; }
  bool host_connected() override { return connected; }

  void arrive(std::string_view text) {
    incoming += text;
    changed.wake_all();
  }
  std::string incoming, written;
  std::size_t room = SIZE_MAX;
  bool connected = true;
};

class ConsoleTest : public IoTest {
 protected:
  Result<std::string> read(std::size_t size, const ReadRule& rule, bool non_blocking = false) {
    std::string text(size, '?');
    IoBuffer buffer(text.data(), size);
    text.resize(TRY(input_.read(buffer, rule, non_blocking)));
    return text;
  }
  TestPort port_;
  ConsoleInput input_{&port_, true};
  static constexpr ReadRule kLines{true, 1, Duration()};
  static constexpr ReadRule kBytes{false, 1, Duration()};
};

TEST_F(ConsoleTest, CanonicalReadsGetOneLine) {
  port_.arrive("one\ntwo\nthr");
  EXPECT_EQ(read(100, kLines).value(), "one\n");
  EXPECT_EQ(input_.available(), 7u);
  EXPECT_EQ(read(2, kLines).value(), "tw");
  EXPECT_EQ(read(100, kLines).value(), "o\n");
  EXPECT_EQ(read(100, kLines).value(), "thr");  // the host flushed it with Ctrl-D
  EXPECT_EQ(read(100, kLines, true).error(), Errno::kEAGAIN);
}

TEST_F(ConsoleTest, PipeReadsGetWhatThereIs) {
  port_.arrive("one\ntwo\n");
  EXPECT_EQ(read(100, kBytes).value(), "one\ntwo\n");
}

TEST_F(ConsoleTest, InputEndsAfterTheBytesAnnounced) {
  input_.set_end(5);
  port_.arrive("hello");
  EXPECT_EQ(read(3, kBytes).value(), "hel");
  EXPECT_FALSE(input_.ended());
  EXPECT_EQ(read(10, kBytes).value(), "lo");
  EXPECT_TRUE(input_.readable());
  EXPECT_EQ(read(10, kBytes).value(), "");
  EXPECT_EQ(read(10, kBytes).value(), "");
}

TEST_F(ConsoleTest, EndOfInputWakesABlockedReader) {
  std::string got = "not yet";
  Runner reader([&] { got = read(10, kBytes).value(); });
  Runner::let_others_run();
  EXPECT_FALSE(reader.done());
  input_.set_end(0);
  reader.wait();
  EXPECT_EQ(got, "");
}

TEST_F(ConsoleTest, TerminalGoesOnAfterControlD) {
  ConsoleInput terminal(&port_, false);
  auto read_line = [&] {
    std::string text(10, '?');
    IoBuffer buffer(text.data(), text.size());
    text.resize(terminal.read(buffer, kLines, false).value());
    return text;
  };
  port_.arrive("ab\ncd\n");
  terminal.set_end(3);
  EXPECT_EQ(read_line(), "ab\n");
  EXPECT_EQ(read_line(), "");
  EXPECT_EQ(read_line(), "cd\n");
}

TEST_F(ConsoleTest, RawReadsFollowMinimumAndTime) {
  const ReadRule poll_like{false, 0, Duration()};
  EXPECT_EQ(read(10, poll_like).value(), "");
  const ReadRule timed{false, 0, Duration::milliseconds(300)};
  const Instant before = now();
  EXPECT_EQ(read(10, timed).value(), "");
  EXPECT_GE((now() - before).nanoseconds(), 300'000'000);
  // Three bytes, or what came when the pause after one is too long.
  const ReadRule three{false, 3, Duration::milliseconds(100)};
  std::string got;
  Runner reader([&] { got = read(10, three).value(); });
  Runner::let_others_run();
  port_.arrive("a");
  Runner::let_others_run();
  EXPECT_FALSE(reader.done());
  port_.arrive("bc");
  reader.wait();
  EXPECT_EQ(got, "abc");
  Runner slow([&] { got = read(10, three).value(); });
  Runner::let_others_run();
  port_.arrive("d");
  slow.wait();
  EXPECT_EQ(got, "d");
}

TEST_F(ConsoleTest, WritesAreWholeAndNonBlockingOnesPartial) {
  ConsoleOutput output(&port_);
  port_.room = 1000;
  std::string text(50000, 'w');
  IoBuffer partial(text.data(), text.size());
  EXPECT_EQ(output.write(partial, true).value(), 1000u);
  IoBuffer refused(text.data(), text.size());
  EXPECT_EQ(output.write(refused, true).error(), Errno::kEAGAIN);
  std::size_t written = 0;
  Runner writer([&] {
    IoBuffer all(text.data(), text.size());
    written = output.write(all, false).value();
  });
  for (int i = 0; i < 10 && !writer.done(); ++i) {
    port_.room = 9000;
    port_.changed.wake_all();
    Runner::let_others_run();
  }
  writer.wait();
  EXPECT_EQ(written, text.size());
  EXPECT_EQ(port_.written.size(), 51000u);
}

TEST_F(ConsoleTest, HostThatHungUpBreaksThePipe) {
  ConsoleOutput output(&port_);
  char byte = 'x';
  IoBuffer first(&byte, 1);
  EXPECT_EQ(output.write(first, false).value(), 1u);
  port_.connected = false;
  IoBuffer second(&byte, 1);
  EXPECT_EQ(output.write(second, false).error(), Errno::kEPIPE);
}

TEST_F(ConsoleTest, SettingsAsTextComeBackTheSame) {
  const Termios usual = usual_termios();
  char text[128];
  const std::size_t size = format_termios(usual, text, sizeof(text));
  const Termios again = parse_termios({text, size}).take();
  EXPECT_EQ(again.local_flags, usual.local_flags);
  EXPECT_EQ(0, memcmp(again.control_characters, usual.control_characters, sizeof(usual.control_characters)));
  for (const char* wrong : {"", "1 2 3", "x 1 1 1 00", "1 1 1 1 0", "1 1 1 1 zz", "1 1 1 1 00 00", "111111111 1 1 1 00"}) {
    EXPECT_FALSE(parse_termios(wrong).ok()) << wrong;
  }
}

}  // namespace
}  // namespace mokapot
