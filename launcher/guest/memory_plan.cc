// SPDX-License-Identifier: Apache-2.0
#include "guest/memory_plan.h"

#include <algorithm>
#include <charconv>
#include <cstdio>

#include "support/files.h"

namespace moka {
namespace {

constexpr std::uint64_t kKernelAndJvmMiB = 128;
constexpr std::uint64_t kLeastDefaultMiB = 2048;
// More than QEMU's and the kernel's direct map can take is a typing error.
constexpr std::uint64_t kMostMemoryMiB = std::uint64_t{16} << 20;
// HotSpot's MaxHeapSize before ergonomics on 64 bits, 96 MiB x 1.3.
constexpr std::uint64_t kHotspotSmallHeapMiB = 124;
constexpr std::size_t kLargestProcFile = 1u << 20;

// The number on a "Name:   123 kB" line, in MiB; 0 where there is none.
std::uint64_t meminfo_mib(std::string_view text, std::string_view name) {
  const std::size_t at = text.find(name);
  if (at == std::string_view::npos) return 0;
  std::string_view rest = trim(text.substr(at + name.size(), 40));
  std::uint64_t kib = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), kib);
  return kib / 1024;
}

// A cgroup limit file: bytes, or "max". 0 for no limit.
std::uint64_t limit_mib(const std::string& path) {
  const Result<std::string> text = read_file(path, kLargestProcFile);
  if (!text) return 0;
  std::uint64_t bytes = 0;
  const std::string_view digits = trim(text.value());
  std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
  return bytes >> 20;
}

bool mentions(const std::vector<std::string>& options,
              std::initializer_list<std::string_view> prefixes) {
  return std::any_of(options.begin(), options.end(), [&](const std::string& option) {
    return std::any_of(prefixes.begin(), prefixes.end(),
                       [&](std::string_view prefix) { return option.starts_with(prefix); });
  });
}

std::string percentage_option(const char* name, double part, std::uint64_t whole) {
  char text[80];
  // Never rounded up: a percentage a hair too large would no longer fit.
  const double percentage = std::min(
      100.0,
      static_cast<double>(static_cast<std::uint64_t>(part * 10000.0 / static_cast<double>(whole))) /
          100.0);
  std::snprintf(text, sizeof text, "-XX:%s=%.2f", name, percentage);
  return text;
}

}  // namespace

Result<std::uint64_t> parse_memory_mib(std::string_view text) {
  const Error wrong{"-m " + std::string(text) +
                    " is no size; give a number of MiB, or a number with K, M, G or T"};
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return wrong;
  std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (unit.ends_with("iB") && unit.size() == 3) unit.remove_suffix(2);
  if (unit == "K" || unit == "k") return number / 1024;
  std::uint64_t factor = 0;
  if (unit.empty() || unit == "M" || unit == "m") factor = 1;
  if (unit == "G" || unit == "g") factor = 1024;
  if (unit == "T" || unit == "t") factor = 1024 * 1024;
  if (factor == 0 || number > kMostMemoryMiB / factor) return wrong;
  return number * factor;
}

std::uint64_t host_memory_mib() {
  const Result<std::string> meminfo = read_file("/proc/meminfo", kLargestProcFile);
  std::uint64_t mib = meminfo ? meminfo_mib(meminfo.value(), "MemTotal:") : 0;
  for (const char* path :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    const std::uint64_t limit = limit_mib(path);
    if (limit != 0) mib = std::min(mib, limit);
  }
  return mib;
}

MemoryPlan default_memory(std::uint64_t host_mib) {
  return {std::max(host_mib / 4, kLeastDefaultMiB), true, host_mib};
}

std::uint64_t heap_that_fits_mib(std::uint64_t mib) {
  return mib <= kKernelAndJvmMiB ? 0 : (mib - kKernelAndJvmMiB) * 7 / 8;
}

std::uint64_t hotspot_default_heap_mib(std::uint64_t mib) {
  if (mib / 2 < kHotspotSmallHeapMiB) return mib / 2;
  return std::max(mib / 4, kHotspotSmallHeapMiB);
}

std::vector<std::string> heap_options(const MemoryPlan& plan,
                                      const std::vector<std::string>& user_options) {
  // A flags file or an argument file may hold anything, so it counts as speaking of both.
  const auto elsewhere = {std::string_view("-XX:Flags="), std::string_view("-XX:VMOptionsFile="),
                          std::string_view("@")};
  if (mentions(user_options, elsewhere)) return {};
  const bool user_sets_largest = mentions(
      user_options,
      {"-Xmx", "-XX:MaxHeapSize=", "-XX:MaxRAMPercentage=", "-XX:MaxRAMFraction=", "-XX:MaxRAM=",
       "-XX:MinRAMPercentage=", "-XX:MinRAMFraction=", "-XX:+AggressiveHeap"});
  const bool user_sets_initial =
      mentions(user_options, {"-Xms", "-XX:InitialHeapSize=", "-XX:InitialRAMPercentage=",
                              "-XX:InitialRAMFraction=", "-XX:MaxRAM=", "-Xmn",
                              "-XX:NewSize=", "-XX:+AggressiveHeap"});
  std::vector<std::string> options;
  const std::uint64_t fits = heap_that_fits_mib(plan.mib);
  if (!user_sets_largest && fits > hotspot_default_heap_mib(plan.mib))
    options.push_back(percentage_option("MaxRAMPercentage", static_cast<double>(fits), plan.mib));
  // Without -m the heap begins as large as the host's JVM would make it, a 64th of the host's
  // memory, so that the first collections come when they come there.
  if (plan.is_default && !user_sets_largest && !user_sets_initial && plan.host_mib > plan.mib)
    options.push_back(percentage_option("InitialRAMPercentage",
                                        static_cast<double>(plan.host_mib) / 64.0, plan.mib));
  return options;
}

std::vector<std::pair<std::uint64_t, std::string>> heap_options_by_memory(
    const std::vector<std::string>& user_options) {
  // In steps of an eighth: what the heap is short of with memory between two of them is less. The
  // kernel counts a little less than the machine has, so steps are not where sizes usually are.
  constexpr std::uint64_t kSmallest = 280;
  constexpr std::uint64_t kLargest = std::uint64_t{1} << 20;
  std::vector<std::pair<std::uint64_t, std::string>> options;
  for (std::uint64_t mib = kSmallest; mib < kLargest; mib += mib / 8) {
    std::vector<std::string> words = heap_options({mib, false, 0}, user_options);
    if (!words.empty() && (options.empty() || options.back().second != words.front()))
      options.emplace_back(mib, std::move(words.front()));
  }
  return options;
}

}  // namespace moka
