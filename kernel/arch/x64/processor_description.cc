// SPDX-License-Identifier: Apache-2.0
//
// Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E. Names are those of Linux's /proc/cpuinfo.

#include "arch/processor_description.h"

#include <cstring>

#include "arch/msr.h"

namespace mokapot::arch {
namespace {

enum class Register : std::uint8_t { kEax, kEbx, kEcx, kEdx };

struct FeatureWord {
  std::uint32_t leaf, subleaf;
  Register in;
  const char* names[32];  // null: not shown
};

// clang-format off
constexpr FeatureWord kWords[] = {
  {1, 0, Register::kEdx, {"fpu", "vme", "de", "pse", "tsc", "msr", "pae", "mce", "cx8", "apic", nullptr, "sep",
    "mtrr", "pge", "mca", "cmov", "pat", "pse36", "pn", "clflush", nullptr, "dts", "acpi", "mmx", "fxsr", "sse",
    "sse2", "ss", "ht", "tm", "ia64", "pbe"}},
  {0x80000001, 0, Register::kEdx, {nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
    nullptr, nullptr, "syscall", nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, "mp", "nx", nullptr,
    "mmxext", nullptr, nullptr, "fxsr_opt", "pdpe1gb", "rdtscp", nullptr, "lm", "3dnowext", "3dnow"}},
  {1, 0, Register::kEcx, {"pni", "pclmulqdq", "dtes64", "monitor", "ds_cpl", "vmx", "smx", "est", "tm2", "ssse3",
    "cid", "sdbg", "fma", "cx16", "xtpr", "pdcm", nullptr, "pcid", "dca", "sse4_1", "sse4_2", "x2apic", "movbe",
    "popcnt", "tsc_deadline_timer", "aes", "xsave", nullptr, "avx", "f16c", "rdrand", "hypervisor"}},
  {0x80000001, 0, Register::kEcx, {"lahf_lm", "cmp_legacy", "svm", "extapic", "cr8_legacy", "abm", "sse4a",
    "misalignsse", "3dnowprefetch", "osvw", "ibs", "xop", "skinit", "wdt", nullptr, "lwp", "fma4", "tce", nullptr,
    "nodeid_msr", nullptr, "tbm", "topoext", "perfctr_core", "perfctr_nb", nullptr, "bpext", "ptsc", "perfctr_llc",
    "mwaitx", nullptr, nullptr}},
  // fsgsbase (bit 0) is off: GS is the kernel's.
  {7, 0, Register::kEbx, {nullptr, "tsc_adjust", "sgx", "bmi1", "hle", "avx2", nullptr, "smep", "bmi2", "erms",
    "invpcid", "rtm", "cqm", nullptr, "mpx", "rdt_a", "avx512f", "avx512dq", "rdseed", "adx", "smap", "avx512ifma",
    nullptr, "clflushopt", "clwb", "intel_pt", "avx512pf", "avx512er", "avx512cd", "sha_ni", "avx512bw", "avx512vl"}},
  {0xd, 1, Register::kEax, {"xsaveopt", "xsavec", "xgetbv1", "xsaves"}},
  // Protection keys (bits 3 and 4) and user-mode interrupts stay off.
  {7, 0, Register::kEcx, {nullptr, "avx512vbmi", "umip", nullptr, nullptr, "waitpkg", "avx512_vbmi2", nullptr, "gfni",
    "vaes", "vpclmulqdq", "avx512_vnni", "avx512_bitalg", nullptr, "avx512_vpopcntdq", nullptr, "la57", nullptr,
    nullptr, nullptr, nullptr, nullptr, "rdpid", nullptr, nullptr, "cldemote", nullptr, "movdiri", "movdir64b"}},
  // AMX (bits 22, 24, 25) stays off.
  {7, 0, Register::kEdx, {nullptr, nullptr, "avx512_4vnniw", "avx512_4fmaps", "fsrm", nullptr, nullptr, nullptr,
    "avx512_vp2intersect", nullptr, "md_clear", nullptr, nullptr, nullptr, "serialize", nullptr, nullptr, nullptr,
    nullptr, nullptr, nullptr, nullptr, nullptr, "avx512_fp16"}},
};
// clang-format on

std::uint32_t in_register(const CpuidLeaf& leaf, Register which) {
  switch (which) {
    case Register::kEax: return leaf.eax;
    case Register::kEbx: return leaf.ebx;
    case Register::kEcx: return leaf.ecx;
    case Register::kEdx: return leaf.edx;
  }
  return 0;
}

bool has_leaf(std::uint32_t leaf) { return cpuid(leaf & 0x80000000, 0).eax >= leaf; }

}  // namespace

ProcessorDescription describe_processor() {
  ProcessorDescription d{};
  const CpuidLeaf first = cpuid(0, 0);
  std::memcpy(d.vendor, &first.ebx, 4);
  std::memcpy(d.vendor + 4, &first.edx, 4);
  std::memcpy(d.vendor + 8, &first.ecx, 4);
  const CpuidLeaf version = cpuid(1, 0);
  d.stepping = version.eax & 0xf;
  d.model = (version.eax >> 4) & 0xf;
  d.family = (version.eax >> 8) & 0xf;
  if (d.family == 6 || d.family == 15) d.model |= ((version.eax >> 16) & 0xf) << 4;
  if (d.family == 15) d.family += (version.eax >> 20) & 0xff;
  d.flush_bytes = ((version.ebx >> 8) & 0xff) * 8;
  for (std::uint32_t i = 0; i < 3 && has_leaf(0x80000004); ++i) {
    const CpuidLeaf part = cpuid(0x80000002 + i, 0);
    std::memcpy(d.model_name + i * sizeof part, &part, sizeof part);
  }
  if (has_leaf(0x80000008)) {
    const CpuidLeaf sizes = cpuid(0x80000008, 0);
    d.physical_bits = sizes.eax & 0xff;
    d.virtual_bits = (sizes.eax >> 8) & 0xff;
  }
  CacheDescription cache;
  for (unsigned i = 0; describe_cache(i, cache); ++i) {
    if (cache.bytes() / 1024 > d.cache_kib) d.cache_kib = static_cast<unsigned>(cache.bytes() / 1024);
  }
  return d;
}

namespace {

// Leaf 4 of Intel's, which AMD has at 0x8000001d where it has the topology extensions.
bool decode_cache(const CpuidLeaf& leaf, CacheDescription& cache) {
  switch (leaf.eax & 0x1f) {
    case 1: cache.kind = CacheDescription::Kind::kData; break;
    case 2: cache.kind = CacheDescription::Kind::kInstruction; break;
    case 3: cache.kind = CacheDescription::Kind::kUnified; break;
    default: return false;
  }
  cache.level = leaf.eax >> 5 & 7;
  cache.sharing = (leaf.eax >> 14 & 0xfff) + 1;
  cache.line_bytes = (leaf.ebx & 0xfff) + 1;
  cache.partitions = (leaf.ebx >> 12 & 0x3ff) + 1;
  cache.ways = (leaf.ebx >> 22) + 1;
  cache.sets = leaf.ecx + 1;
  return true;
}

// AMD's older leaves, which say size, ways and line of each level.
bool describe_older_cache(unsigned index, CacheDescription& cache) {
  constexpr std::uint32_t kFirstLevel = 0x80000005, kOtherLevels = 0x80000006;
  constexpr unsigned kFull = 0xffff, kL3Unit = 512;
  constexpr unsigned kWays[16] = {0, 1, 2, 0, 4, 0, 8, 0, 16, 0, 32, 48, 64, 96, 128, kFull};
  using Kind = CacheDescription::Kind;
  if (index > 3 || !has_leaf(kOtherLevels)) return false;
  const CpuidLeaf first = cpuid(kFirstLevel, 0), others = cpuid(kOtherLevels, 0);
  unsigned kib = 0;
  if (index < 2) {
    const std::uint32_t word = index == 0 ? first.ecx : first.edx;
    cache.kind = index == 0 ? Kind::kData : Kind::kInstruction;
    cache.level = 1;
    kib = word >> 24;
    cache.ways = word >> 16 & 0xff;
    cache.line_bytes = word & 0xff;
  } else {
    const std::uint32_t word = index == 2 ? others.ecx : others.edx;
    cache.kind = Kind::kUnified;
    cache.level = index;
    kib = index == 2 ? word >> 16 : (word >> 18) * kL3Unit;
    cache.ways = kWays[word >> 12 & 0xf];
    cache.line_bytes = word & 0xff;
  }
  if (kib == 0 || cache.ways == 0 || cache.line_bytes == 0) return false;
  if (cache.ways == 0xff || cache.ways == kFull) cache.ways = kib * 1024 / cache.line_bytes;
  cache.partitions = 1;
  cache.sets = kib * 1024 / (cache.line_bytes * cache.ways);
  cache.sharing = index == 3 ? (cpuid(1, 0).ebx >> 16 & 0xff) : 1;
  if (cache.sharing == 0) cache.sharing = 1;
  return cache.sets != 0;
}

}  // namespace

bool describe_cache(unsigned index, CacheDescription& cache) {
  constexpr unsigned kMostCaches = 8;
  constexpr std::uint32_t kCaches = 4, kAmdCaches = 0x8000001d, kAmdFeatures = 0x80000001, kTopologyExtensions = 1u << 22;
  if (index >= kMostCaches) return false;
  if (has_leaf(kCaches) && (cpuid(kCaches, 0).eax & 0x1f) != 0) return decode_cache(cpuid(kCaches, index), cache);
  if (has_leaf(kAmdCaches) && (cpuid(kAmdFeatures, 0).ecx & kTopologyExtensions) != 0) {
    return decode_cache(cpuid(kAmdCaches, index), cache);
  }
  return describe_older_cache(index, cache);
}

void for_each_processor_feature(void (*visit)(const char* name, void* context), void* context) {
  for (const FeatureWord& word : kWords) {
    if (!has_leaf(word.leaf)) continue;
    const std::uint32_t bits = in_register(cpuid(word.leaf, word.subleaf), word.in);
    for (unsigned bit = 0; bit < 32; ++bit) {
      if ((bits >> bit & 1) != 0 && word.names[bit] != nullptr) visit(word.names[bit], context);
    }
  }
}

std::uint64_t described_frequency_khz() {
  if (has_leaf(0x15)) {
    const CpuidLeaf crystal = cpuid(0x15, 0);
    if (crystal.eax != 0 && crystal.ebx != 0 && crystal.ecx != 0) {
      return std::uint64_t{crystal.ecx} * crystal.ebx / crystal.eax / 1000;
    }
  }
  if (has_leaf(0x16)) return std::uint64_t{cpuid(0x16, 0).eax & 0xffff} * 1000;
  return 0;
}

}  // namespace mokapot::arch
