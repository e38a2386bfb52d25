// SPDX-License-Identifier: Apache-2.0
#include "run/host_network.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>

#include "contract/vm_contract.h"
#include "net/tap.h"
#include "support/files.h"

namespace moka {
namespace {

// More than this a VM cannot use (virtio-net's limit of queue pairs in QEMU is higher).
constexpr unsigned kMostQueues = 16;

// What QEMU's user networking hands out by DHCP when nobody configures it otherwise. Told at once,
// the guest need not ask, and its first packet leaves some time earlier.
constexpr const char* kUserAddress = "10.0.2.15/24";
constexpr const char* kUserGateway = "10.0.2.2";
constexpr const char* kUserNameServer = "10.0.2.3";

Result<UniqueFd> open_capture(const std::string& path) {
  // What passes a network is as private as what a program says.
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file) return Error{"--pcap: cannot write " + path + ": " + error_text(errno)};
  return file;
}

}  // namespace

Result<HostNetwork> HostNetwork::open(const NetworkOptions& options, unsigned cpus) {
  using Kind = NetworkOptions::Kind;
  HostNetwork network;
  network.kind_ = options.kind;
  network.mtu_ = options.mtu.value_or(0);
  const bool is_captured = !options.capture.empty();
  if (is_captured) network.capture_ = MOKA_TRY(open_capture(options.capture));
  const FrameHeader header = is_captured ? FrameHeader::kNone : FrameHeader::kVirtio;
  if (options.kind == Kind::kTap)
    network.queues_ = MOKA_TRY(open_tap(options.device, std::min(cpus, kMostQueues), header));
  if (options.kind == Kind::kBridge)
    network.queues_.push_back(MOKA_TRY(open_bridge(options.device, header)));
  return network;
}

NetworkDevice HostNetwork::device() const {
  NetworkDevice device{kind_, {}, capture_.get(), mtu_};
  for (const UniqueFd& queue : queues_) device.queues.push_back(queue.get());
  return device;
}

std::vector<int> HostNetwork::descriptors() const {
  std::vector<int> numbers = device().queues;
  if (capture_) numbers.push_back(capture_.get());
  return numbers;
}

void HostNetwork::close() {
  queues_.clear();
  capture_.reset();
}

std::vector<std::string> address_words(const NetworkOptions& options) {
  namespace contract = mokapot::contract;
  std::vector<std::string> words;
  const auto add = [&words](const char* option, const std::string& value) {
    words.push_back(std::string(option) + "=" + value);
  };
  if (options.kind == NetworkOptions::Kind::kUser && !options.asks_dhcp) {
    add(contract::kOptionAddress, kUserAddress);
    add(contract::kOptionGateway, kUserGateway);
    if (options.name_servers.empty()) add(contract::kOptionNameServer, kUserNameServer);
  }
  for (const auto& own : options.addresses)
    add(contract::kOptionAddress, own.address.text() + "/" + std::to_string(own.prefix));
  for (const IpAddress& gateway : options.gateways) add(contract::kOptionGateway, gateway.text());
  for (const IpAddress& server : options.name_servers)
    add(contract::kOptionNameServer, server.text());
  return words;
}

}  // namespace moka
