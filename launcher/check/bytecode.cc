// SPDX-License-Identifier: Apache-2.0
#include "check/bytecode.h"

#include <algorithm>

namespace moka {
namespace {

enum Opcode : std::uint8_t {
  kLdc = 0x12,
  kLdcWide = 0x13,
  kIfeq = 0x99,
  kGoto = 0xa7,
  kJsr = 0xa8,
  kRet = 0xa9,
  kTableswitch = 0xaa,
  kLookupswitch = 0xab,
  kIreturn = 0xac,
  kReturn = 0xb1,
  kGetstatic = 0xb2,
  kPutstatic = 0xb3,
  kInvokevirtual = 0xb6,
  kInvokespecial = 0xb7,
  kInvokestatic = 0xb8,
  kNew = 0xbb,
  kAthrow = 0xbf,
  kWide = 0xc4,
  kIfnull = 0xc6,
  kIfnonnull = 0xc7,
  kGotoWide = 0xc8,
  kJsrWide = 0xc9,
  kLast = 0xc9,
};
constexpr std::uint8_t kIinc = 0x84;

// Bytes of operands of each opcode from 0 to kLast; 'v' for those of their own length.
constexpr std::string_view kOperands =
    "0000000000000000"  // constants
    "12122"             // bipush, sipush, ldc, ldc_w, ldc2_w
    "11111"             // loads
    "00000000000000000000"
    "00000000"  // array loads
    "11111"     // stores
    "00000000000000000000"
    "00000000"                              // array stores
    "000000000"                             // stack
    "000000000000000000000000000000000000"  // arithmetic
    "2"                                     // iinc
    "00000000000000000000"                  // conversions, comparisons
    "2222222222222222"                      // if..., goto, jsr
    "1"                                     // ret
    "vv"                                    // switches
    "000000"                                // returns
    "2222"                                  // fields
    "22244"                                 // invokes
    "2"                                     // new
    "12"                                    // newarray, anewarray
    "00"                                    // arraylength, athrow
    "22"                                    // checkcast, instanceof
    "00"                                    // monitors
    "v"                                     // wide
    "3"                                     // multianewarray
    "2244";                                 // ifnull, ifnonnull, goto_w, jsr_w
static_assert(kOperands.size() == kLast + 1);

class Reader {
 public:
  explicit Reader(std::string_view code) : code_(code) {}

  bool has(std::size_t at, std::size_t size) const {
    return at <= code_.size() && size <= code_.size() - at;
  }
  // The caller has asked has().
  std::int32_t number(std::size_t at, std::size_t size) const {
    std::uint32_t value = 0;
    for (std::size_t index = 0; index < size; ++index)
      value = value << 8 | static_cast<unsigned char>(code_[at + index]);
    if (size == 2) return static_cast<std::int16_t>(value);
    return static_cast<std::int32_t>(value);
  }

 private:
  std::string_view code_;
};

// Adds a switch's targets, as distances; its length with the opcode, or 0 where it is cut short.
std::size_t decode_switch(const Reader& reader, std::size_t at, bool is_table,
                          std::vector<std::int64_t>& distances) {
  const std::size_t begin = (at + 4) / 4 * 4;  // padded to four bytes
  const std::size_t head = is_table ? 12 : 8;
  if (!reader.has(begin, head)) return 0;
  distances.push_back(reader.number(begin, 4));
  const std::int64_t low = reader.number(begin + 4, 4);
  const std::int64_t count = is_table ? reader.number(begin + 8, 4) - low + 1 : low;
  const std::size_t step = is_table ? 4 : 8;
  if (count < 0 || count > 65536 ||
      !reader.has(begin + head, static_cast<std::size_t>(count) * step))
    return 0;
  const std::size_t table = begin + head;
  for (std::size_t index = 0; index < static_cast<std::size_t>(count); ++index)
    distances.push_back(reader.number(table + index * step + step - 4, 4));
  return table + static_cast<std::size_t>(count) * step - at;
}

// The length with the opcode, or 0.
std::size_t length_at(const Reader& reader, std::size_t at, std::uint8_t opcode,
                      std::vector<std::int64_t>& distances) {
  if (opcode > kLast) return 0;
  if (opcode == kTableswitch || opcode == kLookupswitch)
    return decode_switch(reader, at, opcode == kTableswitch, distances);
  std::size_t operands = static_cast<std::size_t>(kOperands[opcode] - '0');
  if (opcode == kWide) {
    if (!reader.has(at + 1, 1)) return 0;
    operands = static_cast<std::uint8_t>(reader.number(at + 1, 1)) == kIinc ? 5 : 3;
  }
  return reader.has(at + 1, operands) ? 1 + operands : 0;
}

bool is_short_jump(std::uint8_t opcode) {
  return (opcode >= kIfeq && opcode <= kJsr) || opcode == kIfnull || opcode == kIfnonnull;
}

}  // namespace

Bytecode::Bytecode(std::string_view code) { is_whole_ = decode(code); }

bool Bytecode::decode(std::string_view code) {
  const Reader reader(code);
  std::vector<std::vector<std::int64_t>> distances;
  for (std::size_t at = 0; at < code.size();) {
    BytecodeInstruction instruction;
    instruction.offset = static_cast<std::uint32_t>(at);
    instruction.opcode = static_cast<std::uint8_t>(code[at]);
    const std::uint8_t opcode = instruction.opcode;
    std::vector<std::int64_t> jumps;
    const std::size_t length = length_at(reader, at, opcode, jumps);
    if (length == 0) return false;
    if (is_short_jump(opcode)) jumps.push_back(reader.number(at + 1, 2));
    if (opcode == kGotoWide || opcode == kJsrWide) jumps.push_back(reader.number(at + 1, 4));
    instruction.returns = opcode >= kIreturn && opcode <= kReturn;
    instruction.falls_through = !instruction.returns && opcode != kGoto && opcode != kGotoWide &&
                                opcode != kAthrow && opcode != kRet && opcode != kTableswitch &&
                                opcode != kLookupswitch;
    if (opcode == kLdc) {
      instruction.operand = static_cast<std::uint8_t>(reader.number(at + 1, 1));
    } else if (length >= 3) {
      instruction.operand = static_cast<std::uint16_t>(reader.number(at + 1, 2));
    }
    instructions_.push_back(std::move(instruction));
    distances.push_back(std::move(jumps));
    at += length;
  }
  for (std::size_t index = 0; index < instructions_.size(); ++index) {
    for (const std::int64_t distance : distances[index]) {
      const std::int64_t target = instructions_[index].offset + distance;
      const auto found = std::lower_bound(
          instructions_.begin(), instructions_.end(), target,
          [](const BytecodeInstruction& instruction, std::int64_t at) { return instruction.offset < at; });
      if (found == instructions_.end() || found->offset != target) return false;
      instructions_[index].targets.push_back(
          static_cast<std::uint32_t>(found - instructions_.begin()));
    }
  }
  return !instructions_.empty();
}

std::vector<Call> Bytecode::calls(const ClassFile& file) const {
  std::vector<Call> calls;
  for (std::size_t index = 0; index < instructions_.size(); ++index) {
    const BytecodeInstruction& instruction = instructions_[index];
    Call call;
    switch (instruction.opcode) {
      case kInvokevirtual:
        call.kind = Call::Kind::kVirtual;
        break;
      case kInvokespecial:
        call.kind = Call::Kind::kSpecial;
        break;
      case kInvokestatic:
        call.kind = Call::Kind::kStatic;
        break;
      case kNew:
      case kGetstatic:
      case kPutstatic:
        call.kind = Call::Kind::kInitialise;
        break;
      default:
        continue;
    }
    call.offset = instruction.offset;
    call.instruction = index;
    if (instruction.opcode == kNew) {
      call.method.owner = file.class_at(instruction.operand);
    } else {
      call.method = file.reference_at(instruction.operand);
    }
    if (call.method.owner.empty()) continue;
    if (index > 0) {
      const BytecodeInstruction& before = instructions_[index - 1];
      if (before.opcode == kLdc || before.opcode == kLdcWide)
        call.constant = file.string_at(before.operand);
    }
    calls.push_back(call);
  }
  return calls;
}

bool Bytecode::returns_without(std::size_t avoided) const {
  std::vector<bool> seen(instructions_.size(), false);
  std::vector<std::size_t> pending;
  const auto visit = [&](std::size_t index) {
    if (index >= instructions_.size() || index == avoided || seen[index]) return;
    seen[index] = true;
    pending.push_back(index);
  };
  visit(0);
  while (!pending.empty()) {
    const std::size_t index = pending.back();
    pending.pop_back();
    const BytecodeInstruction& instruction = instructions_[index];
    if (instruction.returns) return true;
    if (instruction.falls_through) visit(index + 1);
    for (const std::uint32_t target : instruction.targets) visit(target);
  }
  return false;
}

bool Bytecode::is_certain(std::size_t instruction) const {
  if (!is_whole_ || instruction >= instructions_.size()) return false;
  if (returns_without(instructions_.size())) return !returns_without(instruction);
  for (std::size_t index = 0; index < instruction; ++index)
    if (!instructions_[index].falls_through || !instructions_[index].targets.empty()) return false;
  return true;
}

}  // namespace moka
