// SPDX-License-Identifier: Apache-2.0
//
// What a 9P server answers: headers, attributes, directory entries.
//
// sources: kernel/fs/ninep_message.cc

#include "fs/ninep_message.h"

namespace {

using namespace mokapot;

void require(bool condition) {
  if (!condition) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::byte> bytes(reinterpret_cast<const std::byte*>(data), size);
  constexpr std::uint16_t kTag = 1;
  auto answer = ninep::open_answer(bytes, ninep::Type::kGetAttributes, kTag);
  if (answer.ok()) {
    ninep::MessageReader body = answer.take();
    require(body.left() + ninep::kHeaderSize <= size);
    auto status = ninep::read_attributes(body);
    if (status.ok()) {
      require(status.value().size <= INT64_MAX);
      require(status.value().modified.nanoseconds < 1'000'000'000);
    }
  }
  ninep::MessageReader entries(bytes);
  std::size_t left = entries.left();
  while (left > 0) {
    auto entry = ninep::read_entry(entries);
    if (!entry.ok()) break;
    require(!entry.value().name.empty() && entry.value().name.size() <= 255);
    require(entries.left() < left);
    left = entries.left();
  }
  return 0;
}
