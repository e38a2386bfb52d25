// SPDX-License-Identifier: Apache-2.0
#include "qemu/device_probe.h"

#include <sys/stat.h>

#include "elf/elf_file.h"
#include "image/kept_result.h"
#include "support/command.h"

namespace moka {
namespace {

constexpr const char* kOffered = "offered";

// Which program that is: an update of QEMU is another one.
std::string identity_of(const std::string& program) {
  struct stat status {};
  if (::stat(program.c_str(), &status) != 0) return program;
  std::string text = program;
  for (const auto number :
       {static_cast<std::int64_t>(status.st_dev), static_cast<std::int64_t>(status.st_ino),
        static_cast<std::int64_t>(status.st_size), std::int64_t{status.st_mtim.tv_sec},
        std::int64_t{status.st_mtim.tv_nsec}})
    text += " " + std::to_string(number);
  return text;
}

}  // namespace

bool offers_memory_layers(const ImageCache& cache, const std::string& qemu) {
  if (!looks_like_elf(qemu)) return true;
  const Result<std::string> answer =
      kept_result(cache, "ivshmem " + identity_of(qemu), [&]() -> Result<std::string> {
        const CommandOutcome outcome =
            run_command({qemu, "-nodefaults", "-machine", "none", "-device", "ivshmem-plain,help"});
            // The status is 0 for a device that is not there, too.
        return std::string(outcome.output.find("memdev=") != std::string::npos ? kOffered : "");
      });
  return answer && answer.value() == kOffered;
}

}  // namespace moka
