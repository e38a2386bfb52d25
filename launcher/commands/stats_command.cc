// SPDX-License-Identifier: Apache-2.0
//
// moka stats: what a VM takes of the host, and what it does with it.
#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "cli/output_format.h"
#include "commands/commands.h"
#include "commands/vm_statistics.h"
#include "contract/vm_contract.h"
#include "session/exit_report.h"
#include "support/sizes.h"
#include "tools/tool_client.h"

namespace moka {
const char* const kStatsUsage =
    "usage: moka stats [--output json] VM\n"
    "\n"
    "What a VM takes of the host's memory and processors, what its kernel and its JVM do with the\n"
    "memory, and what went over its network.\n"
    "\n"
    "  --output FORMAT  text, or json: one object\n";

namespace {

using Json = nlohmann::ordered_json;

// A JVM that is just starting, or stopped by a debugger, may take its time; then its heap is not
// known.
constexpr int kHeapPatience = 20;  // quarters of a second

template <typename T>
Json optional_number(const std::optional<T>& value) {
  return value ? Json(*value) : Json();
}

Json heap_of(const VmView& vm) {
  if (!vm.record.is_java || !vm.record.can_attach) return {};
  std::string text;
  int waited = 0;
  const Result<JvmAnswer> answer = run_diagnostic_command(
      vm, "GC.heap_info", [&text](std::string_view piece) { text += piece; },
      [&waited] { return ++waited < kHeapPatience; });
  const std::optional<HeapUse> heap =
      answer && answer.value().status == 0 ? heap_use(text) : std::nullopt;
  if (!heap) return {};
  return {{"usedBytes", heap->used_bytes}, {"committedBytes", heap->committed_bytes}};
}

Result<Json> statistics_of(const VmView& vm) {
  std::string answer;
  MOKA_TRY(ask_vm(vm, {mokapot::contract::kToolProc, "meminfo", "net/dev", "net/netstat"},
                  [&answer](std::string_view piece) { answer += piece; }));
  std::map<std::string, std::string> files = proc_files(answer);
  const std::string& memory = files["meminfo"];
  const HostUse host = host_use(vm.record.pid);
  const InterfaceCounters network = interface_counters(files["net/dev"]);
  const auto guest = [&memory](const char* name) {
    return optional_number(memory_value(memory, name));
  };
  const auto dropped = [&files](const char* column) {
    return optional_number(netstat_value(files["net/netstat"], "Firewall", column));
  };
  Json all;
  all["name"] = vm.record.name;
  all["program"] = vm.record.program;
  all["seconds"] = std::time(nullptr) - vm.record.started;
  all["host"] = {{"residentBytes", host.resident_bytes},
                 {"cpuSeconds", static_cast<double>(host.cpu_milliseconds) / 1000}};
  all["guest"] = {{"memoryBytes", guest("MemTotal")},
                  {"freeBytes", guest("MemFree")},
                  {"availableBytes", guest("MemAvailable")},
                  {"cacheBytes", guest("Cached")},
                  {"applicationBytes", guest("AnonPages")}};
  all["heap"] = heap_of(vm);
  all["network"] = {
      {"receivedBytes", network.received_bytes},   {"receivedPackets", network.received_packets},
      {"receiveDrops", network.receive_drops},     {"sentBytes", network.sent_bytes},
      {"sentPackets", network.sent_packets},       {"sendDrops", network.send_drops},
      {"firewallTcpDrops", dropped("TcpDropped")}, {"firewallUdpDrops", dropped("UdpDropped")}};
  return all;
}

std::string size_of(const Json& value) {
  return value.is_number() ? size_text(value.get<std::uint64_t>()) : "unknown";
}

std::string count_of(const Json& value) { return value.is_number() ? value.dump() : "unknown"; }

void print_line(const char* title, const std::string& text) {
  std::printf("%-10s %s\n", title, text.c_str());
}

void print_text(const Json& all) {
  const Json &host = all["host"], &guest = all["guest"], &heap = all["heap"],
             &network = all["network"];
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f", host["cpuSeconds"].get<double>());
  print_line("host", size_of(host["residentBytes"]) + " resident, " + seconds + " CPU-seconds in " +
                         all["seconds"].dump() + " s");
  print_line("guest", size_of(guest["memoryBytes"]) + ", " + size_of(guest["freeBytes"]) +
                          " free, " + size_of(guest["cacheBytes"]) + " cache, " +
                          size_of(guest["applicationBytes"]) + " application");
  if (heap.is_object())
    print_line("heap", size_of(heap["usedBytes"]) + " used of " + size_of(heap["committedBytes"]));
  print_line("received", size_of(network["receivedBytes"]) + " in " +
                             count_of(network["receivedPackets"]) + " packets, " +
                             count_of(network["receiveDrops"]) + " dropped");
  print_line("sent", size_of(network["sentBytes"]) + " in " + count_of(network["sentPackets"]) +
                         " packets, " + count_of(network["sendDrops"]) + " dropped");
  print_line("firewall", count_of(network["firewallTcpDrops"]) + " TCP and " +
                             count_of(network["firewallUdpDrops"]) + " UDP packets dropped");
}

}  // namespace

int stats_command(const Words& words) {
  if (wants_help(words, kStatsUsage)) return 0;
  Words rest = words;
  const Result<std::string> format = take_output_format(rest);
  if (!format) return complain(format.error().message, kStatusBadInput);
  if (rest.size() != 1 || rest.front().starts_with('-'))
    return complain(rest.empty() ? "say which VM: moka stats VM (moka ps shows them)"
                                 : "stats takes one VM (moka stats --help)",
                    kStatusBadInput);
  const Result<VmRegistry> registry = VmRegistry::open();
  if (!registry) return complain(registry.error().message, kStatusBadInput);
  const Result<VmView> vm = registry.value().find_running(rest.front());
  if (!vm) return complain(vm.error().message, kStatusBadInput);
  const Result<Json> all = statistics_of(vm.value());
  if (!all) return complain(all.error().message, kStatusRefused);
  if (format.value() == "json") {
    // A program's name may hold bytes that are no UTF-8.
    std::printf("%s\n", all.value().dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
  } else {
    print_text(all.value());
  }
  return 0;
}

}  // namespace moka
