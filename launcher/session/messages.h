// SPDX-License-Identifier: Apache-2.0
//
// How moka itself speaks on standard error: sentences for people, or with `--output json` one JSON
// object a line. Its members are a promise to programs; docs/concepts/publishing.md lists them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "cli/run_options.h"
#include "publish/listener_line.h"
#include "publish/publisher.h"
#include "session/exit_report.h"

namespace moka {

class Messages {
 public:
  Messages(OutputFormat format, bool is_verbose) : format_(format), is_verbose_(is_verbose) {}

  // Each is whole lines, or "" where this user does not want to hear of it.
  std::string error(std::string_view text) const;
  std::string warning(std::string_view text) const;
  std::string note(std::string_view text) const;  // for those who ask for details
  std::string port(const PortNotice& notice) const;
  // The program listens, in a VM whose ports go nowhere: for programs only.
  std::string listening(const GuestListener& listener) const;
  // Where a debugger attaches: a line to paste.
  std::string debugger(std::uint16_t port) const;
  // A file that the VM has left on the host.
  std::string artifact(const std::string& path, std::uint64_t size) const;
  // How it all ended; people see that by themselves.
  std::string end(const ExitReport& report) const;

 private:
  bool is_json() const { return format_ == OutputFormat::kJson; }

  OutputFormat format_;
  bool is_verbose_;
};

}  // namespace moka
