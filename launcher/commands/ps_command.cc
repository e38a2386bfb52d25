// SPDX-License-Identifier: Apache-2.0
//
// moka ps: which VMs run.
#include <algorithm>
#include <cstdio>
#include <ctime>

#include "commands/commands.h"
#include "registry/vm_registry.h"
#include "session/exit_report.h"
#include "support/json.h"

namespace moka {
const char* const kPsUsage =
    "usage: moka ps [-a] [--output text|json]\n"
    "\n"
    "  -a               VMs, too, that ran detached and have ended\n"
    "  --output FORMAT  text, or json: one array\n";

namespace {

constexpr int kMostStatus = 255;

using Row = std::vector<std::string>;

std::string duration_text(std::int64_t seconds) {
  if (seconds < 120) return std::to_string(std::max<std::int64_t>(seconds, 0)) + " s";
  if (seconds < 2 * 3600) return std::to_string(seconds / 60) + " min";
  if (seconds < 48 * 3600) return std::to_string(seconds / 3600) + " h";
  return std::to_string(seconds / 86400) + " days";
}

// What the VM's end was, where that is told as it should be.
std::optional<int> end_status(const nlohmann::ordered_json& end) {
  const std::optional<int> status = number_in<int>(end, "status");
  return status && *status >= 0 && *status <= kMostStatus ? status : std::nullopt;
}

std::string status_text(const VmView& vm) {
  if (vm.is_running && vm.description != VmView::Description::kThere) return "record damaged";
  if (vm.is_running)
    return "up " + duration_text(std::time(nullptr) - std::max<std::int64_t>(vm.record.started, 0));
  const std::optional<int> status = end_status(parse_json(vm.end));
  return status ? "ended with " + std::to_string(*status) : "lost";
}

Row row_of(const VmView& vm) {
  std::string ports;
  for (const VmRecord::Port& port : vm.record.ports) {
    const std::string text = port.address + ":" + std::to_string(port.port) + "->" +
                             std::to_string(port.guest_port) +
                             (port.protocol == "udp" ? "/udp" : "");
    ports += (ports.empty() ? "" : ",") + text;
  }
  const bool is_known = vm.description == VmView::Description::kThere;
  return {vm.record.name,
          vm.is_running ? std::to_string(vm.record.pid) : "-",
          status_text(vm),
          is_known ? std::to_string(vm.record.memory_mib) + " MiB" : "-",
          is_known ? std::to_string(vm.record.cpus) : "-",
          is_known ? vm.record.program : "-",
          vm.is_running ? ports : ""};
}

void print_table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t column = 0; column < row.size(); ++column)
      widths[column] = std::max(widths[column], row[column].size());
  }
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t column = 0; column < row.size(); ++column) {
      line += row[column];
      if (column + 1 < row.size()) line.append(widths[column] - row[column].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    // A program's name may hold what a terminal obeys.
    for (char& letter : line)
      if (static_cast<unsigned char>(letter) < ' ' || letter == '\x7f') letter = '?';
    std::printf("%s\n", line.c_str());
  }
}

void print_json(const std::vector<VmView>& views) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const VmView& vm : views) {
    nlohmann::ordered_json object = to_json(vm.record);
    object["running"] = vm.is_running;
    if (vm.description != VmView::Description::kThere) object["damaged"] = true;
    if (!vm.is_running) {
      auto end = parse_json(vm.end);
      object["end"] = end_status(end) ? std::move(end) : nlohmann::ordered_json();
    }
    all.push_back(std::move(object));
  }
  std::printf("%s\n", json_text(all, 2).c_str());
}

}  // namespace

int ps_command(const Words& words) {
  if (wants_help(words, kPsUsage)) return 0;
  bool is_json = false, shows_ended = false;
  for (std::size_t index = 0; index < words.size(); ++index) {
    const std::string& word = words[index];
    std::string format;
    if (word == "-a" || word == "--all") {
      shows_ended = true;
      continue;
    }
    if (word.starts_with("--output="))
      format = word.substr(9);
    else if (word == "--output" && index + 1 < words.size())
      format = words[++index];
    if (format != "text" && format != "json")
      return complain(word.starts_with("--output")
                          ? "--output knows text and json"
                          : "ps does not know " + word + " (moka ps --help)",
                      kStatusBadInput);
    is_json = format == "json";
  }
  const Result<VmRegistry> registry = VmRegistry::open();
  if (!registry) return complain(registry.error().message, kStatusBadInput);
  std::vector<VmView> views = registry.value().list();
  if (!shows_ended) std::erase_if(views, [](const VmView& vm) { return !vm.is_running; });
  if (is_json) {
    print_json(views);
    return 0;
  }
  std::vector<Row> rows{{"NAME", "PID", "STATUS", "MEMORY", "CPUS", "PROGRAM", "PORTS"}};
  for (const VmView& vm : views) rows.push_back(row_of(vm));
  print_table(rows);
  return 0;
}

}  // namespace moka
