// SPDX-License-Identifier: Apache-2.0
//
// /sys/devices/system/cpu/cpuN/cache/indexM, by what the processor says of its caches.
#include <algorithm>
#include <bit>

#include "arch/processor_description.h"
#include "base/format.h"
#include "linux/proc_nodes_internal.h"

namespace mokapot::proc_nodes {
namespace {

using arch::CacheDescription;

unsigned cache_count() {
  CacheDescription cache;
  unsigned count = 0;
  while (arch::describe_cache(count, cache)) ++count;
  return count;
}

// context.a is the CPU; b the cache's number.
Result<PseudoContext> find_cache(std::string_view name, PseudoContext context) {
  constexpr std::string_view kPrefix = "index";
  std::uint64_t index = 0;
  if (!name.starts_with(kPrefix) || !parse_number(name.substr(kPrefix.size()), index) || index >= cache_count()) {
    return Errno::kENOENT;
  }
  return PseudoContext{context.a, index};
}

Result<void> list_caches(PseudoContext, std::uint64_t first,
                         bool (*visit)(std::uint64_t number, std::string_view name, void* context), void* visitor) {
  for (std::uint64_t index = first, count = cache_count(); index < count; ++index) {
    char name[16];
    const std::size_t size = format_to(name, sizeof name, "index%lu", number(index));
    if (!visit(index, {name, size}, visitor)) break;
  }
  return {};
}

// CPUs that share a cache have the same number but for its low bits, which tell sharers apart.
unsigned group_size(const CacheDescription& cache) { return std::bit_ceil(cache.sharing); }

struct Sharers {
  unsigned first, last;
};
Sharers sharers_of(const CacheDescription& cache, std::uint64_t cpu) {
  const unsigned group = group_size(cache);
  const unsigned first = static_cast<unsigned>(cpu) / group * group;
  return {first, std::min(first + group, cpu_count()) - 1};
}

void print_sharers(TextSink& out, const Sharers& sharers) {
  if (sharers.first == sharers.last) out.print("%u\n", sharers.first);
  else out.print("%u-%u\n", sharers.first, sharers.last);
}

void print_mask(TextSink& out, const Sharers& sharers) {
  const unsigned count = sharers.last - sharers.first + 1;
  const std::uint64_t ones = count >= 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << count) - 1;
  const std::uint64_t mask = ones << sharers.first;
  if (mask >> 32 != 0) out.print("%08lx,", number(mask >> 32));
  out.print("%08lx\n", number(mask & 0xffffffff));
}

const char* kind_name(CacheDescription::Kind kind) {
  switch (kind) {
    case CacheDescription::Kind::kData: return "Data";
    case CacheDescription::Kind::kInstruction: return "Instruction";
    case CacheDescription::Kind::kUnified: return "Unified";
  }
  return "Unified";
}

template <auto kPrint>
Result<void> print_cache(TextSink& out, PseudoContext context) {
  CacheDescription cache;
  if (!arch::describe_cache(static_cast<unsigned>(context.b), cache)) return Errno::kENOENT;
  kPrint(out, cache, context.a);
  return {};
}

template <unsigned CacheDescription::*kFigure>
void print_figure(TextSink& out, const CacheDescription& cache, std::uint64_t) {
  out.print("%u\n", cache.*kFigure);
}

constexpr PseudoEntry kCacheEntries[] = {
    pseudo_file("coherency_line_size", print_cache<print_figure<&CacheDescription::line_bytes>>),
    pseudo_file("id", print_cache<[](TextSink& out, const CacheDescription& cache, std::uint64_t cpu) {
                  out.print("%u\n", static_cast<unsigned>(cpu) / group_size(cache));
                }>),
    pseudo_file("level", print_cache<print_figure<&CacheDescription::level>>),
    pseudo_file("number_of_sets", print_cache<print_figure<&CacheDescription::sets>>),
    pseudo_file("physical_line_partition", print_cache<print_figure<&CacheDescription::partitions>>),
    pseudo_file("shared_cpu_list", print_cache<[](TextSink& out, const CacheDescription& cache, std::uint64_t cpu) {
                  print_sharers(out, sharers_of(cache, cpu));
                }>),
    pseudo_file("shared_cpu_map", print_cache<[](TextSink& out, const CacheDescription& cache, std::uint64_t cpu) {
                  print_mask(out, sharers_of(cache, cpu));
                }>),
    pseudo_file("size", print_cache<[](TextSink& out, const CacheDescription& cache, std::uint64_t) {
                  out.print("%luK\n", number(cache.bytes() / 1024));
                }>),
    pseudo_file("type", print_cache<[](TextSink& out, const CacheDescription& cache, std::uint64_t) {
                  out.print("%s\n", kind_name(cache.kind));
                }>),
    pseudo_file("ways_of_associativity", print_cache<print_figure<&CacheDescription::ways>>),
    kPseudoEnd,
};
constexpr PseudoEntry kCache = pseudo_directory("", kCacheEntries);

}  // namespace

const PseudoDynamic kCpuCaches{find_cache, list_caches, &kCache};

}  // namespace mokapot::proc_nodes
