// SPDX-License-Identifier: Apache-2.0
#include "elf/elf_file.h"

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "support/files.h"
#include "support/unique_fd.h"

namespace moka {
namespace {

constexpr std::size_t kMostProgramHeaders = 512;
constexpr std::size_t kMostDynamicEntries = 8192;
constexpr std::size_t kLongestString = 4096;

std::string machine_name(unsigned machine, bool is_64_bit) {
  switch (machine) {
    case EM_X86_64:
      return is_64_bit ? "x86-64" : "x86-64 with 32-bit pointers";
    case EM_386:
      return "32-bit x86";
    case EM_AARCH64:
      return "AArch64";
    case EM_ARM:
      return "ARM";
    case EM_RISCV:
      return "RISC-V";
    case EM_PPC64:
      return "POWER";
    case EM_S390:
      return "s390x";
    default:
      return "machine number " + std::to_string(machine);
  }
}

// One open file with checked reads.
class Reader {
 public:
  Reader(int fd, std::uint64_t size) : fd_(fd), size_(size) {}

  template <typename T>
  bool read(T& object, std::uint64_t offset) const {
    if (offset > size_ || size_ - offset < sizeof(T)) return false;
    // SAFETY: T is one of elf.h's plain structs; any bytes are a value of it.
    return read_exactly_at(fd_, {reinterpret_cast<std::uint8_t*>(&object), sizeof(T)}, offset);
  }

  // A NUL-terminated string of at most kLongestString bytes; nothing where it does not end.
  std::optional<std::string> read_string(std::uint64_t offset) const {
    if (offset >= size_) return std::nullopt;
    std::string text(
        static_cast<std::size_t>(std::min<std::uint64_t>(kLongestString, size_ - offset)), '\0');
    // SAFETY: the string's own storage, as bytes.
    if (!read_exactly_at(fd_, {reinterpret_cast<std::uint8_t*>(text.data()), text.size()}, offset))
      return std::nullopt;
    const std::size_t end = text.find('\0');
    if (end == std::string::npos) return std::nullopt;
    text.resize(end);
    return text;
  }

 private:
  int fd_;
  std::uint64_t size_;
};

// Where a loaded address lies in the file, by the PT_LOAD segments.
std::optional<std::uint64_t> file_offset(const std::vector<Elf64_Phdr>& segments,
                                         std::uint64_t address) {
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type != PT_LOAD || address < segment.p_vaddr) continue;
    const std::uint64_t distance = address - segment.p_vaddr;
    if (distance < segment.p_filesz && segment.p_offset <= ~distance)
      return segment.p_offset + distance;
  }
  return std::nullopt;
}

bool read_dynamic(const Reader& reader, const std::vector<Elf64_Phdr>& segments,
                  const Elf64_Phdr& dynamic, ElfFile& file) {
  std::vector<std::uint64_t> needed;
  std::optional<std::uint64_t> strings, soname, rpath, runpath;
  const std::size_t count =
      std::min<std::uint64_t>(dynamic.p_filesz / sizeof(Elf64_Dyn), kMostDynamicEntries);
  for (std::size_t index = 0; index < count; ++index) {
    Elf64_Dyn entry;
    if (!reader.read(entry, dynamic.p_offset + index * sizeof entry)) return false;
    if (entry.d_tag == DT_NULL) break;
    switch (entry.d_tag) {
      case DT_STRTAB:
        strings = file_offset(segments, entry.d_un.d_ptr);
        break;
      case DT_NEEDED:
        needed.push_back(entry.d_un.d_val);
        break;
      case DT_SONAME:
        soname = entry.d_un.d_val;
        break;
      case DT_RPATH:
        rpath = entry.d_un.d_val;
        break;
      case DT_RUNPATH:
        runpath = entry.d_un.d_val;
        break;
      default:
        break;
    }
  }
  if (!strings) return needed.empty();

  const auto string_at = [&](std::uint64_t index) -> std::optional<std::string> {
    return index > ~*strings ? std::nullopt : reader.read_string(*strings + index);
  };
  for (const std::uint64_t index : needed) {
    std::optional<std::string> name = string_at(index);
    if (!name) return false;
    file.needed.push_back(std::move(*name));
  }
  if (soname) file.soname = string_at(*soname).value_or("");
  if (rpath) file.rpath = split(string_at(*rpath).value_or(""), ':');
  if (runpath) file.runpath = split(string_at(*runpath).value_or(""), ':');
  return true;
}

}  // namespace

Result<ElfFile> ElfFile::read(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!fd || ::fstat(fd.get(), &status) != 0)
    return Error{"cannot read " + path + ": " + error_text(errno)};
  const Reader reader(fd.get(), static_cast<std::uint64_t>(status.st_size));
  const Error damaged{path + " is a damaged program file"};

  // The first 20 bytes, up to e_machine, are the same for both word sizes.
  std::array<std::uint8_t, 20> start;
  if (!reader.read(start, 0) || std::memcmp(start.data(), ELFMAG, SELFMAG) != 0)
    return Error{path + " is not an ELF file"};
  const bool is_64_bit = start[EI_CLASS] == ELFCLASS64;
  const bool is_little_endian = start[EI_DATA] == ELFDATA2LSB;
  const unsigned machine =
      is_little_endian ? start[18] | start[19] << 8u : start[19] | start[18] << 8u;
  ElfFile file;
  file.machine = machine_name(machine, is_64_bit);
  file.is_x86_64 = machine == EM_X86_64 && is_64_bit && is_little_endian;
  if (!file.is_x86_64) return file;

  Elf64_Ehdr header;
  if (!reader.read(header, 0)) return damaged;
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
    return Error{path + " is an object file, not a program; link it first"};
  file.kind = header.e_type == ET_EXEC ? Kind::kExecutable : Kind::kShared;
  if (header.e_phnum > kMostProgramHeaders ||
      (header.e_phnum != 0 && header.e_phentsize != sizeof(Elf64_Phdr)))
    return damaged;
  std::vector<Elf64_Phdr> segments(header.e_phnum);
  for (std::size_t index = 0; index < segments.size(); ++index)
    if (!reader.read(segments[index], header.e_phoff + index * sizeof(Elf64_Phdr))) return damaged;
  for (const Elf64_Phdr& segment : segments) {
    if (segment.p_type == PT_INTERP) {
      std::optional<std::string> interpreter = reader.read_string(segment.p_offset);
      if (!interpreter) return damaged;
      file.interpreter = std::move(*interpreter);
    } else if (segment.p_type == PT_DYNAMIC && !read_dynamic(reader, segments, segment, file)) {
      return damaged;
    }
  }
  return file;
}

bool looks_like_elf(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<std::uint8_t, SELFMAG> magic;
  return fd && read_exactly_at(fd.get(), magic, 0) &&
         std::memcmp(magic.data(), ELFMAG, SELFMAG) == 0;
}

}  // namespace moka
