// SPDX-License-Identifier: Apache-2.0
//
// The commands for running VMs. Each takes the words behind its name and returns the exit status: 2
// for bad input, 1 where the VM or its JVM refuses, as the JDK's own tools do.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moka {

using Words = std::vector<std::string>;

int ps_command(const Words& words);
int stats_command(const Words& words);
int logs_command(const Words& words);
int stop_command(const Words& words);
int kill_command(const Words& words);
int jcmd_command(const Words& words);
int threads_command(const Words& words);
int heapdump_command(const Words& words);
int jfr_command(const Words& words);

extern const char* const kPsUsage;
extern const char* const kStatsUsage;
extern const char* const kLogsUsage;
extern const char* const kStopUsage;
extern const char* const kKillUsage;
extern const char* const kJcmdUsage;
extern const char* const kThreadsUsage;
extern const char* const kHeapdumpUsage;
extern const char* const kJfrUsage;

inline constexpr int kStatusRefused = 1;

// Says "moka: MESSAGE" on standard error; returns `status`.
int complain(std::string_view message, int status);
// Whether a word before the first that is no option asks for help; then `usage` has been printed.
bool wants_help(const Words& words, const char* usage);

}  // namespace moka
