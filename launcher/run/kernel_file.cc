// SPDX-License-Identifier: Apache-2.0
#include "run/kernel_file.h"

#include <limits.h>
#include <unistd.h>

#include <cstdlib>

#include "support/files.h"

namespace moka {
namespace {

std::string directory_of_this_program() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  return length > 0 ? parent_path(std::string(path, static_cast<std::size_t>(length))) : ".";
}

}  // namespace

Result<std::string> find_kernel(const std::string& option) {
  // MOKA_KERNEL: what the tests run on.
  const char* chosen = std::getenv("MOKA_KERNEL");
  const std::string here = directory_of_this_program();
  std::string kernel = here + "/mokapot-kernel.elf";
  // Installed: PREFIX/bin/moka and PREFIX/lib/mokapot.
  const std::string installed = parent_path(here) + "/lib/mokapot/mokapot-kernel.elf";
  if (::access(kernel.c_str(), F_OK) != 0 && ::access(installed.c_str(), F_OK) == 0)
    kernel = installed;
  if (chosen != nullptr && *chosen != '\0') kernel = chosen;
  if (!option.empty()) kernel = absolute_path(option);
  if (::access(kernel.c_str(), R_OK) != 0)
    return Error{"no kernel: " + kernel +
                 " cannot be read; build it (make kernel) or name one by --kernel"};
  return kernel;
}

}  // namespace moka
