// SPDX-License-Identifier: Apache-2.0
//
// Extended attributes: entries behind the inode, and entries that inodes share in an area of their own.

#include <cstring>

#include "base/format.h"
#include "fs/erofs.h"

namespace mokapot {

using namespace erofs;

namespace {

const char* prefix_text(std::uint8_t prefix) {
  switch (prefix) {
    case 0: return "";
    case 1: return "user.";
    case 2: return "system.posix_acl_access";
    case 3: return "system.posix_acl_default";
    case 4: return "trusted.";
    case 6: return "security.";
    default: return nullptr;  // of a feature that is not supported: passed over
  }
}

}  // namespace

// The attribute whose entry is at offset; all of it must lie below limit. An unknown prefix gives an empty name.
Result<void> ErofsInode::read_xattr(std::uint64_t offset, std::uint64_t limit, Xattr& attribute) {
  XattrEntry entry;
  if (offset > limit || limit - offset < sizeof entry) return volume_->damaged(nid_, "an attribute outside its area");
  TRY(volume_->read_metadata(offset, &entry, sizeof entry));
  const std::uint64_t size = sizeof entry + std::uint64_t{entry.name_size} + entry.value_size;
  if (size > limit - offset) return volume_->damaged(nid_, "an attribute outside its area");
  attribute.entry_size = static_cast<std::uint32_t>(align_up(size, sizeof(std::uint32_t)));
  attribute.value_offset = offset + sizeof entry + entry.name_size;
  attribute.value_size = entry.value_size;
  attribute.name[0] = '\0';
  const char* prefix = prefix_text(entry.prefix);
  if (prefix == nullptr) return {};
  const std::size_t prefix_size = std::strlen(prefix);
  std::memcpy(attribute.name, prefix, prefix_size);
  TRY(volume_->read_metadata(offset + sizeof entry, attribute.name + prefix_size, entry.name_size));
  attribute.name[prefix_size + entry.name_size] = '\0';
  return {};
}

Result<bool> ErofsInode::for_each_xattr(bool (*visit)(const Xattr& attribute, void* context), void* context) {
  if (xattr_size_ == 0) return false;
  XattrHeader header;
  TRY(volume_->read_metadata(xattr_offset_, &header, sizeof header));
  const std::uint64_t end = xattr_offset_ + xattr_size_;
  std::uint64_t at = xattr_offset_ + sizeof header;
  auto attribute = TRY(make_unique_or_error<Xattr>());
  for (unsigned i = 0; i < header.shared_count; ++i, at += sizeof(std::uint32_t)) {
    std::uint32_t number = 0;
    if (end - at < sizeof number) return volume_->damaged(nid_, "more shared attributes than fit");
    TRY(volume_->read_metadata(at, &number, sizeof number));
    const std::uint64_t shared =
        (std::uint64_t{volume_->super().xattr_block} << kPageShift) + number * sizeof(std::uint32_t);
    TRY(read_xattr(shared, volume_->size(), *attribute));
    if (attribute->name[0] != '\0' && visit(*attribute, context)) return true;
  }
  while (end - at >= sizeof(XattrEntry)) {
    TRY(read_xattr(at, end, *attribute));
    if (attribute->name[0] != '\0' && visit(*attribute, context)) return true;
    if (attribute->entry_size > end - at) break;
    at += attribute->entry_size;
  }
  return false;
}

Result<std::size_t> ErofsInode::get_xattr(std::string_view name, void* value, std::size_t size) {
  struct Search {
    std::string_view name;
    std::uint64_t offset;
    std::uint32_t size;
  } search{name, 0, 0};
  const bool found = TRY(for_each_xattr(
      [](const Xattr& attribute, void* context) {
        auto& s = *static_cast<Search*>(context);
        if (s.name != attribute.name) return false;
        s.offset = attribute.value_offset;
        s.size = attribute.value_size;
        return true;
      },
      &search));
  if (!found) return Errno::kENODATA;
  if (size == 0) return std::size_t{search.size};
  if (search.size > size) return Errno::kERANGE;
  TRY(volume_->read_metadata(search.offset, value, search.size));
  return std::size_t{search.size};
}

Result<std::size_t> ErofsInode::list_xattrs(char* names, std::size_t size) {
  struct List {
    char* names;
    std::size_t size, length;
    bool full;
  } list{names, size, 0, false};
  TRY(for_each_xattr(
      [](const Xattr& attribute, void* context) {
        auto& l = *static_cast<List*>(context);
        const std::size_t piece = std::strlen(attribute.name) + 1;
        if (l.size != 0) {
          if (l.length + piece > l.size) return l.full = true;
          std::memcpy(l.names + l.length, attribute.name, piece);
        }
        l.length += piece;
        return false;
      },
      &list));
  if (list.full) return Errno::kERANGE;
  return list.length;
}

}  // namespace mokapot
