// SPDX-License-Identifier: Apache-2.0
//
// Class files and bytecode from anywhere, as moka check reads them.
//
// sources: launcher/check/bytecode.cc launcher/check/class_file.cc launcher/check/opened_libraries.cc
// sources: launcher/check/program.cc launcher/jar/class_path.cc launcher/jar/jar_manifest.cc launcher/jar/zip_reader.cc
// sources: launcher/support/files.cc
// libs: -lz

#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "check/bytecode.h"
#include "check/class_file.h"
#include "check/opened_libraries.h"

namespace {

void look_at(const moka::Bytecode& code, const moka::ClassFile& file) {
  const auto& instructions = code.instructions();
  for (const moka::BytecodeInstruction& instruction : instructions)
    for (const std::uint32_t target : instruction.targets)
      if (target >= instructions.size()) std::abort();
  std::size_t looked_at = 0;
  for (const moka::Call& call : code.calls(file)) {
    if (call.instruction >= instructions.size() || call.method.owner.empty()) std::abort();
    if (looked_at++ < 16) (void)code.is_certain(call.instruction);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  look_at(moka::Bytecode(bytes), moka::ClassFile());
  const auto file = moka::ClassFile::parse(bytes);
  if (!file) return 0;
  (void)file.value().refers_to([](const moka::MethodReference& reference) {
    return reference.owner.size() + reference.descriptor.size() == 1;
  });
  (void)moka::names_opened_in(file.value());
  for (const moka::Method& method : file.value().methods())
    look_at(moka::Bytecode(method.code), file.value());
  return 0;
}
