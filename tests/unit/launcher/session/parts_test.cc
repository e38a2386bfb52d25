// SPDX-License-Identifier: Apache-2.0
//
// The session's parts that need no processes.
//
// sources: launcher/session/control_channel.cc launcher/session/exit_report.cc
// sources: launcher/session/serial_log.cc launcher/session/terminal.cc
// sources: launcher/session/watchdog.cc launcher/support/files.cc

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>

#include "session/control_channel.h"
#include "session/exit_report.h"
#include "session/serial_log.h"
#include "session/terminal.h"
#include "session/watchdog.h"

namespace moka {
namespace {

TEST(ExitLine, IsReadWhole) {
  const std::optional<ExitReport> report =
      parse_exit_line("status=137 signal=9 by=kernel reason=out of memory: java had 40 MiB");
  ASSERT_TRUE(report);
  EXPECT_EQ(report->status, 137);
  EXPECT_EQ(report->signal, 9);
  EXPECT_EQ(report->by, ExitReport::By::kKernel);
  EXPECT_EQ(report->reason, "out of memory: java had 40 MiB");
  EXPECT_TRUE(parse_exit_line("status=0 signal=0 by=application reason="));
  EXPECT_TRUE(parse_exit_line("status=0 signal=0 by=application"));
}

TEST(ExitLine, NonsenseIsNothing) {
  for (const char* text :
       {"", "status=", "status=256 signal=0 by=application", "status=-1 signal=0 by=application",
        "status=1 by=application", "status=1 signal=0 by=someone", "signal=0 status=1 by=kernel",
        "status=1x signal=0 by=kernel"})
    EXPECT_FALSE(parse_exit_line(text)) << text;
}

TEST(ExitReport, JsonEscapesAndSurvivesBadBytes) {
  const ExitReport report{125, 0, ExitReport::By::kMoka, "a \"quote\"\n\xff"};
  EXPECT_EQ(report.json(),
            "{\"status\":125,\"by\":\"moka\",\"signal\":0,\"reason\":\"a "
            "\\\"quote\\\"\\n\xef\xbf\xbd\"}\n");
}

TEST(ExitReport, ACrashOfJavaIsTheJvms) {
  ExitReport crash{134, SIGABRT, ExitReport::By::kApplication, ""};
  blame_jvm_for_crash(crash);
  EXPECT_EQ(crash.by, ExitReport::By::kJvm);
  ExitReport interrupted{130, SIGINT, ExitReport::By::kApplication, ""};
  blame_jvm_for_crash(interrupted);
  EXPECT_EQ(interrupted.by, ExitReport::By::kApplication);
}

TEST(SerialLog, FindsThePanicAndShowsItWhole) {
  SerialLog log;
  for (int line = 0; line < 100; ++line) log.append("line " + std::to_string(line) + "\n");
  EXPECT_EQ(log.panic(), "");
  EXPECT_EQ(log.last_lines(2), "line 98\nline 99\n");
  log.append("mokapot: PANIC: it ");
  log.append("broke\r\n a\n b\n c\x1b[31m\n");
  EXPECT_EQ(log.panic(), "it broke");
  EXPECT_EQ(log.last_lines(1), "mokapot: PANIC: it broke\n a\n b\n c[31m\n");
}

TEST(SerialLog, KeepsTheEnd) {
  SerialLog log;
  for (int line = 0; line < 100000; ++line) log.append("line " + std::to_string(line) + "\n");
  EXPECT_EQ(log.last_lines(1), "line 99999\n");
  EXPECT_LE(log.last_lines(1000000).size(), SerialLog::kKeptBytes + 1);
}

TEST(Watchdog, AsksAndIsSatisfied) {
  Watchdog watchdog;
  for (int round = 0; round < 50; ++round) {
    for (int tick = 1; tick < Watchdog::kPingInterval; ++tick)
      EXPECT_EQ(watchdog.tick(0), Watchdog::Advice::kNothing);
    EXPECT_EQ(watchdog.tick(0), Watchdog::Advice::kPing);
    watchdog.answered();
  }
}

int ticks_until_hung(long cpu_milliseconds_a_tick) {
  Watchdog watchdog;
  long cpu = 0;
  for (int ticks = 1; ticks < 1000; ++ticks)
    if (watchdog.tick(cpu += cpu_milliseconds_a_tick) == Watchdog::Advice::kHung)
      return ticks - Watchdog::kPingInterval;
  return -1;
}

TEST(Watchdog, ABusyOrIdleVmThatIsSilentHangs) {
  EXPECT_EQ(ticks_until_hung(1000), Watchdog::kPatience);
  EXPECT_EQ(ticks_until_hung(0), Watchdog::kPatience);
}

TEST(Watchdog, AStarvedVmGetsLonger) {
  EXPECT_EQ(ticks_until_hung(50), Watchdog::kPatienceStarved);
}

TEST(Watchdog, IsOffWhenToldSo) {
  Watchdog watchdog;
  watchdog.set_enabled(false);
  for (int tick = 0; tick < 1000; ++tick) EXPECT_EQ(watchdog.tick(0), Watchdog::Advice::kNothing);
}

TEST(TermiosText, GoesThereAndBack) {
  termios settings{};
  settings.c_iflag = ICRNL | IXON;
  settings.c_lflag = ISIG | ICANON;
  settings.c_cc[VINTR] = 3;
  settings.c_cc[VMIN] = 1;
  const std::optional<termios> back = decode_termios(encode_termios(settings), termios{});
  ASSERT_TRUE(back);
  EXPECT_EQ(encode_termios(*back), encode_termios(settings));
}

TEST(TermiosText, TakesCharactersOneByOneAndKeepsWhatIsNotNamed) {
  termios base{};
  base.c_cc[VQUIT] = 0x1c;
  const std::optional<termios> settings = decode_termios("1 2 3 4 7f", base);
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->c_lflag, 4u);
  EXPECT_EQ(settings->c_cc[0], 0x7f);
  EXPECT_EQ(settings->c_cc[VQUIT], 0x1c);
  EXPECT_EQ(decode_termios("1 2 3 4 7f 1d", base)->c_cc[1], 0x1d);
  for (const char* text : {"", "1 2 3", "x 2 3 4", "1 2 3 4 7", "1 2 3 4 zz", "1 2 3 fffffffff"})
    EXPECT_FALSE(decode_termios(text, base)) << text;
}

class ControlChannelTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends_));
  }
  void TearDown() override {
    ::close(ends_[0]);
    ::close(ends_[1]);
  }
  int ends_[2];
};

TEST_F(ControlChannelTest, CutsLinesWhereverTheBytesBreak) {
  ControlChannel channel(ends_[0]);
  bool is_open = true;
  ASSERT_EQ(9, ::write(ends_[1], "ready\nexi", 9));
  std::vector<ControlChannel::Line> lines = channel.read_lines(is_open);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].verb, "ready");
  ASSERT_EQ(19, ::write(ends_[1], "t status=0 reason=\n", 19));
  lines = channel.read_lines(is_open);
  ASSERT_EQ(lines.size(), 1u);
  EXPECT_EQ(lines[0].verb, "exit");
  EXPECT_EQ(lines[0].rest, "status=0 reason=");
  EXPECT_TRUE(is_open);
  ::shutdown(ends_[1], SHUT_RDWR);
  channel.read_lines(is_open);
  EXPECT_FALSE(is_open);
}

TEST_F(ControlChannelTest, NeverBlocksOnAGuestThatDoesNotRead) {
  ControlChannel channel(ends_[0]);
  for (int line = 0; line < 200000; ++line) channel.send("ping");
  EXPECT_TRUE(channel.wants_to_write());
}

}  // namespace
}  // namespace moka
