// SPDX-License-Identifier: Apache-2.0
#include "build/training_vm.h"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <optional>

#include "contract/vm_contract.h"
#include "registry/vm_registry.h"
#include "support/command.h"
#include "support/files.h"
#include "support/interruption.h"
#include "support/json.h"
#include "support/numbers.h"
#include "support/process_statistics.h"
#include "tools/tool_client.h"

namespace moka {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr const char* kName = "training";
constexpr std::size_t kLongestStatus = 65536;
// To run its shutdown hooks and to write the archive takes a JVM about as long as its start, and on
// a slow machine as much longer.
constexpr unsigned kEndPerReady = 4;
constexpr milliseconds kTurn{200};
// A server goes on starting behind its first socket: until it has been idle so long.
constexpr seconds kIdle{2};
constexpr double kIdleShare = 0.25;  // of one processor
constexpr std::string_view kOk = "HTTP/1.";

// Processor time that the children of a process have had, in seconds.
double seconds_of_children(pid_t process) {
  const std::string self = std::to_string(process);
  const auto children = read_file("/proc/" + self + "/task/" + self + "/children", 4096);
  std::uint64_t milliseconds_used = 0;
  if (!children) return 0;
  for (const std::string& child : split(trim(children.value()), ' ')) {
    if (const auto id = parse_number<pid_t>(child))
      milliseconds_used += process_statistics(*id).value_or(ProcessStatistics()).cpu_milliseconds;
  }
  return static_cast<double>(milliseconds_used) / 1000;
}

class Watcher {
 public:
  Watcher(const TrainingRun& run, StartedProgram program)
      : run_(run), program_(std::move(program)) {}
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;
  // The VM dies with its `moka run`.
  ~Watcher() {
    if (!has_ended_) {
      ::kill(program_.process, SIGKILL);
      wait(0);
    }
  }

  Result<void> watch() {
    const seconds limit(run_.ready_seconds);
    const Clock::time_point start = Clock::now();
    if (!run_.ends_by_itself) {
      wait_until_ready(start + limit);
      if (is_interrupted()) return interrupted();
      if (!has_ended_ && is_ready_) wait_until_idle(Clock::now() + limit);
      if (!run_.urls.empty()) MOKA_TRY(request_all());
      if (is_interrupted()) return interrupted();
      if (!has_ended_) ::kill(program_.process, SIGTERM);
    }
    const Clock::time_point end = Clock::now() + kEndPerReady * limit;
    while (!has_ended_ && Clock::now() < end && !is_interrupted()) turn();
    if (is_interrupted()) return interrupted();
    if (!has_ended_)
      return Error{"it did not end within " + std::to_string(run_.ready_seconds * kEndPerReady) +
                   " s after it was told to; on a slow machine give a larger --train-limit"};
    return verdict();
  }

 private:
  // One look at what it says and whether it has ended.
  void turn() {
    pollfd item{program_.errors.get(), POLLIN, 0};
    (void)::poll(&item, 1, static_cast<int>(kTurn.count()));
    char bytes[4096];
    ssize_t count;
    while ((count = ::read(program_.errors.get(), bytes, sizeof bytes)) > 0)
      text_.append(bytes, static_cast<std::size_t>(count));
    while (true) {
      const std::size_t end = text_.find('\n');
      if (end == std::string::npos) break;
      take_line(text_.substr(0, end));
      text_.erase(0, end + 1);
    }
    constexpr std::size_t kLongestLine = 65536;
    if (text_.size() > kLongestLine) text_.clear();
    // At the end of its output only the end itself is to come.
    wait(count == 0 ? 0 : WNOHANG);
  }

  // Lines of the program itself are in between, and may be anything.
  void take_line(const std::string& line) {
    const auto object = parse_json(line);
    const std::string event = text_in(object, "event");
    if (event == "listening" && text_in(object, "protocol") == "tcp") is_ready_ = true;
    if (event == "error") error_ = text_in(object, "message");
  }

  void wait(int options) {
    int status = 0;
    pid_t ended;
    while ((ended = ::waitpid(program_.process, &status, options)) < 0 && errno == EINTR) {
      if (is_interrupted()) ::kill(program_.process, SIGKILL);
    }
    if (ended != 0) has_ended_ = true;
  }

  void wait_until_ready(Clock::time_point limit) {
    while (!has_ended_ && !is_ready_ && Clock::now() < limit && !is_interrupted()) turn();
  }

  void wait_until_idle(Clock::time_point limit) {
    Clock::time_point since = Clock::now();
    double used = seconds_of_children(program_.process);
    while (!has_ended_ && Clock::now() < limit && !is_interrupted()) {
      turn();
      if (Clock::now() - since < kIdle) continue;
      const double now_used = seconds_of_children(program_.process);
      const double passed = std::chrono::duration<double>(Clock::now() - since).count();
      if (now_used - used < kIdleShare * passed) return;
      since = Clock::now();
      used = now_used;
    }
  }

  Result<void> request_all() {
    if (has_ended_ && !is_ready_)
      return Error{"it ended without listening on a port, so no URL was asked for"};
    if (!is_ready_)
      return Error{"it did not listen within " + std::to_string(run_.ready_seconds) +
                   " s, so no URL was asked for; on a slow machine give a larger --train-limit"};
    const VmRegistry registry = MOKA_TRY(VmRegistry::open_at(run_.state + "/mokapot/vms"));
    const VmView vm = MOKA_TRY(registry.find_running(kName));
    for (const TrainingWish::Url& url : run_.urls) {
      const std::string port = std::to_string(url.port);
      const std::string request = "GET " + url.target + " HTTP/1.1\r\nHost: localhost:" + port +
                                  "\r\nConnection: close\r\nUser-Agent: moka\r\n\r\n";
      std::string answer;
      const Clock::time_point end = Clock::now() + seconds(run_.ready_seconds);
      const Result<void> asked = ask_vm(
          vm, {mokapot::contract::kToolConnect, port, request},
          [&answer](std::string_view bytes) {
            constexpr std::size_t kStatusLine = 64;
            if (answer.size() < kStatusLine) answer += bytes.substr(0, kStatusLine);
          },
          [&] {
            turn();
            return !is_interrupted() && !has_ended_ && Clock::now() < end;
          });
      const std::string name = "http://localhost:" + port + url.target;
      if (!asked) return Error{name + " was not served: " + asked.error().message};
      if (!answer.starts_with(kOk)) return Error{name + " was not served by HTTP"};
    }
    return {};
  }

  // However the program ended, by SIGTERM or a status of its own: it did so by itself.
  Result<void> verdict() const {
    const auto text = read_file(run_.state + "/status", kLongestStatus);
    const auto report = parse_json(text ? text.value() : "");
    const std::string by = text_in(report, "by");
    if (by == "application") return {};
    std::string reason = text_in(report, "reason");
    if (reason.empty()) reason = error_;
    if (by == "jvm") reason = "the JVM crashed" + (reason.empty() ? "" : ": " + reason);
    return Error{reason.empty() ? "the VM failed" : reason};
  }

  const TrainingRun& run_;
  StartedProgram program_;
  std::string text_, error_;
  bool is_ready_ = false;
  bool has_ended_ = false;
};

}  // namespace

Result<void> run_for_training(const TrainingRun& run) {
  std::vector<std::string> command{"/proc/self/exe", "run",
                                   "--name",         kName,
                                   "--owner",        std::to_string(::getpid()),
                                   "--net",          "none",
                                   "--output",       "json",
                                   "--status-file",  run.state + "/status",
                                   "--artifacts",    "none",
                                   "--mount",        run.folder + ":" + kTrainingFolder};
  command.insert(command.end(), run.options.begin(), run.options.end());
  command.push_back(run.disk);
  StartedProgram program = MOKA_TRY(start_program(command, {"XDG_STATE_HOME=" + run.state}));
  return Watcher(run, std::move(program)).watch();
}

}  // namespace moka
