// SPDX-License-Identifier: Apache-2.0
#include "direct/instructions.h"

#include <Zydis/Zydis.h>

namespace moka {
namespace {

constexpr std::uint8_t kNearPrefix = 0x0f, kNearCondition = 0x80;  // 0f 8x: Jcc with 32 bits of distance
constexpr unsigned kInstructionRelative = 5;                       // ModRM.rm of RIP-relative operands, with mod 0

const ZydisDecoder& decoder() {
  static const ZydisDecoder instance = [] {
    ZydisDecoder made;
    ZydisDecoderInit(&made, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
    return made;
  }();
  return instance;
}

bool decode_with_zydis(std::span<const std::uint8_t> bytes, ZydisDecodedInstruction& decoded) {
  return ZYAN_SUCCESS(
      ZydisDecoderDecodeInstruction(&decoder(), nullptr, bytes.data(), bytes.size(), &decoded));
}

bool has_relative_distance(const ZydisDecodedInstruction& decoded) {
  return decoded.raw.imm[0].is_relative == ZYAN_TRUE;
}

bool is_condition(const ZydisDecodedInstruction& decoded) {
  // JRCXZ and LOOP exist with a short distance only.
  return decoded.meta.category == ZYDIS_CATEGORY_COND_BR && decoded.opcode_map != ZYDIS_OPCODE_MAP_0F38 &&
         ((decoded.opcode_map == ZYDIS_OPCODE_MAP_DEFAULT && (decoded.opcode & 0xf0) == 0x70) ||
          (decoded.opcode_map == ZYDIS_OPCODE_MAP_0F && (decoded.opcode & 0xf0) == 0x80));
}

Instruction::Kind kind_of(const ZydisDecodedInstruction& decoded) {
  // With a prefix it would be longer than what restarts go back by.
  if (decoded.mnemonic == ZYDIS_MNEMONIC_SYSCALL && decoded.length == 2) return Instruction::Kind::kSyscall;
  switch (decoded.meta.category) {
    case ZYDIS_CATEGORY_COND_BR:
      return is_condition(decoded) ? Instruction::Kind::kBranch : Instruction::Kind::kLeaves;
    case ZYDIS_CATEGORY_CALL:
    case ZYDIS_CATEGORY_INTERRUPT:
    case ZYDIS_CATEGORY_RET:
    case ZYDIS_CATEGORY_SYSCALL:
    case ZYDIS_CATEGORY_SYSRET:
    case ZYDIS_CATEGORY_SYSTEM:
    case ZYDIS_CATEGORY_UNCOND_BR:
      return Instruction::Kind::kLeaves;
    default:
      return has_relative_distance(decoded) || decoded.mnemonic == ZYDIS_MNEMONIC_UD2 ? Instruction::Kind::kLeaves
                                                                                      : Instruction::Kind::kPlain;
  }
}

}  // namespace

std::optional<Instruction> decode(std::span<const std::uint8_t> bytes, std::uint64_t address) {
  ZydisDecodedInstruction decoded;
  if (bytes.empty() || !decode_with_zydis(bytes, decoded)) return std::nullopt;
  Instruction instruction;
  instruction.address = address;
  instruction.size = decoded.length;
  instruction.kind = kind_of(decoded);
  instruction.branches = has_relative_distance(decoded);
  if (instruction.branches)
    instruction.target = address + decoded.length + static_cast<std::uint64_t>(decoded.raw.imm[0].value.s);
  return instruction;
}

std::optional<InstructionCopy> copy_of(std::span<const std::uint8_t> bytes, std::uint64_t address) {
  ZydisDecodedInstruction decoded;
  if (bytes.empty() || !decode_with_zydis(bytes, decoded)) return std::nullopt;
  InstructionCopy copy;
  if (kind_of(decoded) == Instruction::Kind::kBranch) {
    // Always with a long distance, and without the prefixes that were hints to processors of old.
    copy.bytes = {kNearPrefix, static_cast<std::uint8_t>(kNearCondition | (decoded.opcode & 0x0f)), 0, 0, 0, 0};
    copy.fixup = 2;
    copy.target = address + decoded.length + static_cast<std::uint64_t>(decoded.raw.imm[0].value.s);
    return copy;
  }
  if (kind_of(decoded) != Instruction::Kind::kPlain) return std::nullopt;
  copy.bytes.assign(bytes.begin(), bytes.begin() + decoded.length);
  const bool has_operand = (decoded.attributes & ZYDIS_ATTRIB_HAS_MODRM) != 0;
  if (has_operand && decoded.raw.modrm.mod == 0 && decoded.raw.modrm.rm == kInstructionRelative) {
    if (decoded.address_width != 64 || decoded.raw.disp.size != 32) return std::nullopt;
    copy.fixup = decoded.raw.disp.offset;
    copy.target = address + decoded.length + static_cast<std::uint64_t>(decoded.raw.disp.value);
  } else if ((decoded.attributes & ZYDIS_ATTRIB_IS_RELATIVE) != 0) {
    return std::nullopt;
  }
  return copy;
}

AccumulatorChange accumulator_after(std::span<const std::uint8_t> bytes) {
  ZydisDecodedInstruction decoded;
  ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
  if (!ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder(), bytes.data(), bytes.size(), &decoded, operands)))
    return {true, std::nullopt};
  AccumulatorChange change;
  for (unsigned i = 0; i < decoded.operand_count; ++i) {
    const ZydisDecodedOperand& operand = operands[i];
    if (operand.type != ZYDIS_OPERAND_TYPE_REGISTER || (operand.actions & ZYDIS_OPERAND_ACTION_MASK_WRITE) == 0) continue;
    if (ZydisRegisterGetLargestEnclosing(ZYDIS_MACHINE_MODE_LONG_64, operand.reg.value) == ZYDIS_REGISTER_RAX)
      change.is_changed = true;
  }
  if (!change.is_changed || decoded.operand_count_visible != 2 || operands[0].type != ZYDIS_OPERAND_TYPE_REGISTER ||
      (operands[0].reg.value != ZYDIS_REGISTER_EAX && operands[0].reg.value != ZYDIS_REGISTER_RAX))
    return change;
  if (decoded.mnemonic == ZYDIS_MNEMONIC_MOV && operands[1].type == ZYDIS_OPERAND_TYPE_IMMEDIATE)
    change.value = static_cast<std::uint32_t>(operands[1].imm.value.u);
  if (decoded.mnemonic == ZYDIS_MNEMONIC_XOR && operands[1].type == ZYDIS_OPERAND_TYPE_REGISTER &&
      operands[1].reg.value == operands[0].reg.value)
    change.value = 0;
  return change;
}

FlagUse flag_use(std::span<const std::uint8_t> bytes) {
  constexpr ZydisAccessedFlagsMask kStatus = ZYDIS_CPUFLAG_CF | ZYDIS_CPUFLAG_PF | ZYDIS_CPUFLAG_AF |
                                             ZYDIS_CPUFLAG_ZF | ZYDIS_CPUFLAG_SF | ZYDIS_CPUFLAG_OF;
  ZydisDecodedInstruction decoded;
  if (bytes.empty() || !decode_with_zydis(bytes, decoded)) return {false, true};
  if (decoded.cpu_flags == nullptr) return {};
  const ZydisAccessedFlags& flags = *decoded.cpu_flags;
  const ZydisAccessedFlagsMask changed = flags.modified | flags.set_0 | flags.set_1 | flags.undefined;
  // What is undefined may in fact be what was there.
  const ZydisAccessedFlagsMask replaced = flags.modified | flags.set_0 | flags.set_1;
  return {(replaced & kStatus) == kStatus && (flags.tested & kStatus) == 0, (changed & ~kStatus) != 0};
}

}  // namespace moka
