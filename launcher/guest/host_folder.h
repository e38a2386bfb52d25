// SPDX-License-Identifier: Apache-2.0
//
// --mount HOST:GUEST[:ro]: a folder of the host that the guest sees live, by 9p.
#pragma once

#include <string>
#include <string_view>

#include "support/result.h"

namespace moka {

struct HostFolder {
  std::string host;   // absolute
  std::string guest;  // absolute, "." and ".." resolved
  bool is_read_only = false;
};

// Fails where the text makes no sense or the host's folder cannot be shared.
Result<HostFolder> parse_host_folder(std::string_view text);

// The mount tag of the folder with that number, by which the guest finds its device.
std::string mount_tag(std::size_t number);

}  // namespace moka
