// SPDX-License-Identifier: Apache-2.0
#include "net/listen_report.h"

#include "base/format.h"
#include "contract/vm_contract.h"
#include "io/control_channel.h"

namespace mokapot {
namespace {

constinit ListenReporter listen_reporter = nullptr;  // set once, at boot

}  // namespace

void set_listen_reporter(ListenReporter reporter) { listen_reporter = reporter; }

void report_listening(ListenEvent event, InetProtocol protocol, const InetEndpoint& local, V6Only v6_only) {
  if (listen_reporter != nullptr) listen_reporter(event, protocol, local, v6_only);
}

void report_to_launcher(ListenEvent event, InetProtocol protocol, const InetEndpoint& local, V6Only v6_only) {
  char address[kInetAddressText];
  format_inet_address(local.address, address, sizeof(address));
  const bool both = local.address == InetAddress() && v6_only == V6Only::kNo;
  TextBuffer<96> line;
  line.append("%s %s %s %u", event == ListenEvent::kBegins ? contract::kGuestListen : contract::kGuestUnlisten,
              protocol == InetProtocol::kTcp ? contract::kProtocolTcp : contract::kProtocolUdp,
              both ? contract::kAddressAll : address, local.port);
  send_control_line(line.view());
}

}  // namespace mokapot
