// SPDX-License-Identifier: Apache-2.0
//
// Machine instructions as far as direct calls are concerned: how long they are, where they branch, and whether a copy
// of one can run elsewhere. Zydis decodes; nothing else sees it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace moka {

struct Instruction {
  enum class Kind : std::uint8_t {
    kPlain,   // goes on to the next one, and to nowhere else
    kBranch,  // conditional, direct
    kLeaves,  // calls, jumps, returns, traps: a copy of it would not do
    kSyscall,
  };
  std::uint64_t address = 0;
  std::uint8_t size = 0;
  Kind kind = Kind::kPlain;
  bool branches = false;     // directly, to target
  std::uint64_t target = 0;

  std::uint64_t end() const { return address + size; }
};

// The instruction at the beginning of `bytes`, which lie at `address`; nothing where there is none.
std::optional<Instruction> decode(std::span<const std::uint8_t> bytes, std::uint64_t address);

// What may stand elsewhere for one: bytes, of which four at `fixup` are the distance from the copy's end to `target`.
struct InstructionCopy {
  std::vector<std::uint8_t> bytes;
  std::optional<std::uint8_t> fixup;
  std::uint64_t target = 0;
};
// Nothing where no copy does the same.
std::optional<InstructionCopy> copy_of(std::span<const std::uint8_t> bytes, std::uint64_t address);

// What becomes of EAX.
struct AccumulatorChange {
  bool is_changed = false;
  std::optional<std::uint32_t> value;  // where that is known from the instruction alone
};
AccumulatorChange accumulator_after(std::span<const std::uint8_t> bytes);

// What it does to flags.
struct FlagUse {
  bool replaces_status = false;   // gives CF, PF, AF, ZF, SF and OF new values and looks at none of them
  bool changes_control = false;   // one of the others: DF, TF, AC and the like
};
FlagUse flag_use(std::span<const std::uint8_t> bytes);

}  // namespace moka
