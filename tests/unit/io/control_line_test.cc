// SPDX-License-Identifier: Apache-2.0
// sources: kernel/io/control_line.cc
//
// The parser of the launcher's lines: well-formed ones, and everything else refused.

#include "io/control_line.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mokapot {
namespace {

using Verb = ControlCommand::Verb;

TEST(ControlLine, KnownCommands) {
  EXPECT_EQ(parse_control_line("signal 15")->verb, Verb::kSignal);
  EXPECT_EQ(parse_control_line("signal 15")->first, 15u);
  EXPECT_EQ(parse_control_line("winsize 24 80")->second, 80u);
  EXPECT_EQ(parse_control_line("eof 0")->verb, Verb::kEndOfInput);
  EXPECT_EQ(parse_control_line("eof 123456789012")->first, 123456789012u);
  EXPECT_EQ(parse_control_line("ping")->verb, Verb::kPing);
  EXPECT_EQ(parse_control_line("clock 1795900000123456789")->verb, Verb::kClock);
  EXPECT_EQ(parse_control_line("clock 1795900000123456789")->first, 1795900000123456789u);
  EXPECT_EQ(parse_control_line("ack")->verb, Verb::kAcknowledge);
}

TEST(ControlLine, EverythingElseIsRefused) {
  for (const char* line : {"", " ", "signal", "signal 0", "signal 65", "signal x", "signal -1", "signal 1 2", "winsize 24",
                           "winsize 24 80 1", "winsize 70000 1", "eof", "eof 99999999999999999999999", "pingpong",
                           "ping now", "clock", "clock -1", "clock 0", "clock 9223372036854775808", "clock 1 2", "SIGNAL 1", "ack\t"}) {
    EXPECT_FALSE(parse_control_line(line)) << line;
  }
}

std::vector<std::string> lines_of(const std::string& stream) {
  ControlLineAssembler assembler;
  std::vector<std::string> lines;
  for (const char byte : stream) {
    if (auto line = assembler.take(byte)) lines.emplace_back(*line);
  }
  return lines;
}

TEST(ControlLine, StreamIsCutAtNewlines) {
  EXPECT_EQ(lines_of("ping\nack\r\n\nhalf"), (std::vector<std::string>{"ping", "ack", ""}));
}

TEST(ControlLine, LinesToTheHostAreAlwaysEnded) {
  EXPECT_EQ(OutgoingControlLine("ready").view(), "ready\n");
  const std::string longest(OutgoingControlLine::kLongest, 'x');
  EXPECT_EQ(OutgoingControlLine(longest).view(), longest + "\n");
  EXPECT_EQ(OutgoingControlLine(longest + " and more").view(), longest + "\n");
}

TEST(ControlLine, TooLongLineIsDroppedWhole) {
  EXPECT_EQ(lines_of(std::string(1000, 'x') + "\nping\n"), (std::vector<std::string>{"ping"}));
}

}  // namespace
}  // namespace mokapot
