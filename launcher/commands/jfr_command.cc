// SPDX-License-Identifier: Apache-2.0
//
// moka jfr: flight recordings of the JVM in a VM, with their files on the host.
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <optional>

#include "commands/commands.h"
#include "run/artifacts.h"
#include "session/exit_report.h"
#include "support/files.h"
#include "tools/delivery.h"
#include "tools/tool_client.h"

namespace moka {
const char* const kJfrUsage =
    "usage: moka jfr VM start|dump|stop|check [NAME=VALUE]...\n"
    "\n"
    "As the JDK's jcmd JFR.start, JFR.dump, JFR.stop and JFR.check (\"moka jcmd VM help "
    "JFR.start\"\n"
    "says which values there are), but files are the host's:\n"
    "\n"
    "  dump [filename=FILE]  FILE has the recording when the command ends\n"
    "  stop [filename=FILE]  the same, and the recording is over\n"
    "  start filename=FILE   FILE comes when the recording ends, in the folder of the VM's "
    "artifacts\n"
    "  --force               replace FILE if it exists\n";

namespace {

constexpr std::string_view kFile = "filename=";

struct Request {
  std::string verb;
  Words values;  // all but the file name
  std::string file;
  Overwrite overwrite = Overwrite::kNo;
};

Result<Request> parse(const Words& words) {
  constexpr std::string_view kVerbs[] = {"start", "dump", "stop", "check"};
  Request request;
  if (words.size() < 2) return Error{"say which VM and what: moka jfr VM start|dump|stop|check"};
  request.verb = words[1];
  if (std::find(std::begin(kVerbs), std::end(kVerbs), request.verb) == std::end(kVerbs))
    return Error{"jfr knows start, dump, stop and check, and not " + request.verb};
  for (auto word = words.begin() + 2; word != words.end(); ++word) {
    if (*word == "--force")
      request.overwrite = Overwrite::kYes;
    else if (word->starts_with(kFile))
      request.file = word->substr(kFile.size());
    else
      request.values.push_back(*word);
  }
  return request;
}

// recording-NAME-2026-11-29-01-30-05.jfr
std::string default_file(const std::string& vm_name) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  ::localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d-%H-%M-%S", &local);
  return "recording-" + vm_name + "-" + text + ".jfr";
}

// What a recording collects lies in the VM's memory unless its repository is elsewhere; HotSpot's
// own default is below /tmp, and any other place was chosen by the user.
void move_repository(const VmView& vm) {
  if (vm.record.artifacts.empty()) return;
  std::string settings;
  const auto add = [&settings](std::string_view text) { settings += text; };
  const Result<JvmAnswer> answer = run_diagnostic_command(vm, "JFR.configure", add);
  if (!answer || settings.find("Repository path: /tmp/") == std::string::npos) return;
  (void)run_diagnostic_command(vm, std::string("JFR.configure repositorypath=") + kArtifactsInGuest,
                               [](std::string_view) {});
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos;
       at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
  return text;
}

// Asks, and prints the answer with the host's names in it; the exit status.
int ask(const VmView& vm, const Request& request, const std::string& guest_file,
        const std::string& host_file, Delivery* delivery) {
  std::string command = "JFR." + request.verb;
  for (const std::string& value : request.values) command += " " + value;
  if (!guest_file.empty()) command += " filename=\"" + guest_file + "\"";
  std::string said;
  WhileWaiting waiting;
  if (delivery != nullptr) waiting = [delivery] { return delivery->show_progress(); };
  const Result<JvmAnswer> answer = run_diagnostic_command(
      vm, command, [&said](std::string_view text) { said += text; }, waiting);
  if (!answer) return complain(answer.error().message, kStatusRefused);
  if (answer.value().status != 0) {
    std::fprintf(stderr, "%s\n", std::string(trim(answer.value().error)).c_str());
    return kStatusRefused;
  }
  if (!guest_file.empty()) said = replaced(std::move(said), guest_file, host_file);
  if (delivery != nullptr) {
    if (!delivery->has_file()) {
      std::fputs(said.c_str(), stderr);
      return complain("the JVM wrote no recording", kStatusRefused);
    }
    if (const Result<std::uint64_t> size = delivery->finish(); !size)
      return complain(size.error().message, kStatusRefused);
  }
  std::fputs(said.c_str(), stdout);
  return 0;
}

}  // namespace

int jfr_command(const Words& words) {
  if (wants_help(words, kJfrUsage)) return 0;
  Result<Request> parsed = parse(words);
  if (!parsed) return complain(parsed.error().message, kStatusBadInput);
  Request request = std::move(parsed).value();
  const Result<VmRegistry> registry = VmRegistry::open();
  if (!registry) return complain(registry.error().message, kStatusBadInput);
  const Result<VmView> found = registry.value().find_running(words[0]);
  if (!found) return complain(found.error().message, kStatusBadInput);
  const VmView& vm = found.value();

  if (request.verb == "dump" && request.file.empty()) request.file = default_file(vm.record.name);
  if (request.verb == "start") {
    move_repository(vm);
    if (request.file.empty()) return ask(vm, request, "", "", nullptr);
    if (vm.record.artifacts.empty())
      return complain(
          "the VM was started with --artifacts none: a recording has no place on the host",
          kStatusBadInput);
    const std::string name = base_name(request.file);
    if (name.find('"') != std::string::npos)
      return complain("the JVM takes no '\"' in a file's name", kStatusBadInput);
    return ask(vm, request, std::string(kArtifactsInGuest) + "/" + name,
               vm.record.artifacts + "/" + name, nullptr);
  }
  if (request.file.empty()) return ask(vm, request, "", "", nullptr);
  Result<Delivery> delivery = Delivery::prepare(vm, request.file, request.overwrite);
  if (!delivery) return complain(delivery.error().message, kStatusBadInput);
  return ask(vm, request, delivery.value().guest_path(), absolute_path(request.file),
             &delivery.value());
}

}  // namespace moka
