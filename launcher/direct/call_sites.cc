// SPDX-License-Identifier: Apache-2.0
#include "direct/call_sites.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <set>
#include <span>
#include <unordered_set>
#include <vector>

#include "contract/direct_calls.h"
#include "direct/instructions.h"

namespace moka {
namespace {

namespace contract = mokapot::contract;

constexpr std::uint64_t kPageSize = 4096;
constexpr std::uint8_t kSyscall[] = {0x0f, 0x05};
// How far back the number of a system call is looked for.
constexpr std::size_t kNumberDistance = 24;
// Linux's numbers: rt_sigreturn, execve, exit, exit_group, execveat.
const std::set<std::uint32_t> kLeftAlone = {15, 59, 60, 231, 322};

struct Site {
  std::uint64_t place;  // behind the text's beginning
  std::span<const std::uint8_t> original;
  std::vector<InstructionCopy> copies;
  std::vector<std::uint8_t> sizes;  // of the originals of the copies
  bool status_flags_unused;
};

class Finder {
 public:
  explicit Finder(const ProgramText& text) : text_(text) {}

  std::vector<Site> run() {
    std::vector<std::vector<Instruction>> candidates;
    for (const ProgramText::Function& function : text_.functions) {
      if (!mentions_syscall(function)) continue;
      auto instructions = decode_function(function);
      if (instructions) candidates.push_back(std::move(*instructions));
    }
    if (candidates.empty()) return {};
    collect_targets();
    std::vector<Site> sites;
    for (const auto& instructions : candidates)
      for (std::size_t i = 0; i < instructions.size(); ++i)
        if (instructions[i].kind == Instruction::Kind::kSyscall)
          if (auto site = site_of(instructions, i)) sites.push_back(std::move(*site));
    return sites;
  }

 private:
  std::span<const std::uint8_t> bytes(std::uint64_t begin, std::uint64_t end) const {
    return std::span(text_.bytes).subspan(begin - text_.address, end - begin);
  }

  bool mentions_syscall(const ProgramText::Function& function) const {
    const auto code = bytes(function.begin, function.end);
    return std::search(code.begin(), code.end(), std::begin(kSyscall), std::end(kSyscall)) != code.end();
  }

  std::optional<std::vector<Instruction>> decode_function(const ProgramText::Function& function) const {
    std::vector<Instruction> instructions;
    for (std::uint64_t at = function.begin; at < function.end;) {
      const auto instruction = decode(bytes(at, function.end), at);
      if (!instruction) return std::nullopt;
      instructions.push_back(*instruction);
      at = instruction->end();
    }
    return instructions;
  }

  // Of every direct branch. What lies between functions is decoded, too, from wherever decoding can begin again after
  // a failure: a target too many loses a site at the worst.
  void collect_targets() {
    std::uint64_t at = text_.address;
    const std::uint64_t end = text_.address + text_.bytes.size();
    auto next = text_.functions.begin();
    while (at < end) {
      while (next != text_.functions.end() && next->begin < at) ++next;
      const std::uint64_t stop = next == text_.functions.end() ? end : next->begin;
      if (at == stop) {
        at = sweep(next->begin, next->end);
      } else {
        at = sweep(at, stop);
      }
    }
  }

  std::uint64_t sweep(std::uint64_t at, std::uint64_t end) {
    while (at < end) {
      const auto instruction = decode(bytes(at, end), at);
      if (instruction && instruction->branches) targets_.insert(instruction->target);
      at += instruction ? instruction->size : 1;
    }
    return end;
  }

  bool is_entered_inside(const Instruction& instruction) const {
    for (std::uint64_t at = instruction.address + 1; at < instruction.end(); ++at)
      if (targets_.contains(at)) return true;
    return false;
  }

  // Nothing where it cannot be told.
  std::optional<std::uint32_t> number_before(const std::vector<Instruction>& instructions, std::size_t syscall) const {
    for (std::size_t back = 1; back <= std::min(syscall, kNumberDistance); ++back) {
      const Instruction& instruction = instructions[syscall - back];
      if (instruction.kind != Instruction::Kind::kPlain && instruction.kind != Instruction::Kind::kBranch)
        return std::nullopt;
      const AccumulatorChange change = accumulator_after(bytes(instruction.address, instruction.end()));
      if (change.is_changed) return change.value;
    }
    return std::nullopt;
  }

  // Calls return with the control flags as the psABI wants them; what else changes them in the function forbids it.
  bool leaves_status_flags_unused(const std::vector<Instruction>& instructions, std::size_t syscall) const {
    if (syscall + 1 == instructions.size()) return false;
    const auto use = [&](const Instruction& instruction) { return flag_use(bytes(instruction.address, instruction.end())); };
    return use(instructions[syscall + 1]).replaces_status &&
           std::none_of(instructions.begin(), instructions.end(), [&](const Instruction& instruction) {
             return instruction.kind != Instruction::Kind::kSyscall && use(instruction).changes_control;
           });
  }

  std::optional<Site> site_of(const std::vector<Instruction>& instructions, std::size_t syscall) const {
    if (const auto number = number_before(instructions, syscall); number && kLeftAlone.contains(*number))
      return std::nullopt;
    Site site{};
    const std::uint64_t end = instructions[syscall].end();
    for (std::size_t back = 1; back <= std::min<std::size_t>(syscall, contract::kDirectCallMostSteps); ++back) {
      const Instruction& first = instructions[syscall - back];
      if (first.address / kPageSize != (end - 1) / kPageSize) return std::nullopt;
      auto copy = copy_of(bytes(first.address, first.end()), first.address);
      if (!copy) return std::nullopt;
      site.copies.insert(site.copies.begin(), std::move(*copy));
      site.sizes.insert(site.sizes.begin(), first.size);
      // Each byte but the first of what the jump overwrites lies in this instruction, or is nobody's any more.
      if (first.size < contract::kDirectCallJumpSize || is_entered_inside(first)) continue;
      site.place = first.address - text_.address;
      site.original = bytes(first.address, end);
      site.status_flags_unused = leaves_status_flags_unused(instructions, syscall);
      return site;
    }
    return std::nullopt;
  }

  const ProgramText& text_;
  std::unordered_set<std::uint64_t> targets_;
};

template <typename T>
void append(std::string& table, const T& part) {
  // SAFETY: T is one of the contract's plain structs, without padding.
  table.append(reinterpret_cast<const char*>(&part), sizeof part);
}

}  // namespace

std::string direct_call_table(const ProgramText& text) {
  const std::vector<Site> found = Finder(text).run();
  if (found.empty()) return {};
  std::string sites, steps, bytes;
  contract::DirectCallsHeader header{};
  for (const Site& site : found) {
    contract::DirectCallSite entry{};
    entry.place = static_cast<unsigned>(site.place);
    entry.first_step = header.steps;
    entry.steps = static_cast<unsigned char>(site.copies.size());
    entry.original_at = static_cast<unsigned>(bytes.size());
    entry.original_size = static_cast<unsigned char>(site.original.size());
    bytes.append(site.original.begin(), site.original.end());
    entry.copy_at = static_cast<unsigned>(bytes.size());
    for (std::size_t i = 0; i < site.copies.size(); ++i) {
      const InstructionCopy& copy = site.copies[i];
      contract::DirectCallStep step{};
      step.original_size = site.sizes[i];
      step.copy_size = static_cast<unsigned char>(copy.bytes.size());
      step.fixup = copy.fixup.value_or(contract::kDirectCallNoFixup);
      step.target = copy.target;
      append(steps, step);
      bytes.append(copy.bytes.begin(), copy.bytes.end());
      ++header.steps;
    }
    entry.copy_size = static_cast<unsigned char>(bytes.size() - entry.copy_at);
    entry.status_flags_unused = site.status_flags_unused ? 1 : 0;
    append(sites, entry);
    ++header.sites;
  }
  header.magic = contract::kDirectCallsMagic;
  header.segment_offset = text.offset;
  header.segment_address = text.address;
  header.segment_size = text.bytes.size();
  header.bytes = static_cast<unsigned>(bytes.size());
  std::string table;
  append(table, header);
  table += sites + steps + bytes;
  return table.size() <= contract::kDirectCallsMostBytes ? table : std::string();
}

}  // namespace moka
