// SPDX-License-Identifier: Apache-2.0
#include "qemu/device_probe.h"

#include <sys/stat.h>

#include "image/kept_result.h"
#include "support/command.h"
#include "support/files.h"

namespace moka {
namespace {

constexpr const char* kOffered = "offered";

// An update of QEMU is another one.
std::string identity_of(const std::string& program) {
  struct stat status {};
  return ::stat(program.c_str(), &status) == 0 ? program + identity_text(status) : program;
}

// What QEMU says of a kind of thing; the status is 0 for what it does not know as well.
std::string help_of(const std::string& qemu, const char* option, const char* kind) {
  return run_command({qemu, "-nodefaults", "-machine", "none", option, std::string(kind) + ",help"})
      .output;
}

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

// Fails, and so is asked again another time, where QEMU says neither.
Result<std::string> ask(const std::string& qemu) {
  const std::string device = help_of(qemu, "-device", "ivshmem-plain");
  const std::string backend = help_of(qemu, "-object", "memory-backend-file");
  // Read-only backends are there from QEMU 6.0 on.
  if (has(device, "memdev=") && has(backend, "readonly=")) return std::string(kOffered);
  if (has(device, "ivshmem-plain") || has(backend, "mem-path=")) return std::string();
  return Error{qemu + " does not say what devices it has"};
}

}  // namespace

bool offers_memory_layers(const ImageCache& cache, const std::string& qemu) {
  const Result<std::string> answer =
      kept_result(cache, "memory layers " + identity_of(qemu), [&] { return ask(qemu); });
  return answer && answer.value() == kOffered;
}

}  // namespace moka
