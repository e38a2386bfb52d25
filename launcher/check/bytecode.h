// SPDX-License-Identifier: Apache-2.0
//
// The instructions of a method (JVMS 6.5): where each begins, what it may go on with, and which are
// passed on every way through the method. Code may be anybody's.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "check/class_file.h"

namespace moka {

struct BytecodeInstruction {
  std::uint32_t offset = 0;
  std::uint8_t opcode = 0;
  std::uint16_t operand = 0;  // an index into the constant pool, where there is one
  bool falls_through = true;
  bool returns = false;                // normally; a throw does not
  std::vector<std::uint32_t> targets;  // of jumps: numbers of instructions
};

struct Call {
  enum class Kind { kVirtual, kSpecial, kStatic, kInitialise };

  Kind kind = Kind::kStatic;  // kInitialise: a class's <clinit> may run (new, a static field)
  std::uint32_t offset = 0;
  std::size_t instruction = 0;
  MethodReference method;     // for kInitialise: the owner alone
  std::string_view constant;  // the string that was pushed just before, or ""
};

class Bytecode {
 public:
  // What cannot be decoded ends the list; `is_whole` tells.
  explicit Bytecode(std::string_view code);

  bool is_whole() const { return is_whole_; }
  const std::vector<BytecodeInstruction>& instructions() const { return instructions_; }

  std::vector<Call> calls(const ClassFile& file) const;

  // Whether every way from the method's beginning to a normal return passes this instruction.
  // Exceptions do not count as ways. Where no way returns, as in a loop for ever, only what stands
  // before the first branch is certain.
  bool is_certain(std::size_t instruction) const;

 private:
  bool decode(std::string_view code);
  bool returns_without(std::size_t avoided) const;

  std::vector<BytecodeInstruction> instructions_;
  bool is_whole_ = false;
};

}  // namespace moka
