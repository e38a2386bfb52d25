// SPDX-License-Identifier: Apache-2.0
//
// The initrd: every member that is visited lies inside the archive.
// sources: kernel/fs/cpio.cc

#include <cstdlib>

#include "fs/cpio.h"

namespace {

struct Bounds {
  const std::byte* begin;
  const std::byte* end;
  unsigned members = 0;
};

bool visit(const mokapot::CpioFile& file, void* context) {
  auto& bounds = *static_cast<Bounds*>(context);
  // SAFETY: only compared, not read.
  const auto* name = reinterpret_cast<const std::byte*>(file.name.data());
  if (name < bounds.begin || name + file.name.size() > bounds.end) std::abort();
  if (!file.data.empty() && (file.data.data() < bounds.begin || file.data.data() + file.data.size() > bounds.end))
    std::abort();
  // Each byte is read, for AddressSanitizer to see.
  volatile unsigned sum = 0;
  for (const std::byte b : file.data) sum = sum + static_cast<unsigned>(b);
  return ++bounds.members < 1000;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto* bytes = reinterpret_cast<const std::byte*>(data);
  Bounds bounds{bytes, bytes + size};
  (void)mokapot::read_cpio({bytes, size}, visit, &bounds).ok();
  (void)mokapot::find_in_cpio({bytes, size}, "mokapot.conf").ok();
  return 0;
}
