// SPDX-License-Identifier: Apache-2.0
//
// NUMA policy on a machine with one node: every policy that Linux would accept is satisfied by any page,
// so policies are checked and not kept (get_mempolicy answers MPOL_DEFAULT). libnuma and HotSpot probe with
// these calls.
#include "linux/syscall_types.h"
#include "vm/address_space.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kMaxNodes = 1024;  // bits of a mask that we look at, Linux's largest
constexpr int kDefault = 0, kPreferred = 1, kLocal = 4, kPolicies = 6;
constexpr int kStaticNodes = 1 << 15, kRelativeNodes = 1 << 14, kNumaBalancing = 1 << 13;

// Whether the mask names node 0, the only one. kEINVAL for a node that does not exist.
Result<bool> read_node_mask(VirtAddr mask, std::uint64_t max_node) {
  if (max_node > 0) --max_node;  // as Linux counts
  if (mask.is_null() || max_node == 0) return false;
  if (max_node > kPageSize * 8) return Errno::kEINVAL;
  bool has_node = false;
  for (std::uint64_t bit = 0; bit < max_node; bit += 64) {
    std::uint64_t word = TRY(read_application<std::uint64_t>(mask + bit / 8));
    if (max_node - bit < 64) word &= (std::uint64_t{1} << (max_node - bit)) - 1;
    if (bit == 0) {
      has_node = (word & 1) != 0;
      word &= ~std::uint64_t{1};
    }
    if (bit >= kMaxNodes && word != 0) return Errno::kEINVAL;
  }
  return has_node;
}

Result<void> check_policy(int mode, VirtAddr mask, std::uint64_t max_node) {
  const int flags = mode & (kStaticNodes | kRelativeNodes | kNumaBalancing);
  mode &= ~flags;
  if (mode < 0 || mode >= kPolicies) return Errno::kEINVAL;
  if ((flags & kStaticNodes) != 0 && (flags & kRelativeNodes) != 0) return Errno::kEINVAL;
  const bool has_node = TRY(read_node_mask(mask, max_node));
  if (mode == kDefault || mode == kLocal) {
    if (has_node) return Errno::kEINVAL;
  } else if (mode != kPreferred && !has_node) {
    return Errno::kEINVAL;
  }
  return {};
}

}  // namespace

SyscallResult sys_mbind(VirtAddr address, std::size_t size, int mode, VirtAddr mask, std::size_t max_node,
                        Flags flags) {
  constexpr std::uint64_t kKnown = 7;  // MPOL_MF_STRICT, MOVE, MOVE_ALL
  if ((flags & ~kKnown) != 0) return Errno::kEINVAL;
  TRY(check_policy(mode, mask, max_node));
  if (!address.is_page_aligned()) return Errno::kEINVAL;
  const std::uint64_t length = align_up(size, kPageSize);
  if (address.value() + length < address.value()) return Errno::kEINVAL;
  if (length == 0) return 0;
  constexpr std::int32_t kAdviceNormal = 0;
  const Result<void> mapped = address_space().advise(address, length, kAdviceNormal);
  if (!mapped.ok()) return Errno::kEFAULT;  // a hole
  return 0;
}

SyscallResult sys_set_mempolicy(int mode, VirtAddr mask, std::size_t max_node) {
  TRY(check_policy(mode, mask, max_node));
  return 0;
}

SyscallResult sys_get_mempolicy(VirtAddr mode, VirtAddr mask, std::size_t max_node, VirtAddr address, Flags flags) {
  constexpr std::uint64_t kNode = 1, kAddress = 2, kMemsAllowed = 4;
  if ((flags & ~(kNode | kAddress | kMemsAllowed)) != 0) return Errno::kEINVAL;
  if (!mask.is_null() && max_node < 1) return Errno::kEINVAL;
  std::uint64_t nodes = 0;
  if ((flags & kMemsAllowed) != 0) {
    if ((flags & (kNode | kAddress)) != 0) return Errno::kEINVAL;
    nodes = 1;
  } else if ((flags & kAddress) != 0) {
    AddressSpace::RegionInformation region;
    if (!address_space().find_region(address, region)) return Errno::kEFAULT;
  } else {
    if (!address.is_null()) return Errno::kEINVAL;
    if ((flags & kNode) != 0) return Errno::kEINVAL;  // only for an interleaving policy
  }
  // The policy, or with both flags the node of the page: 0 either way.
  if (!mode.is_null()) TRY(write_application<std::int32_t>(mode, 0));
  if (!mask.is_null()) {
    TRY(write_application(mask, nodes));
    const std::uint64_t bytes = align_up(max_node, 64) / 8;
    if (bytes > 8) TRY(clear_application(mask + 8, bytes - 8));
  }
  return 0;
}

}  // namespace mokapot
