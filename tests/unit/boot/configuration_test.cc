// SPDX-License-Identifier: Apache-2.0
// sources: kernel/boot/configuration.cc
//
// The launcher's records: what they must hold, and what of them the kernel takes.

#include "boot/configuration.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "contract/vm_contract.h"

namespace mokapot {
namespace {

using std::string_literals::operator""s;

std::string records(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + '\0';
  return text;
}
const std::string kVersion = "version=" + std::to_string(contract::kVersion);

std::vector<std::string> strings(const Vector<std::string_view>& views) { return {views.begin(), views.end()}; }

TEST(Configuration, EveryRecordArrives) {
  const std::string text = records({kVersion, "program=/usr/bin/java", "arg=java", "arg=-jar", "arg=", "env=A=1", "env=EMPTY=",
                                    "cwd=/app", "hostname=moka", "archive=/a.jsa", "layer=jdk", "layer=app", "stdin=tty", "stdout=pipe",
                                    "stderr=null", "mount=t0 ro /data", "mount=t1 rw /a b", "expose=9009", "expose=65535",
                                    "termios=500 5 bf 8a3b 03", "winsize=24 80"});
  Result<Configuration> result = parse_configuration(text);
  ASSERT_TRUE(result.ok());
  const Configuration& c = result.value();
  EXPECT_EQ(c.program, "/usr/bin/java");
  EXPECT_EQ(strings(c.arguments), (std::vector<std::string>{"java", "-jar", ""}));
  // Only the first '=' ends the key: an environment variable has its own.
  EXPECT_EQ(strings(c.environment), (std::vector<std::string>{"A=1", "EMPTY="}));
  EXPECT_EQ(c.directory, "/app");
  EXPECT_EQ(c.hostname, "moka");
  EXPECT_EQ(c.archive, "/a.jsa");
  EXPECT_EQ(strings(c.layers), (std::vector<std::string>{"jdk", "app"}));
  ASSERT_EQ(c.folders.size(), 2u);
  EXPECT_EQ(c.folders[0].tag, "t0");
  EXPECT_EQ(c.folders[0].path, "/data");
  EXPECT_TRUE(c.folders[0].read_only);
  EXPECT_EQ(c.folders[1].path, "/a b");
  EXPECT_FALSE(c.folders[1].read_only);
  ASSERT_EQ(c.exposed_ports.size(), 2u);
  EXPECT_EQ(c.exposed_ports[1], 65535);
  EXPECT_EQ(c.standard_input, "tty");
  EXPECT_EQ(c.standard_output, "pipe");
  EXPECT_EQ(c.standard_error, "null");
  EXPECT_EQ(c.termios, "500 5 bf 8a3b 03");
  EXPECT_EQ(c.window_size, "24 80");
}

TEST(Configuration, LeftOutRecordsHaveDefaults) {
  const std::string text = records({kVersion, "program=/p"});
  Result<Configuration> result = parse_configuration(text);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().directory, "/");
  EXPECT_TRUE(result.value().hostname.empty());
  EXPECT_TRUE(result.value().arguments.empty());
}

TEST(Configuration, AnyByteButNulMayStandInAValue) {
  const std::string value = "line\nfeed \xff\x01 \xc3\xa4=";
  const std::string text = records({kVersion, "program=/p", "env=X=" + value});
  Result<Configuration> result = parse_configuration(text);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().environment[0], "X=" + value);
}

TEST(Configuration, UnknownKeysAreIgnored) {
  const std::string text = records({kVersion, "colour=brown", "program=/p", "programme=/q"});
  Result<Configuration> result = parse_configuration(text);
  ASSERT_TRUE(result.ok());
  EXPECT_EQ(result.value().program, "/p");
}

TEST(Configuration, WhatIsNotAConfigurationIsRefused) {
  const std::string another_version = "version=" + std::to_string(contract::kVersion + 1);
  for (const std::string& text : {
           ""s,
           records({kVersion}),                                // no program
           records({"program=/p"}),                            // no version
           records({another_version, "program=/p"}),           //
           records({"version=", "program=/p"}),                //
           records({kVersion, "program=/p", "no equals sign"}),  //
           records({kVersion, "program=/p", ""}),              // an empty record has none either
           records({kVersion, "program=/p"}) + "arg=cut off",  // the last NUL is missing
           records({kVersion, "program=/p", "mount=t0 ro"}),   // without a place
           records({kVersion, "program=/p", "mount=t0 r /data"}),
           records({kVersion, "program=/p", "expose=0"}),
           records({kVersion, "program=/p", "expose=65536"}),
           records({kVersion, "program=/p", "expose=80x"}),
           records({kVersion, "program=/p", "mount=t0 ro data"}),
           records({kVersion, "program=/p", "mount= ro /data"}),
       }) {
    Result<Configuration> result = parse_configuration(text);
    ASSERT_FALSE(result.ok()) << testing::PrintToString(text);
    EXPECT_EQ(result.error(), Errno::kEINVAL);
  }
}

TEST(Configuration, WindowSizeIsTwoNumbers) {
  unsigned rows = 0, columns = 0;
  EXPECT_TRUE(parse_window_size("24 80", rows, columns));
  EXPECT_EQ(rows, 24u);
  EXPECT_EQ(columns, 80u);
  for (const char* text : {"", "24", "24 ", " 24 80", "24  80", "24 80 ", "24x80", "-1 80", "24 1234567890"})
    EXPECT_FALSE(parse_window_size(text, rows, columns)) << text;
}

TEST(Configuration, AnArgumentFollowsTheMemory) {
  const std::string text = records({kVersion, "program=/p", "arg=java", "arg=-jar", "memarg=256 -small", "memarg=1024 -large one"});
  const auto words_at = [&text](std::uint64_t mib) {
    Configuration c = parse_configuration(text).take();
    EXPECT_TRUE(choose_memory_argument(c, mib).ok());
    return strings(c.arguments);
  };
  EXPECT_EQ(words_at(255), (std::vector<std::string>{"java", "-jar"}));
  EXPECT_EQ(words_at(256), (std::vector<std::string>{"java", "-small", "-jar"}));
  EXPECT_EQ(words_at(4096), (std::vector<std::string>{"java", "-large one", "-jar"}));
  for (const char* bad : {"memarg=", "memarg=-x", "memarg=256", "memarg=256-x"})
    EXPECT_FALSE(parse_configuration(records({kVersion, "program=/p", bad})).ok()) << bad;
}

}  // namespace
}  // namespace mokapot
