// SPDX-License-Identifier: Apache-2.0
//
// One File class for all of them, since they differ only in what a read gives and whether a write succeeds. They
// have no state but the vnode they were opened through, and so no lock.

#include "fs/memory_devices.h"

#include <cstring>

#include "device/random.h"
#include "fs/device_node.h"
#include "fs/page_cache.h"
#include "fs/vfs.h"
#include "fs/vnode.h"

namespace mokapot {
namespace {

enum class Kind : std::uint8_t { kNull, kZero, kFull, kRandom };
constexpr std::uint32_t kMajor = 1;

class MemoryDeviceFile final : public File {
 public:
  MemoryDeviceFile(Kind kind, std::uint32_t flags, Vnode& node) : File(flags), kind_(kind), node_(&node) {}

  Result<std::size_t> read(IoBuffer& into) override {
    switch (kind_) {
      case Kind::kNull: return std::size_t{0};
      case Kind::kZero:
      case Kind::kFull: return into.clear(into.remaining());
      case Kind::kRandom: return read_random(into);
    }
    return Errno::kEINVAL;
  }
  Result<std::size_t> write(IoBuffer& from) override {
    if (kind_ == Kind::kFull) return Errno::kENOSPC;
    const std::size_t size = from.remaining();
    if (kind_ != Kind::kRandom) return size;
    // What is written to the generator stirs it.
    std::byte piece[64];
    std::size_t moved = 0;
    while (from.remaining() > 0) {
      auto got = from.copy_out(piece, from.remaining() < sizeof piece ? from.remaining() : sizeof piece);
      if (!got.ok()) return moved > 0 ? Result<std::size_t>(moved) : Result<std::size_t>(got.error());
      if (got.value() == 0) break;
      add_entropy(piece, got.value());
      moved += got.value();
    }
    return moved;
  }
  Result<std::size_t> read_at(IoBuffer& into, std::uint64_t) override { return read(into); }
  Result<std::size_t> write_at(IoBuffer& from, std::uint64_t) override { return write(from); }
  Result<std::uint64_t> seek(std::int64_t, Whence) override { return std::uint64_t{0}; }
  Result<FileStatus> status() override { return node_->status(); }
  Result<void> synchronise(bool) override { return Errno::kEINVAL; }
  // A mapping of /dev/zero is anonymous memory; shared, it lives as long as the mapping. Its size is not
  // known here, so it is as large as a file can be: pages exist once they are touched.
  Result<RefPtr<PageSource>> page_source() override {
    constexpr std::uint64_t kAnySize = std::uint64_t{1} << 46;
    if (kind_ != Kind::kZero) return Errno::kENODEV;
    return create_shared_memory(kAnySize, 0);
  }
  Vnode* vnode() override { return node_.get(); }

 private:
  static Result<std::size_t> read_random(IoBuffer& into) {
    std::byte piece[256];
    std::size_t moved = 0;
    while (into.remaining() > 0) {
      const std::size_t size = into.remaining() < sizeof piece ? into.remaining() : sizeof piece;
      random_bytes(piece, size);
      auto done = into.copy_in(piece, size);
      if (!done.ok()) return moved > 0 ? Result<std::size_t>(moved) : Result<std::size_t>(done.error());
      moved += done.value();
      if (done.value() < size) break;
    }
    std::memset(piece, 0, sizeof piece);
    return moved;
  }

  const Kind kind_;
  const RefPtr<Vnode> node_;
};

template <Kind kind>
Result<RefPtr<File>> open_memory_device(std::uint32_t flags, Vnode& node) {
  auto file = TRY(make_ref<MemoryDeviceFile>(kind, flags, node));
  return RefPtr<File>(std::move(file));
}

}  // namespace

Result<void> register_memory_devices() {
  TRY(register_char_device(kMajor, 3, open_memory_device<Kind::kNull>));
  TRY(register_char_device(kMajor, 5, open_memory_device<Kind::kZero>));
  TRY(register_char_device(kMajor, 7, open_memory_device<Kind::kFull>));
  TRY(register_char_device(kMajor, 8, open_memory_device<Kind::kRandom>));
  return register_char_device(kMajor, 9, open_memory_device<Kind::kRandom>);
}

}  // namespace mokapot
