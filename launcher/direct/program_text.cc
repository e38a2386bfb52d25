// SPDX-License-Identifier: Apache-2.0
#include "direct/program_text.h"

#include <elf.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <optional>
#include <span>

#include "direct/frame_table.h"
#include "support/files.h"

namespace moka {
namespace {

// No C library is larger; programs that are hardly make system calls of their own.
constexpr std::uint64_t kMostFileBytes = 64u << 20;
constexpr std::uint64_t kPageSize = 4096;
constexpr std::size_t kMostHeaders = 512;

class Builder {
 public:
  explicit Builder(const std::string& file) : file_(file) {}

  Result<ProgramText> run() {
    const Error unsuitable{"no x86-64 program with text"};
    Elf64_Ehdr header;
    if (!read(header, 0) || std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 ||
        header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB ||
        header.e_machine != EM_X86_64 || (header.e_type != ET_EXEC && header.e_type != ET_DYN) ||
        header.e_phentsize != sizeof(Elf64_Phdr) || header.e_phnum > kMostHeaders)
      return unsuitable;
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
      Elf64_Phdr segment;
      if (!read(segment, header.e_phoff + i * sizeof segment)) return unsuitable;
      segments_.push_back(segment);
    }
    if (!take_text()) return unsuitable;
    for (const Elf64_Phdr& segment : segments_)
      if (segment.p_type == PT_GNU_EH_FRAME) take_frame_table(segment);
    if (header.e_shentsize == sizeof(Elf64_Shdr)) take_symbols(header);
    settle_functions();
    return std::move(text_);
  }

 private:
  template <typename T>
  bool read(T& object, std::uint64_t offset) const {
    if (offset > file_.size() || file_.size() - offset < sizeof(T)) return false;
    std::memcpy(&object, file_.data() + offset, sizeof(T));
    return true;
  }

  std::span<const std::uint8_t> bytes_at(std::uint64_t offset, std::uint64_t size) const {
    if (offset > file_.size() || size > file_.size() - offset) return {};
    // SAFETY: bytes as bytes.
    return {reinterpret_cast<const std::uint8_t*>(file_.data()) + offset, static_cast<std::size_t>(size)};
  }

  bool take_text() {
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
      // A segment that is written to is not what its file says.
      if ((segment.p_flags & PF_W) != 0) return false;
      const std::uint64_t lead = segment.p_offset % kPageSize;
      if (segment.p_vaddr % kPageSize != lead || segment.p_filesz == 0) return false;
      const auto content = bytes_at(segment.p_offset - lead, segment.p_filesz + lead);
      if (content.empty() || segment.p_vaddr > UINT64_MAX / 2) return false;
      text_.offset = segment.p_offset - lead;
      text_.address = segment.p_vaddr - lead;
      text_.bytes.assign(content.begin(), content.end());
      return true;
    }
    return false;
  }

  void take(std::uint64_t begin, std::uint64_t size) {
    const std::uint64_t end = text_.address + text_.bytes.size();
    if (begin < text_.address || begin >= end || size == 0 || size > end - begin) return;
    std::uint64_t& known = ends_[begin];
    known = std::max(known, begin + size);
  }

  void take_frame_table(const Elf64_Phdr& segment) {
    const FrameTable::Loaded loaded = [this](std::uint64_t address) { return loaded_at(address); };
    for (const FrameTable::Range& range : FrameTable::read(segment.p_vaddr, loaded)) take(range.begin, range.size);
  }

  // What the file has from a loaded address on, to the end of its segment.
  std::span<const std::uint8_t> loaded_at(std::uint64_t address) const {
    for (const Elf64_Phdr& segment : segments_) {
      if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
      const std::uint64_t distance = address - segment.p_vaddr;
      if (distance < segment.p_filesz && segment.p_offset <= file_.size())
        return bytes_at(segment.p_offset + distance, segment.p_filesz - distance);
    }
    return {};
  }

  void take_symbols(const Elf64_Ehdr& header) {
    for (std::size_t i = 0; i < header.e_shnum; ++i) {
      Elf64_Shdr section;
      if (!read(section, header.e_shoff + i * sizeof section)) return;
      if ((section.sh_type != SHT_SYMTAB && section.sh_type != SHT_DYNSYM) || section.sh_entsize != sizeof(Elf64_Sym))
        continue;
      const auto table = bytes_at(section.sh_offset, section.sh_size);
      for (std::size_t at = 0; at + sizeof(Elf64_Sym) <= table.size(); at += sizeof(Elf64_Sym)) {
        Elf64_Sym symbol;
        std::memcpy(&symbol, table.data() + at, sizeof symbol);
        if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF) take(symbol.st_value, symbol.st_size);
      }
    }
  }

  // Of functions that overlap the later one is inside the earlier, or an assembler's second entry to it.
  void settle_functions() {
    for (const auto& [begin, end] : ends_) {
      if (!text_.functions.empty() && begin < text_.functions.back().end) {
        text_.functions.back().end = std::max(text_.functions.back().end, end);
        continue;
      }
      text_.functions.push_back({begin, end});
    }
  }

  const std::string& file_;
  std::vector<Elf64_Phdr> segments_;
  ProgramText text_;
  std::map<std::uint64_t, std::uint64_t> ends_;  // of functions, by where they begin
};

}  // namespace

Result<ProgramText> ProgramText::read(const std::string& path) {
  const std::string file = MOKA_TRY(read_file(path, kMostFileBytes));
  return Builder(file).run();
}

}  // namespace moka
