// SPDX-License-Identifier: Apache-2.0
//
// Ports by which a JVM is debugged and managed. Whoever reaches them runs code in the application,
// so they never appear on the host unless the user names them by -p. What options open them is
// Java's documentation: "Connection and Invocation Details" of JPDA for the debugger, "Monitoring
// and Management Using JMX Technology" for the other.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

namespace moka {

class ManagementPorts {
 public:
  // What these JVM options (those of JAVA_TOOL_OPTIONS and JDK_JAVA_OPTIONS among them) open.
  static ManagementPorts opened_by(const std::vector<std::string>& jvm_options);

  // "the debugger" or "JMX" for a port that must stay in the guest, else "".
  std::string purpose_of(std::uint16_t guest_port) const;

 private:
  std::set<std::uint16_t> debugger_;
  std::set<std::uint16_t> jmx_;
  // With JMX the JVM opens one or two ports more that the kernel hands out: that of JMX's objects,
  // unless it is fixed, and that of the connector for tools of the same machine, which nothing
  // fixes.
  bool has_jmx_anywhere_ = false;
};

}  // namespace moka
