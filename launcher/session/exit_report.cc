// SPDX-License-Identifier: Apache-2.0
#include "session/exit_report.h"
#include "support/json.h"
#include "support/numbers.h"

#include <csignal>
#include <nlohmann/json.hpp>

namespace moka {
namespace {

const char* name_of(ExitReport::By by) {
  switch (by) {
    case ExitReport::By::kApplication:
      return "application";
    case ExitReport::By::kJvm:
      return "jvm";
    case ExitReport::By::kKernel:
      return "kernel";
    case ExitReport::By::kMoka:
      return "moka";
  }
  return "moka";
}

// Takes "name=value" off the front, the value up to the next blank.
std::optional<std::string_view> take_field(std::string_view& text, std::string_view name) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  if (!text.starts_with(name) || text.size() <= name.size() || text[name.size()] != '=')
    return std::nullopt;
  text.remove_prefix(name.size() + 1);
  const std::size_t end = text.find(' ');
  const std::string_view value = text.substr(0, end);
  text.remove_prefix(value.size());
  return value;
}

std::optional<int> number_in(std::optional<std::string_view> text, int largest) {
  const auto number = text ? parse_number<int>(*text) : std::nullopt;
  return number && (*number < 0 || *number > largest) ? std::nullopt : number;
}

}  // namespace

std::string ExitReport::json() const {
  const nlohmann::ordered_json report = {
      {"status", status}, {"by", name_of(by)}, {"signal", signal}, {"reason", reason}};
  // A reason may quote bytes that are no UTF-8.
  return json_text(report) + "\n";
}

std::optional<ExitReport> parse_exit_line(std::string_view text) {
  const std::optional<int> status = number_in(take_field(text, "status"), 255);
  const std::optional<int> signal = number_in(take_field(text, "signal"), 64);
  const std::optional<std::string_view> by = take_field(text, "by");
  if (!status || !signal || !by) return std::nullopt;
  ExitReport report{*status, *signal, ExitReport::By::kApplication, ""};
  if (*by == "kernel") {
    report.by = ExitReport::By::kKernel;
  } else if (*by == "jvm") {
    report.by = ExitReport::By::kJvm;
  } else if (*by != "application") {
    return std::nullopt;
  }
  constexpr std::string_view kReason = " reason=";
  if (text.starts_with(kReason)) report.reason = text.substr(kReason.size());
  return report;
}

void blame_jvm_for_crash(ExitReport& report) {
  if (report.by != ExitReport::By::kApplication) return;
  switch (report.signal) {
    case SIGABRT:
    case SIGSEGV:
    case SIGBUS:
    case SIGILL:
    case SIGFPE:
    case SIGTRAP:
      report.by = ExitReport::By::kJvm;
      break;
    default:
      break;
  }
}

}  // namespace moka
