// SPDX-License-Identifier: Apache-2.0
//
// Direct calls, by the first byte: a program file from anywhere, machine code from anywhere, or a table from anywhere.
// Whatever the launcher makes of the first two the kernel must find sound, and what the kernel finds sound it must be
// able to lay out.
//
// sources: launcher/direct/call_sites.cc launcher/direct/instructions.cc launcher/direct/program_text.cc
// sources: launcher/direct/frame_table.cc launcher/support/files.cc kernel/exec/direct_call_table.cc
// sources: kernel/arch/x64/direct_call.cc
// libs: build/third-party/libzydis.a

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "direct/call_sites.h"
#include "exec/direct_call_table.h"

namespace {

using mokapot::DirectCallTable;
using mokapot::kPageSize;

constexpr mokapot::VirtAddr kText{0x7000'0000'0000}, kCode{0x7000'1000'0000};

void lay_out(const DirectCallTable& table) {
  std::vector<std::byte> code(table.code_size()), page(kPageSize);
  (void)table.write_code(code, kCode, kText).ok();
  for (std::uint64_t place = 0; place < code.size(); ++place) (void)table.original_place(place);
  for (std::uint64_t at = 0; at < 4 * kPageSize; at += kPageSize) {
    if (!table.has_sites_in(at)) continue;
    table.put_jumps(at, page.data(), kCode, kText);
    table.take_jumps(at, page.data(), kCode, kText);
  }
}

bool accept(const std::uint8_t* data, std::size_t size) {
  mokapot::Vector<std::uint64_t> words;
  if (!words.resize((size + 7) / 8).ok()) return false;
  if (size > 0) std::memcpy(words.data(), data, size);
  auto table = DirectCallTable::create(std::move(words), size);
  if (table.ok()) lay_out(table.take());
  return table.ok();
}

void try_text(const moka::ProgramText& text) {
  const std::string table = moka::direct_call_table(text);
  // SAFETY: bytes as bytes.
  if (!table.empty() && !accept(reinterpret_cast<const std::uint8_t*>(table.data()), table.size())) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::uint8_t kind = *data++ % 3;
  --size;
  if (kind == 0) {
    const int file = ::memfd_create("program", MFD_CLOEXEC);
    if (file < 0 || ::write(file, data, size) != static_cast<ssize_t>(size)) return 0;
    if (const auto text = moka::ProgramText::read("/proc/self/fd/" + std::to_string(file))) try_text(text.value());
    ::close(file);
  } else if (kind == 1) {
    moka::ProgramText text;
    text.address = 0x1000;
    text.bytes.assign(data, data + size);
    text.functions = {{text.address, text.address + size}};
    try_text(text);
  } else {
    (void)accept(data, size);
  }
  return 0;
}
