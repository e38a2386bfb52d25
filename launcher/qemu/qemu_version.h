// SPDX-License-Identifier: Apache-2.0
//
// Which QEMU this is, by what it says of itself, and what follows from that.
#pragma once

#include <compare>
#include <optional>
#include <string_view>

namespace moka {

struct QemuVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const QemuVersion&) const = default;
};

// The first with which TCG translates guest code under the lock of its page, which a store to that
// page takes first. Before, a CPU could fetch an instruction of which another had written one half:
// docs/concepts/testing.md says why a JVM does that. Rare with later ones, but not excluded.
inline constexpr QemuVersion kFirstWithLockedFetch{8, 1};

// Of the output of `qemu-system-x86_64 --version`.
std::optional<QemuVersion> parse_qemu_version(std::string_view output);

}  // namespace moka
