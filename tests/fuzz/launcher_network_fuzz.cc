// SPDX-License-Identifier: Apache-2.0
//
// What the launcher is told of the network: by QEMU's monitor, by the guest's control lines, and by
// the options of its user.
//
// sources: launcher/net/ip_address.cc launcher/net/network_options.cc
// sources: launcher/publish/host_port.cc launcher/publish/listener_line.cc
// sources: launcher/publish/management_ports.cc launcher/publish/publisher.cc
// sources: launcher/publish/relay.cc launcher/qemu/monitor.cc launcher/support/files.cc

#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "publish/publisher.h"
#include "support/files.h"

namespace {

// A guest and a QEMU that say anything in any order: lines that begin with { are QEMU's.
void play(std::string_view text) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0) std::abort();
  {
    moka::Monitor monitor(ends[0]);
    moka::PublisherPlan plan;
    plan.addresses = {moka::IpAddress::v4_loopback()};
    plan.mappings = {{moka::Protocol::kUdp, 20053, 53, plan.addresses}};
    moka::Publisher publisher(plan, monitor, [](const moka::PortNotice&) {});
    for (const std::string& line : moka::split(text, '\n')) {
      if (line.starts_with("{")) {
        monitor.take_line(line);
        publisher.take_replies();
      } else if (line.starts_with("-")) {
        if (const auto gone = moka::parse_listener(line.substr(1))) publisher.unlisten(*gone);
      } else if (const auto listener = moka::parse_listener(line)) {
        publisher.listen(*listener);
      }
    }
  }
  ::close(ends[0]);
  ::close(ends[1]);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  play(text.substr(0, 4096));
  moka::NetworkOptions options;
  if (const auto mapping = moka::parse_port_mapping(text)) options.mappings = {mapping.value()};
  (void)moka::read_network_kind(text, options);
  (void)moka::read_interface_address(text, options);
  (void)moka::read_mtu(text, options);
  (void)moka::check_network_options(options);
  (void)moka::ManagementPorts::opened_by({std::string(text)}).purpose_of(5005);
  return 0;
}
