// SPDX-License-Identifier: Apache-2.0
#include "publish/management_ports.h"

#include <optional>
#include <string_view>

#include "net/ip_address.h"
#include "support/files.h"

namespace moka {
namespace {

// Where ports come from that a program does not choose: Linux's net.ipv4.ip_local_port_range.
constexpr std::uint16_t kFirstHandedOut = 32768;
constexpr std::uint16_t kLastHandedOut = 60999;

std::optional<std::string_view> behind(std::string_view text, std::string_view prefix) {
  if (!text.starts_with(prefix)) return {};
  return text.substr(prefix.size());
}

// "5005", "*:5005", "host:5005", "[::1]:5005"
std::optional<std::uint16_t> port_of_address(std::string_view address) {
  const std::size_t colon = address.rfind(':');
  return parse_port(colon == std::string_view::npos ? address : address.substr(colon + 1));
}

}  // namespace

ManagementPorts ManagementPorts::opened_by(const std::vector<std::string>& jvm_options) {
  ManagementPorts ports;
  for (const std::string& option : jvm_options) {
    std::optional<std::string_view> debugger = behind(option, "-agentlib:jdwp=");
    if (!debugger) debugger = behind(option, "-Xrunjdwp:");
    if (debugger) {
      for (const std::string& part : split(*debugger, ','))
        if (const auto address = behind(part, "address="))
          if (const auto port = port_of_address(*address)) ports.debugger_.insert(*port);
    } else if (const auto jmx = behind(option, "-Dcom.sun.management.jmxremote")) {
      ports.has_jmx_anywhere_ = true;
      if (const auto objects = behind(*jmx, ".rmi.port=")) {
        if (const auto port = parse_port(*objects)) ports.jmx_.insert(*port);
      } else if (const auto registry = behind(*jmx, ".port=")) {
        if (const auto port = parse_port(*registry)) ports.jmx_.insert(*port);
      }
    }
  }
  return ports;
}

std::string ManagementPorts::purpose_of(std::uint16_t guest_port) const {
  if (debugger_.contains(guest_port)) return "the debugger";
  const bool is_handed_out = guest_port >= kFirstHandedOut && guest_port <= kLastHandedOut;
  if (jmx_.contains(guest_port) || (has_jmx_anywhere_ && is_handed_out)) return "JMX";
  return "";
}

}  // namespace moka
