// SPDX-License-Identifier: Apache-2.0
#include "publish/publishing_plan.h"

#include <algorithm>
#include <optional>

#include "publish/host_port.h"

namespace moka {
namespace {

// Port 0 is free on every address that the host has.
bool host_has(const IpAddress& address) {
  return probe_port(address, Protocol::kTcp, 0) != PortState::kNoAddress;
}

std::vector<IpAddress> addresses_for_all(const std::optional<IpAddress>& chosen) {
  using Family = IpAddress::Family;
  std::vector<IpAddress> addresses;
  if (!chosen) {
    addresses = {IpAddress::v4_loopback(), IpAddress::v6_loopback()};
  } else if (!chosen->is_any()) {
    return {*chosen};
  } else if (chosen->is_v6()) {
    // As a server that listens on :: means it.
    addresses = {IpAddress::any(Family::kV4), IpAddress::any(Family::kV6)};
  } else {
    addresses = {*chosen, IpAddress::v6_loopback()};
  }
  if (!host_has(addresses.back())) addresses.pop_back();
  return addresses;
}

Result<void> check_is_free(const PublisherPlan::Mapping& mapping) {
  for (const IpAddress& address : mapping.addresses) {
    const PortState state = probe_port(address, mapping.protocol, mapping.host_port);
    if (state == PortState::kFree) continue;
    const std::string advice =
        state == PortState::kNoAddress
            ? "name one that it has"
            : "name another by -p HOST:" + std::to_string(mapping.guest_port);
    return Error{"-p: " + describe(state, address, mapping.host_port) + "; " + advice};
  }
  return {};
}

}  // namespace

Result<PublisherPlan> plan_publishing(const NetworkOptions& options,
                                      const std::vector<std::string>& jvm_options,
                                      std::chrono::steady_clock::time_point start) {
  PublisherPlan plan;
  plan.is_forwarded = options.kind == NetworkOptions::Kind::kUser;
  plan.publishes = options.publishes && options.kind != NetworkOptions::Kind::kNone;
  plan.management = ManagementPorts::opened_by(jvm_options);
  plan.start = start;
  if (!plan.is_forwarded) {
    for (const auto& own : options.addresses) plan.addresses.push_back(own.address);
    return plan;
  }
  if (options.publish_address && !host_has(*options.publish_address))
    return Error{"--publish-all: this host has no address " + options.publish_address->text()};
  plan.addresses = addresses_for_all(options.publish_address);
  for (const PortMapping& asked : options.mappings) {
    PublisherPlan::Mapping mapping{asked.protocol, asked.host_port, asked.guest_port,
                                   asked.address ? std::vector{*asked.address} : plan.addresses};
    // QEMU receives UDP on IPv4 addresses, and nobody relays it.
    if (mapping.protocol == Protocol::kUdp)
      std::erase_if(mapping.addresses, [](const IpAddress& address) { return address.is_v6(); });
    MOKA_TRY(check_is_free(mapping));
    plan.mappings.push_back(std::move(mapping));
  }
  return plan;
}

}  // namespace moka
