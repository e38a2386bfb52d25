// SPDX-License-Identifier: Apache-2.0
//
// A shared library that needs others, for tests of who finds them.
#pragma once

#include <elf.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace moka::test {

// A minimal shared library: one PT_LOAD of the whole file, PT_DYNAMIC, strings.
inline std::string small_library(const std::vector<std::string>& needed,
                                 const std::string& rpath = "", std::int64_t rpath_tag = 0,
                                 std::uint16_t machine = EM_X86_64) {
  std::string strings(1, '\0');
  std::vector<Elf64_Dyn> dynamic;
  const auto add = [&](std::int64_t tag, const std::string& text) {
    Elf64_Dyn entry{};
    entry.d_tag = tag;
    entry.d_un.d_val = strings.size();
    dynamic.push_back(entry);
    strings += text + '\0';
  };
  for (const std::string& name : needed) add(DT_NEEDED, name);
  if (!rpath.empty()) add(rpath_tag, rpath);
  const std::size_t dynamic_at = sizeof(Elf64_Ehdr) + 2 * sizeof(Elf64_Phdr);
  const std::size_t strings_at = dynamic_at + (dynamic.size() + 2) * sizeof(Elf64_Dyn);
  Elf64_Dyn table{};
  table.d_tag = DT_STRTAB;
  table.d_un.d_ptr = strings_at;
  dynamic.push_back(table);
  dynamic.push_back({});

  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_type = ET_DYN;
  header.e_machine = machine;
  header.e_phoff = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;
  Elf64_Phdr load{};
  load.p_type = PT_LOAD;
  load.p_filesz = strings_at + strings.size();
  Elf64_Phdr where{};
  where.p_type = PT_DYNAMIC;
  where.p_offset = dynamic_at;
  where.p_filesz = dynamic.size() * sizeof(Elf64_Dyn);
  std::string file;
  file.append(reinterpret_cast<const char*>(&header), sizeof header);
  file.append(reinterpret_cast<const char*>(&load), sizeof load);
  file.append(reinterpret_cast<const char*>(&where), sizeof where);
  file.append(reinterpret_cast<const char*>(dynamic.data()), dynamic.size() * sizeof(Elf64_Dyn));
  return file + strings;
}

}  // namespace moka::test
