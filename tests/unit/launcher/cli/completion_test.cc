// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/cli/completion.cc launcher/support/files.cc

#include "cli/completion.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

TEST(Completion, OptionsAreThoseThatTheUsageBeginsLinesWith) {
  EXPECT_EQ(options_in("usage: x [-n]\n\n  -a FILE   with --no-such\n  --b=C, -d X, -e\n"
                       "            -f is text\n  --publish[=X]  y\n"),
            (std::vector<std::string>{"--b", "--publish", "-a", "-d", "-e"}));
  EXPECT_TRUE(options_in("").empty());
}

TEST(Completion, WordsBehindACommandAreThoseOfItsUsage) {
  EXPECT_EQ(subcommands_in("usage: moka image ls [--output json]\n       moka image rm NAME...\n"),
            (std::vector<std::string>{"ls", "rm"}));
  EXPECT_EQ(subcommands_in("usage: moka completion bash|zsh\n\nmoka completion more\n"),
            (std::vector<std::string>{"bash", "zsh"}));
  EXPECT_TRUE(subcommands_in("usage: moka ps [-a]\n       moka logs VM\n").empty());
}

}  // namespace
}  // namespace moka
