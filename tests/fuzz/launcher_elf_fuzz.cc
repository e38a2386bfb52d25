// SPDX-License-Identifier: Apache-2.0
//
// A program or library from anywhere, and a library cache.
//
// sources: launcher/elf/elf_file.cc launcher/elf/library_cache.cc launcher/support/files.cc

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "elf/elf_file.h"
#include "elf/library_cache.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)moka::LibraryCache::parse({reinterpret_cast<const char*>(data), size}).find("libc.so.6");
  const int file = ::memfd_create("program", MFD_CLOEXEC);
  if (file < 0 || ::write(file, data, size) != static_cast<ssize_t>(size)) return 0;
  (void)moka::ElfFile::read("/proc/self/fd/" + std::to_string(file));
  ::close(file);
  return 0;
}
