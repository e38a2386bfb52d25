// SPDX-License-Identifier: Apache-2.0
#include "qemu/network_device.h"

namespace moka {
namespace {

// A message interrupt for each queue's two directions, for the control queue and for the
// configuration.
std::size_t vectors_for(std::size_t queues) { return 2 * queues + 2; }

std::string netdev(const NetworkDevice& network) {
  if (network.kind == NetworkOptions::Kind::kUser) return std::string("user,id=") + kNetdevId;
  std::string text = std::string("tap,id=") + kNetdevId;
  const char* separator = network.queues.size() == 1 ? ",fd=" : ",fds=";
  for (const int queue : network.queues) {
    text += separator + std::to_string(queue);
    separator = ":";
  }
  return text;
}

}  // namespace

std::vector<std::string> network_words(const NetworkDevice& network, const std::string& device,
                                       bool is_pci) {
  if (network.kind == NetworkOptions::Kind::kNone) return {};
  std::string options = device + ",netdev=" + kNetdevId;
  // Nobody boots from it, and its boot program takes time to load.
  if (is_pci) options += ",romfile=";
  if (network.queues.size() > 1) {
    options += ",mq=on";
    if (is_pci) options += ",vectors=" + std::to_string(vectors_for(network.queues.size()));
  }
  if (network.mtu != 0) options += ",host_mtu=" + std::to_string(network.mtu);
  std::vector<std::string> words{"-netdev", netdev(network), "-device", options};
  if (network.capture >= 0) {
    words.insert(words.end(),
                 {"-object", std::string("filter-dump,id=capture,netdev=") + kNetdevId +
                                 ",file=/proc/self/fd/" + std::to_string(network.capture)});
  }
  return words;
}

}  // namespace moka
