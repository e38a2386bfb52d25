// SPDX-License-Identifier: Apache-2.0
//
// Walks frame pointers within a kernel stack and names return addresses from the symbol table
// that the second link pass embeds (kernel/kernel.mk): a count, then for each function in ascending order its
// offset from the image's start and the offset of its name from the table's.
#include "arch/context.h"
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

// The last function that begins at or before the offset from the image's start; null without a table.
const Symbol* symbol_at(std::uint64_t offset) {
  const bool has_table = VirtAddr(symbol_table_end) - VirtAddr(&symbol_table_start) > sizeof(SymbolTable);
  const Symbol* best = nullptr;
  std::uint32_t low = 0, high = has_table ? symbol_table_start.count : 0;
  while (low < high) {
    const std::uint32_t middle = (low + high) / 2;
    if (symbol_table_start.symbols[middle].address <= offset) {
      best = &symbol_table_start.symbols[middle];
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return best;
}

}  // namespace

CodePosition parked_position(const SwitchContext& context, StackRange stack) {
  // What arch_switch_stacks pushed: r15 r14 r13 r12 rbx rbp, below the return address.
  constexpr std::size_t kFramePointer = 5, kReturnAddress = 6;
  std::uint64_t words[kReturnAddress + 1];
  const VirtAddr at(context.stack_pointer);
  if (!stack.contains(at, sizeof(words)) || copy_or_fault(words, at.as<const void>(), sizeof(words)) != 0) return {};
  return {VirtAddr(words[kReturnAddress]), VirtAddr(words[kFramePointer])};
}

void describe_code(VirtAddr address, char* text, std::size_t size) {
  const std::uint64_t offset = address - VirtAddr(image_start);
  const bool inside = address >= VirtAddr(image_start) && address < VirtAddr(text_end);
  const Symbol* symbol = inside ? symbol_at(offset) : nullptr;
  if (symbol == nullptr) {
    format_to(text, size, "%#lx", address.value());
    return;
  }
  const char* name = VirtAddr(VirtAddr(&symbol_table_start) + symbol->name).as<const char>();
  format_to(text, size, "%.120s+%#lx", name, offset - symbol->address);
}

void walk_stack(CodePosition position, StackRange stack, void (*visit)(VirtAddr address, void* context), void* context) {
  visit(position.instruction, context);
  std::uint64_t frame = position.frame_pointer.value();
  for (int depth = 0; depth < kMostFrames; ++depth) {
    // Frames are aligned and ascend; the copy routine survives whatever else is wrong.
    std::uint64_t words[2];
    if ((frame & 7) != 0 || !stack.contains(VirtAddr(frame), sizeof(words))) break;
    if (copy_or_fault(words, VirtAddr(frame).as<const void>(), sizeof(words)) != 0) break;
    if (words[1] == 0) break;
    visit(VirtAddr(words[1]), context);
    if (words[0] <= frame) break;
    frame = words[0];
  }
}

void print_backtrace(CodePosition position, StackRange stack, void (*print)(const char* line)) {
  struct Printer {
    void (*print)(const char* line);
  } printer{print};
  walk_stack(
      position, stack,
      [](VirtAddr address, void* context) {
        char place[160];
        describe_code(address, place, sizeof(place));
        TextBuffer<200> line;
        line.append("  %#018lx %s", address.value(), place);
        static_cast<Printer*>(context)->print(line.c_str());
      },
      &printer);
}

}  // namespace mokapot::arch
