// SPDX-License-Identifier: Apache-2.0
//
// What is known of one running VM: the contents of vm.json in its folder of the registry, and what
// `moka ps --output json` prints. Members may be added; none of these goes away.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace moka {

struct VmRecord {
  struct Port {
    std::string protocol;  // "tcp" or "udp"
    std::string address;
    std::uint16_t port = 0;
    std::uint16_t guest_port = 0;
    bool operator==(const Port&) const = default;
  };

  std::string name;
  pid_t pid = 0;        // of its `moka run`
  std::string program;  // what was given: a jar, a main class, a program
  bool is_java = false;
  bool can_attach = true;  // false: the user's options switched HotSpot's attach mechanism off
  bool is_detached = false;
  std::uint64_t memory_mib = 0;
  unsigned cpus = 0;
  std::int64_t started = 0;  // seconds since 1970
  std::string artifacts;     // the folder of the host that the VM writes to; "" for none
  std::vector<Port> ports;
};

nlohmann::ordered_json to_json(const VmRecord& record);
// Nothing where the text is no record: it may have been cut short or edited. Numbers that are out of
// range count as missing.
std::optional<VmRecord> parse_record(std::string_view text);

}  // namespace moka
