// SPDX-License-Identifier: Apache-2.0
#include "publish/listener_line.h"

#include <string>
#include <vector>

#include "contract/vm_contract.h"
#include "support/files.h"

namespace moka {

std::optional<GuestListener> parse_listener(std::string_view text) {
  namespace contract = mokapot::contract;
  const std::vector<std::string> words = split(text, ' ');
  if (words.size() != 3) return {};
  GuestListener listener;
  if (words[0] == contract::kProtocolUdp) {
    listener.protocol = Protocol::kUdp;
  } else if (words[0] != contract::kProtocolTcp) {
    return {};
  }
  if (words[1] != contract::kAddressAll) {
    listener.address = IpAddress::parse(words[1]);
    if (!listener.address) return {};
  }
  const std::optional<std::uint16_t> port = parse_port(words[2]);
  if (!port) return {};
  listener.port = *port;
  return listener;
}

}  // namespace moka
