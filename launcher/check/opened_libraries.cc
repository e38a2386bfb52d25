// SPDX-License-Identifier: Apache-2.0
#include "check/opened_libraries.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "check/bytecode.h"

namespace moka {
namespace {

constexpr std::string_view kJna = "com/sun/jna/";

bool opens_library(const MethodReference& method) {
  if (method.owner == "com/sun/jna/Native")
    return method.name == "load" || method.name == "loadLibrary" || method.name == "register";
  return method.owner == "com/sun/jna/NativeLibrary" && method.name == "getInstance";
}

// What may stand in a path: a name from a class file names no folder.
bool is_plain_name(std::string_view name) {
  return !name.empty() && name.size() < 128 &&
         std::all_of(name.begin(), name.end(), [](unsigned char letter) {
           return std::isalnum(letter) != 0 || letter == '_' || letter == '-' || letter == '.' ||
                  letter == '+';
         });
}

// The string that was pushed last before the call: the name is the first argument, and what follows are classes
// and options.
std::string_view string_before(const ClassFile& file, const std::vector<BytecodeInstruction>& instructions,
                               std::size_t call) {
  constexpr std::uint8_t kLdc = 0x12, kLdcWide = 0x13;
  constexpr std::size_t kFarthest = 8;
  for (std::size_t back = 1; back <= kFarthest && back <= call; ++back) {
    const BytecodeInstruction& before = instructions[call - back];
    if (before.opcode != kLdc && before.opcode != kLdcWide) continue;
    if (const std::string_view text = file.string_at(before.operand); !text.empty()) return text;
  }
  return {};
}

}  // namespace

std::set<std::string> names_opened_in(const ClassFile& file) {
  std::set<std::string> names;
  if (!file.refers_to(opens_library)) return names;
  for (const Method& method : file.methods()) {
    const Bytecode code(method.code);
    for (const Call& call : code.calls(file)) {
      if (!opens_library(call.method)) continue;
      const std::string_view name = string_before(file, code.instructions(), call.instruction);
      if (is_plain_name(name)) names.emplace(name);
    }
  }
  return names;
}

std::set<std::string> find_opened_libraries(const Program& program) {
  std::set<std::string> names, wanted;
  if (!program.find_class("com/sun/jna/Native")) return names;
  std::map<std::string, std::set<std::string>> by_jna;  // JNA's own classes
  program.for_each_class([&](const std::string&, const std::string&, const std::string& bytes) {
    const Result<ClassFile> file = ClassFile::parse(bytes);
    if (!file) return;
    std::set<std::string> opened = names_opened_in(file.value());
    if (file.value().name().starts_with(kJna)) {
      if (!opened.empty()) by_jna.emplace(file.value().name(), std::move(opened));
      return;
    }
    names.merge(opened);
    (void)file.value().refers_to([&](const MethodReference& reference) {
      if (reference.owner.starts_with(kJna)) wanted.emplace(reference.owner);
      return false;
    });
    if (const std::string_view super = file.value().super(); super.starts_with(kJna))
      wanted.emplace(super);
  });
  for (const std::string& name : wanted)
    if (const auto found = by_jna.find(name); found != by_jna.end()) names.merge(found->second);
  return names;
}

}  // namespace moka
