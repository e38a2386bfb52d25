// SPDX-License-Identifier: Apache-2.0
//
// Text from files and from the guest: manifests, argument and environment files, exit lines,
// terminal settings.
//
// sources: launcher/cli/argument_file.cc launcher/cli/environment_file.cc
// sources: launcher/jar/jar_manifest.cc launcher/session/exit_report.cc
// sources: launcher/session/terminal.cc launcher/support/files.cc

#include <cstdint>
#include <string_view>

#include "cli/argument_file.h"
#include "cli/environment_file.h"
#include "jar/jar_manifest.h"
#include "session/exit_report.h"
#include "session/terminal.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)moka::parse_argument_file(text);
  (void)moka::parse_environment_file(text, "file");
  (void)moka::JarManifest::parse(text);
  if (const auto report = moka::parse_exit_line(text)) (void)report->json();
  (void)moka::decode_termios(text, termios{});
  return 0;
}
