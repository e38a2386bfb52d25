// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/guest/environment.cc

#include "guest/environment.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace moka {
namespace {

TEST(GuestEnvironment, PassesOnWhatDecidesHowJavaBehaves) {
  const std::vector<std::string> environment =
      guest_environment({"LANG=de_DE.UTF-8", "LC_ALL=C", "TZ=Asia/Tokyo", "JAVA_TOOL_OPTIONS=-ea",
                         "TERM=xterm", "AWS_SECRET=x", "LD_PRELOAD=/evil.so", "HOME=/home/me"},
                        false, "/work", {});
  EXPECT_EQ(value_in(environment, "LANG"), "de_DE.UTF-8");
  EXPECT_EQ(value_in(environment, "LC_ALL"), "C");
  EXPECT_EQ(value_in(environment, "TZ"), "Asia/Tokyo");
  EXPECT_EQ(value_in(environment, "JAVA_TOOL_OPTIONS"), "-ea");
  EXPECT_EQ(value_in(environment, "HOME"), "/root");
  EXPECT_EQ(value_in(environment, "PWD"), "/work");
  for (const char* name : {"AWS_SECRET", "LD_PRELOAD", "TERM"})
    EXPECT_EQ(value_in(environment, name), "") << name;
}

TEST(GuestEnvironment, TermOnlyWithATerminal) {
  EXPECT_EQ(value_in(guest_environment({"TERM=xterm"}, true, "/", {}), "TERM"), "xterm");
}

TEST(GuestEnvironment, TheUsersWordsWinAndTheLastOfThem) {
  const std::vector<std::string> environment =
      guest_environment({"LANG=C"}, false, "/", {"LANG=fr_FR", "HOME=/h", "A=1", "A=2", "EMPTY="});
  EXPECT_EQ(value_in(environment, "LANG"), "fr_FR");
  EXPECT_EQ(value_in(environment, "HOME"), "/h");
  EXPECT_EQ(value_in(environment, "A"), "2");
  EXPECT_NE(std::find(environment.begin(), environment.end(), "EMPTY="), environment.end());
}

}  // namespace
}  // namespace moka
