// SPDX-License-Identifier: Apache-2.0
#include "qemu/accelerator_probe.h"

#include <sys/utsname.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "qemu/kvm_speed.h"
#include "support/files.h"
#include "support/hash.h"

namespace moka {
namespace {

constexpr std::size_t kLargestProcFile = 16u << 20;
// Changes with the loop that is measured.
constexpr std::uint64_t kProbeVersion = 1;

// What the verdict holds for: this boot of this kernel on this processor.
std::string circumstances() {
  Hash hash;
  hash.add(kProbeVersion);
  const Result<std::string> boot = read_file("/proc/sys/kernel/random/boot_id", kLargestProcFile);
  if (boot) hash.add(boot.value());
  utsname system{};
  if (::uname(&system) == 0) hash.add(system.release).add(system.version);
  if (const Result<std::string> cpus = read_file("/proc/cpuinfo", kLargestProcFile)) {
    const std::size_t model = cpus.value().find("model name");
    if (model != std::string::npos)
      hash.add(cpus.value().substr(model, cpus.value().find('\n', model) - model));
  }
  return hash.text();
}

AcceleratorChoice verdict(double rounds) {
  char text[160];
  if (rounds >= kLeastKvmRoundsPerSecond) {
    std::snprintf(text, sizeof text, "accelerator: KVM (%.1f million rounds a second at CPL 0)",
                  rounds / 1e6);
    return {Accelerator::kKvm, text};
  }
  std::snprintf(text, sizeof text,
                "accelerator: TCG (KVM is here, but runs only %.0f rounds a second at CPL 0, of "
                "%.0f that it should)",
                rounds, kLeastKvmRoundsPerSecond);
  return {Accelerator::kTcg, text};
}

}  // namespace

Result<AcceleratorChoice> choose_accelerator(const std::string& cache_directory,
                                             const std::string& wish) {
  if (wish == "tcg")
    return AcceleratorChoice{Accelerator::kTcg, "accelerator: TCG, as asked for", true};
  if (wish == "kvm")
    return AcceleratorChoice{Accelerator::kKvm, "accelerator: KVM, as asked for", true};
  if (!wish.empty()) return Error{"MOKA_ACCELERATOR is " + wish + "; it may be kvm or tcg"};
  if (::access("/dev/kvm", R_OK | W_OK) != 0)
    return AcceleratorChoice{Accelerator::kTcg, "accelerator: TCG (/dev/kvm does not open)"};
  const std::string record = cache_directory + "/accelerator";
  const std::string now = circumstances();
  const Result<std::string> known = read_file(record, kLargestProcFile);
  if (known && known.value().starts_with(now + " "))
    return verdict(std::strtod(known.value().c_str() + now.size() + 1, nullptr));

  const std::optional<double> rounds = measure_kvm_rounds_per_second();
  if (!rounds)
    return AcceleratorChoice{Accelerator::kTcg, "accelerator: TCG (/dev/kvm makes no VM)"};
  char text[64];
  std::snprintf(text, sizeof text, " %.0f\n", *rounds);
  (void)write_file_atomically(record, now + text, 0600);
  return verdict(*rounds);
}

}  // namespace moka
