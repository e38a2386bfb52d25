// SPDX-License-Identifier: Apache-2.0
#include "bench/bench_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <thread>

#include "bench/specjbb_kit.h"
#include "commands/commands.h"
#include "guest/memory_plan.h"
#include "run/run_command.h"
#include "session/exit_report.h"
#include "support/files.h"
#include "support/numbers.h"

namespace moka {

const char* const kBenchUsage =
    "usage: moka bench specjbb2015 --kit FOLDER [OPTION]... [-- KITARGS...]\n"
    "\n"
    "Runs your own SPECjbb2015 kit in a VM and collects its reports in a new folder. KITARGS "
    "replace\n"
    "\"-m COMPOSITE\". A figure may be called a SPECjbb2015 result only as the kit's run rules "
    "say.\n"
    "\n"
    "  --kit FOLDER       the kit, as SPEC ships it\n"
    "  -o FOLDER          where reports go (specjbb2015-DATE-TIME)\n"
    "  -m SIZE            memory of the VM (three quarters of the host's)\n"
    "  -c CPUS            (all of the host's)\n"
    "  --jdk DIR          (as moka run finds one)\n"
    "  -J JVMOPTION       behind our own, which it overrides; a collector replaces ParallelGC\n";

namespace {

std::string name_by_time() {
  const std::time_t now = std::time(nullptr);
  char text[40];
  std::strftime(text, sizeof(text), "specjbb2015-%Y%m%d-%H%M%S", std::localtime(&now));
  return text;
}

Result<SpecjbbRun> parse(const Words& words) {
  SpecjbbRun run;
  std::string results;
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      run.arguments.assign(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    const char* const known[] = {"--kit", "-o", "-m", "-c", "--jdk", "-J"};
    if (std::find(std::begin(known), std::end(known), word) == std::end(known))
      return Error{"bench does not know " + word + " (moka bench --help)"};
    if (++i == words.size()) return Error{word + " lacks its value (moka bench --help)"};
    const std::string& value = words[i];
    if (word == "--kit") {
      run.kit = absolute_path(value);
    } else if (word == "-o") {
      results = value;
    } else if (word == "-m") {
      run.memory_mib = MOKA_TRY(parse_memory_mib(value));
    } else if (word == "-c") {
      run.cpus = parse_number<unsigned>(value).value_or(0);
      if (run.cpus == 0) return Error{"-c " + value + ": not a number of CPUs"};
    } else if (word == "--jdk") {
      run.jdk = absolute_path(value);
    } else {
      run.jvm_options.push_back(value);
    }
  }
  if (run.kit.empty()) return Error{"say where the kit is: moka bench specjbb2015 --kit FOLDER"};
  run.results = absolute_path(results.empty() ? name_by_time() : results);
  if (run.memory_mib == 0) run.memory_mib = host_memory_mib() * 3 / 4;
  if (run.cpus == 0) run.cpus = std::max(1u, std::thread::hardware_concurrency());
  return run;
}

int run_specjbb(const SpecjbbRun& run) {
  if (const Result<void> good = check_specjbb_kit(run.kit); !good)
    return complain(good.error().message, kStatusBadInput);
  if (const Result<void> made = prepare_specjbb_results(run); !made)
    return complain(made.error().message, kStatusBadInput);
  // The kit reads its settings and writes its reports where it is started.
  if (chdir(run.results.c_str()) != 0)
    return complain(run.results + ": " + error_text(errno), kStatusBadInput);
  const int status = run_command_line(specjbb_words(run));
  const std::vector<std::string> reports = specjbb_reports(run.results);
  for (const std::string& report : reports) std::fprintf(stderr, "moka: %s\n", report.c_str());
  if (status != 0) return status;
  if (reports.empty())
    return complain("the kit ended well but left no report in " + run.results, kStatusRefused);
  return 0;
}

}  // namespace

int bench_command_line(const std::vector<std::string>& words) {
  if (wants_help(words, kBenchUsage)) return 0;
  if (words.empty() || words[0] != "specjbb2015")
    return complain("bench knows specjbb2015 (moka bench --help)", kStatusBadInput);
  const Words options(words.begin() + 1, words.end());
  if (wants_help(options, kBenchUsage)) return 0;
  const Result<SpecjbbRun> run = parse(options);
  if (!run) return complain(run.error().message, kStatusBadInput);
  return run_specjbb(run.value());
}

}  // namespace moka
