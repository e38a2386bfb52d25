// SPDX-License-Identifier: Apache-2.0
//
// Directories: blocks that each hold an array of entries and then their names. Names ascend over the whole
// directory, so a look-up halves the blocks by their first names and then the entries of one block.

#include <cstring>

#include "fs/erofs.h"
#include "fs/vnode.h"

namespace mokapot {

using namespace erofs;

struct ErofsInode::DirectoryBlock {
  PageHold page;
  std::uint32_t entries;
  std::uint32_t size;  // bytes that belong to the directory
  erofs::DirectoryEntry entry(std::uint32_t i) const {
    erofs::DirectoryEntry e;
    std::memcpy(&e, page.data() + i * sizeof e, sizeof e);
    return e;
  }
};

namespace {

// On-disk file types to DT_.
constexpr std::uint8_t kTypes[] = {0, 8, 4, 2, 6, 1, 12, 10};

std::uint8_t entry_type(std::uint8_t type) { return type < sizeof kTypes ? kTypes[type] : 0; }

}  // namespace

Result<ErofsInode::DirectoryBlock> ErofsInode::directory_block(std::uint64_t index) {
  ReadAhead ahead;
  DirectoryBlock block{TRY(cache_->page(index, ahead)), 0, kPageSize};
  const std::uint64_t left = attributes_.size - index * kPageSize;
  if (left < kPageSize) block.size = static_cast<std::uint32_t>(left);
  if (block.size < sizeof(erofs::DirectoryEntry)) return volume_->damaged(nid_, "a directory block without entries");
  const std::uint32_t names = block.entry(0).name_offset;
  if (names < sizeof(erofs::DirectoryEntry) || names >= block.size || names % sizeof(erofs::DirectoryEntry) != 0) {
    return volume_->damaged(nid_, "a directory block with a wrong number of entries");
  }
  block.entries = names / sizeof(erofs::DirectoryEntry);
  return block;
}

Result<std::string_view> ErofsInode::entry_name(const DirectoryBlock& block, std::uint32_t i) {
  const std::uint32_t begin = block.entry(i).name_offset;
  const bool last = i + 1 == block.entries;
  const std::uint32_t end = last ? block.size : block.entry(i + 1).name_offset;
  if (begin < block.entries * sizeof(erofs::DirectoryEntry) || begin >= end || end > block.size) {
    return volume_->damaged(nid_, "a directory entry whose name is outside its block");
  }
  // SAFETY: bytes of the page as characters.
  const char* name = reinterpret_cast<const char*>(block.page.data()) + begin;
  std::size_t size = end - begin;
  if (last) size = strnlen(name, size);
  constexpr std::size_t kLongestName = 255;
  if (size == 0 || size > kLongestName || std::memchr(name, '/', size) != nullptr ||
      std::memchr(name, 0, size) != nullptr) {
    return volume_->damaged(nid_, "a directory entry with a name that cannot be");
  }
  return std::string_view(name, size);
}

Result<RefPtr<LowerNode>> ErofsInode::lookup(std::string_view name) {
  if ((attributes_.mode & kModeType) != kModeDirectory) return Errno::kENOTDIR;
  // The last block whose first name is not after the one looked for.
  std::uint64_t low = 0, high = (attributes_.size + kPageSize - 1) / kPageSize;
  while (high - low > 1) {
    const std::uint64_t middle = low + (high - low) / 2;
    const DirectoryBlock block = TRY(directory_block(middle));
    if (TRY(entry_name(block, 0)) <= name) low = middle;
    else high = middle;
  }
  if (high == 0) return Errno::kENOENT;
  const DirectoryBlock block = TRY(directory_block(low));
  std::uint32_t first = 0, end = block.entries;
  while (first < end) {
    const std::uint32_t middle = first + (end - first) / 2;
    const std::string_view at = TRY(entry_name(block, middle));
    if (at == name) {
      auto inode = TRY(volume_->inode(block.entry(middle).nid));
      return RefPtr<LowerNode>(std::move(inode));
    }
    if (at < name) first = middle + 1;
    else end = middle;
  }
  return Errno::kENOENT;
}

Result<void> ErofsInode::read_directory(bool (*visit)(const Entry& entry, void* context), void* context) {
  if ((attributes_.mode & kModeType) != kModeDirectory) return Errno::kENOTDIR;
  const std::uint64_t blocks = (attributes_.size + kPageSize - 1) / kPageSize;
  for (std::uint64_t index = 0; index < blocks; ++index) {
    const DirectoryBlock block = TRY(directory_block(index));
    for (std::uint32_t i = 0; i < block.entries; ++i) {
      const std::string_view name = TRY(entry_name(block, i));
      if (name == "." || name == "..") continue;
      const erofs::DirectoryEntry entry = block.entry(i);
      const std::uint64_t inode = entry.nid * ErofsVolume::kMostLayers + volume_->number();
      if (!visit({name, inode, entry_type(entry.type)}, context)) return {};
    }
  }
  return {};
}

}  // namespace mokapot
