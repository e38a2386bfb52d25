// SPDX-License-Identifier: Apache-2.0
//
// Walks frame pointers within the current kernel stack and names return addresses from the symbol table
// that the second link pass embeds (kernel/kernel.mk): a count, then for each function in ascending order its
// offset from the image's start and the offset of its name from the table's.
#include "arch/cpu.h"
#include "arch/memory_copy.h"
#include "arch/traps.h"
#include "base/format.h"

namespace mokapot::arch {
namespace {

struct Symbol {
  std::uint32_t address;  // from image_start
  std::uint32_t name;     // from symbol_table_start
};
struct SymbolTable {
  std::uint32_t count;
  std::uint32_t padding;
  Symbol symbols[];
};
extern "C" const SymbolTable symbol_table_start;
extern "C" const char symbol_table_end[];
extern "C" const char image_start[];
extern "C" const char text_end[];
constexpr int kMostFrames = 32;

void print_one(VirtAddr address, void (*print)(const char* line)) {
  TextBuffer<180> line;
  const std::uint64_t offset = address - VirtAddr(image_start);
  const bool has_table = VirtAddr(symbol_table_end) - VirtAddr(&symbol_table_start) > sizeof(SymbolTable);
  if (address >= VirtAddr(text_end) || address < VirtAddr(image_start) || !has_table) {
    line.append("  %#018lx", address.value());
  } else {
    const Symbol* best = nullptr;
    std::uint32_t low = 0, high = symbol_table_start.count;
    while (low < high) {
      const std::uint32_t middle = (low + high) / 2;
      if (symbol_table_start.symbols[middle].address <= offset) {
        best = &symbol_table_start.symbols[middle];
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    const char* name = best == nullptr ? "?" : VirtAddr(VirtAddr(&symbol_table_start) + best->name).as<const char>();
    line.append("  %#018lx %.120s+%#lx", address.value(), name, best == nullptr ? 0 : offset - best->address);
  }
  print(line.c_str());
}

}  // namespace

void print_backtrace(VirtAddr instruction, VirtAddr frame_pointer, void (*print)(const char* line)) {
  print_one(instruction, print);
  std::uint64_t frame = frame_pointer.value();
  for (int depth = 0; depth < kMostFrames; ++depth) {
    // Frames are in the upper half, aligned, and ascend; the copy routine survives whatever else is wrong.
    if (static_cast<std::int64_t>(frame) >= 0 || (frame & 7) != 0) break;
    std::uint64_t words[2];
    if (copy_or_fault(words, VirtAddr(frame).as<const void>(), sizeof(words)) != 0) break;
    if (words[1] == 0) break;
    print_one(VirtAddr(words[1]), print);
    if (words[0] <= frame) break;
    frame = words[0];
  }
}

}  // namespace mokapot::arch
