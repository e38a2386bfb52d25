// SPDX-License-Identifier: Apache-2.0
#include "boot/network.h"

#include "base/format.h"
#include "contract/vm_contract.h"
#include "device/net_device.h"
#include "fs/vfs.h"
#include "io/control_channel.h"
#include "net/network.h"
#include "trace/log.h"

namespace mokapot {
namespace {

// The values of every name=value on the command line.
Result<void> collect(std::string_view command_line, std::string_view name, Vector<std::string_view>& values) {
  while (!command_line.empty()) {
    const std::size_t space = command_line.find(' ');
    const std::string_view word = command_line.substr(0, space);
    command_line = space == command_line.npos ? std::string_view() : command_line.substr(space + 1);
    if (word.size() > name.size() && word.substr(0, name.size()) == name && word[name.size()] == '=')
      TRY(values.push_back(word.substr(name.size() + 1)));
  }
  return {};
}

void warn(const char* text) {
  TextBuffer<200> line;
  line.append("%s %s", contract::kGuestWarning, text);
  send_control_line(line.view());
}

Result<void> start(std::string_view command_line, std::string_view hostname, std::string_view& bad) {
  NetworkSettings settings;
  settings.hostname = hostname;
  settings.warn = warn;
  TRY(collect(command_line, contract::kOptionAddress, settings.addresses));
  TRY(collect(command_line, contract::kOptionGateway, settings.gateways));
  TRY(collect(command_line, contract::kOptionNameServer, settings.name_servers));
  return start_network(settings, bad);
}

}  // namespace

bool start_network_as_told(std::string_view command_line, std::string_view hostname, char* problem, std::size_t size) {
  std::string_view bad;
  const auto started = start(command_line, hostname, bad);
  if (started.ok()) return true;
  if (started.error() == Errno::kEINVAL)
    format_to(problem, size, "\"%.*s\" is not a network address", static_cast<int>(bad.size()), bad.data());
  else
    format_to(problem, size, "the network cannot be started: %s", errno_name(started.error()));
  return false;
}

void publish_resolver_configuration() {
  if (net_device(0) == nullptr) return;
  const auto made = vfs_symlink("/proc/net/pnp", nullptr, "/etc/resolv.conf");
  if (!made.ok() && made.error() != Errno::kEEXIST)
    LOG_WARNING("/etc/resolv.conf cannot be made: %s", errno_name(made.error()));
}

}  // namespace mokapot
