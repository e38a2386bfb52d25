// SPDX-License-Identifier: Apache-2.0
//
// moka heapdump: the heap of the JVM in a VM, in a file of the host.
#include <charconv>
#include <cstdio>

#include "commands/commands.h"
#include "session/exit_report.h"
#include "support/files.h"
#include "support/sizes.h"
#include "tools/delivery.h"
#include "tools/tool_client.h"

namespace moka {
const char* const kHeapdumpUsage =
    "usage: moka heapdump [OPTION]... VM FILE\n"
    "\n"
    "Writes a heap dump of the JVM in a VM to FILE, straight to the host: it may be larger than "
    "the\n"
    "VM's memory.\n"
    "\n"
    "  --all         objects that nothing refers to, too\n"
    "  --gzip LEVEL  compressed, 1 (fast) to 9 (small)\n"
    "  --force       replace FILE if it exists\n";

namespace {

struct Request {
  std::string options;
  Overwrite overwrite = Overwrite::kNo;
  Words names;
};

Result<Request> parse(const Words& words) {
  Request request;
  for (std::size_t index = 0; index < words.size(); ++index) {
    const std::string& word = words[index];
    if (word == "--all") {
      request.options += " -all";
    } else if (word == "--force") {
      request.overwrite = Overwrite::kYes;
    } else if (word == "--gzip" || word.starts_with("--gzip=")) {
      const std::string level =
          word == "--gzip" ? (++index < words.size() ? words[index] : "") : word.substr(7);
      if (level.size() != 1 || level[0] < '1' || level[0] > '9')
        return Error{"--gzip needs a level from 1 to 9"};
      request.options += " -gz=" + level;
    } else if (word.starts_with("-")) {
      return Error{"heapdump does not know " + word + " (moka heapdump --help)"};
    } else {
      request.names.push_back(word);
    }
  }
  if (request.names.size() != 2) return Error{"say which VM and which file: moka heapdump VM FILE"};
  return request;
}

}  // namespace

int heapdump_command(const Words& words) {
  if (wants_help(words, kHeapdumpUsage)) return 0;
  const Result<Request> request = parse(words);
  if (!request) return complain(request.error().message, kStatusBadInput);
  const Result<VmRegistry> registry = VmRegistry::open();
  if (!registry) return complain(registry.error().message, kStatusBadInput);
  const Result<VmView> vm = registry.value().find_running(request.value().names[0]);
  if (!vm) return complain(vm.error().message, kStatusBadInput);
  Result<Delivery> delivery =
      Delivery::prepare(vm.value(), request.value().names[1], request.value().overwrite);
  if (!delivery) return complain(delivery.error().message, kStatusBadInput);

  std::string said;
  const Result<JvmAnswer> answer = run_diagnostic_command(
      vm.value(), "GC.heap_dump" + request.value().options + " " + delivery.value().guest_path(),
      [&said](std::string_view text) { said += text; },
      [&] { return delivery.value().show_progress(); });
  if (!answer) return complain(answer.error().message, kStatusRefused);
  // The JVM says that the command went well even where its file could not be written, and of a file
  // that it could not write to its end.
  if (answer.value().status != 0 || !delivery.value().has_file() ||
      said.find("Heap dump file created") == std::string::npos) {
    const std::string& reason = answer.value().status != 0 ? answer.value().error : said;
    return complain("the JVM wrote no heap dump: " + std::string(trim(reason)), kStatusRefused);
  }
  const Result<std::uint64_t> size = delivery.value().finish();
  if (!size) return complain(size.error().message, kStatusRefused);
  std::printf("%s: %s\n", request.value().names[1].c_str(), size_text(size.value()).c_str());
  return 0;
}

}  // namespace moka
