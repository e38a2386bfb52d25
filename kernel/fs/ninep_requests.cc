// SPDX-License-Identifier: Apache-2.0
//
// The requests, one function each: their bodies and those of the answers as 9P2000.L has them.

#include <algorithm>
#include <cstring>
#include <limits>

#include "fs/ninep_exchange.h"

namespace mokapot {

using namespace ninep;

namespace {

// Of a read's answer and of a write's request, with what is before the data.
constexpr std::uint32_t kReadOverhead = 32;
constexpr std::uint32_t kWriteOverhead = 32;

constexpr std::uint32_t kGroupOfServer = 0;  // new files' group; the server decides by its own rules

}  // namespace

Result<RefPtr<NinepFid>> NinepClient::walk(const NinepFid& from, std::string_view name, Qid* qid) {
  RefPtr<NinepFid> fid = TRY(new_fid());
  Exchange exchange(*this, Type::kWalk);
  exchange.message.put32(from.number());
  exchange.message.put32(fid->number());
  exchange.message.put16(name.empty() ? 0 : 1);
  if (!name.empty()) exchange.message.put_string(name);
  auto sent = exchange.send();
  // After an answer that makes no sense the server may have it; to let go of one that it has not does no harm.
  fid->known_ = sent.ok() || sent.error() == Errno::kEPROTO;
  MessageReader answer = TRY(std::move(sent));
  const std::uint16_t steps = answer.get16();
  if (!name.empty()) {
    // None: it is an error of the first step, which has a message of its own.
    if (steps != 1) return Errno::kENOENT;
    const Qid found = answer.get_qid();
    if (qid != nullptr) *qid = found;
  }
  if (!answer.ok()) return Errno::kEPROTO;
  return fid;
}

Result<FileStatus> NinepClient::attributes(const NinepFid& fid) {
  constexpr std::uint64_t kBasic = 0x7ff;
  Exchange exchange(*this, Type::kGetAttributes);
  exchange.message.put32(fid.number());
  exchange.message.put64(kBasic);
  MessageReader answer = TRY(exchange.send());
  return read_attributes(answer);
}

Result<void> NinepClient::set_attributes(const NinepFid& fid, const AttributeChange& change,
                                         const std::uint64_t* size) {
  enum : std::uint32_t { kMode = 1, kUser = 2, kGroup = 4, kSize = 8, kAccessed = 0x10, kModified = 0x20,
                         kAccessedGiven = 0x80, kModifiedGiven = 0x100 };
  std::uint32_t valid = 0;
  if (change.set_mode) valid |= kMode;
  if (change.set_user) valid |= kUser;
  if (change.set_group) valid |= kGroup;
  if (size != nullptr) valid |= kSize;
  if (change.set_accessed) valid |= kAccessed | kAccessedGiven;
  if (change.set_modified) valid |= kModified | kModifiedGiven;
  Exchange exchange(*this, Type::kSetAttributes);
  MessageWriter& message = exchange.message;
  message.put32(fid.number());
  message.put32(valid);
  message.put32(change.mode);
  message.put32(change.user);
  message.put32(change.group);
  message.put64(size != nullptr ? *size : 0);
  for (const FileStatus::Time& time : {change.accessed, change.modified}) {
    message.put64(static_cast<std::uint64_t>(time.seconds));
    message.put64(time.nanoseconds);
  }
  return exchange.send_only();
}

Result<FileSystemStatistics> NinepClient::statistics(const NinepFid& fid) {
  Exchange exchange(*this, Type::kStatfs);
  exchange.message.put32(fid.number());
  MessageReader answer = TRY(exchange.send());
  FileSystemStatistics statistics;
  statistics.type = answer.get32();
  statistics.block_size = answer.get32();
  statistics.blocks = answer.get64();
  (void)answer.get64();  // free to root alone
  statistics.free_blocks = answer.get64();
  statistics.files = answer.get64();
  statistics.free_files = answer.get64();
  statistics.id = answer.get64();
  statistics.name_max = answer.get32();
  if (!answer.ok()) return Errno::kEPROTO;
  // The server counts in as many of its disk's blocks as a message holds. Programs align direct reads and writes by what
  // they are told here, so it must be a power of two, as on every disk.
  if (const std::uint64_t given = statistics.block_size; given != 0) {
    statistics.block_size = given & -given;
    statistics.blocks *= given / statistics.block_size;
    statistics.free_blocks *= given / statistics.block_size;
  }
  statistics.fragment_size = statistics.block_size;
  return statistics;
}

Result<void> NinepClient::open(const NinepFid& fid, std::uint32_t flags) {
  Exchange exchange(*this, Type::kOpen);
  exchange.message.put32(fid.number());
  exchange.message.put32(flags);
  return exchange.send_only();
}

Result<void> NinepClient::create(const NinepFid& directory, std::string_view name, std::uint32_t flags,
                                 std::uint32_t mode) {
  Exchange exchange(*this, Type::kCreate);
  exchange.message.put32(directory.number());
  exchange.message.put_string(name);
  exchange.message.put32(flags);
  exchange.message.put32(mode);
  exchange.message.put32(kGroupOfServer);
  return exchange.send_only();
}

Result<std::size_t> NinepClient::read(const NinepFid& fid, std::uint64_t offset, IoBuffer& into) {
  Exchange exchange(*this, Type::kRead);
  const std::size_t wanted = std::min<std::size_t>(into.remaining(), message_size_ - kReadOverhead);
  exchange.message.put32(fid.number());
  exchange.message.put64(offset);
  exchange.message.put32(static_cast<std::uint32_t>(wanted));
  MessageReader answer = TRY(exchange.send());
  const std::uint32_t count = answer.get32();
  const std::span<const std::byte> data = answer.get_bytes(count);
  if (!answer.ok() || count > wanted) return Errno::kEPROTO;
  if (count == 0) return std::size_t{0};
  return into.copy_in(data.data(), data.size());
}

Result<std::size_t> NinepClient::write(const NinepFid& fid, std::uint64_t offset, IoBuffer& from) {
  Exchange exchange(*this, Type::kWrite);
  const std::size_t wanted = std::min<std::size_t>(from.remaining(), message_size_ - kWriteOverhead);
  exchange.message.put32(fid.number());
  exchange.message.put64(offset);
  const std::span<std::byte> count_field = exchange.message.reserve(sizeof(std::uint32_t));
  const std::span<std::byte> data = exchange.message.reserve(wanted);
  ASSERT(data.size() == wanted);
  const auto copied = static_cast<std::uint32_t>(TRY(from.copy_out(data.data(), wanted)));
  exchange.message.shrink(wanted - copied);
  std::memcpy(count_field.data(), &copied, sizeof copied);
  MessageReader answer = TRY(exchange.send());
  const std::uint32_t count = answer.get32();
  if (!answer.ok() || count > copied) return Errno::kEPROTO;
  return std::size_t{count};
}

Result<void> NinepClient::read_pages(const NinepFid& fid, std::uint64_t offset, std::span<const PhysAddr> frames) {
  const std::size_t size = frames.size() * kPageSize;
  std::size_t done = 0;
  while (done < size) {
    Exchange exchange(*this, Type::kRead, Purpose::kPage);
    const std::size_t wanted = std::min<std::size_t>(size - done, message_size_ - kReadOverhead);
    exchange.message.put32(fid.number());
    exchange.message.put64(offset + done);
    exchange.message.put32(static_cast<std::uint32_t>(wanted));
    MessageReader answer = TRY(exchange.send());
    const std::uint32_t count = answer.get32();
    std::span<const std::byte> data = answer.get_bytes(count);
    if (!answer.ok() || count > wanted) return Errno::kEPROTO;
    if (count == 0) break;
    while (!data.empty()) {
      const std::size_t in_page = done % kPageSize;
      const std::size_t piece = std::min(data.size(), kPageSize - in_page);
      std::memcpy(static_cast<std::byte*>(direct_map(frames[done / kPageSize])) + in_page, data.data(), piece);
      data = data.subspan(piece);
      done += piece;
    }
  }
  for (; done < size; done = align_down(done, kPageSize) + kPageSize) {
    const std::size_t in_page = done % kPageSize;
    std::memset(static_cast<std::byte*>(direct_map(frames[done / kPageSize])) + in_page, 0, kPageSize - in_page);
  }
  return {};
}

Result<std::size_t> NinepClient::read_directory(const NinepFid& fid, std::uint64_t offset, std::span<std::byte> into) {
  Exchange exchange(*this, Type::kReadDirectory);
  const std::size_t wanted = std::min<std::size_t>(into.size(), message_size_ - kReadOverhead);
  exchange.message.put32(fid.number());
  exchange.message.put64(offset);
  exchange.message.put32(static_cast<std::uint32_t>(wanted));
  MessageReader answer = TRY(exchange.send());
  const std::uint32_t count = answer.get32();
  const std::span<const std::byte> data = answer.get_bytes(count);
  if (!answer.ok() || count > wanted) return Errno::kEPROTO;
  // A copy, which the server cannot change while it is looked at.
  std::memcpy(into.data(), data.data(), count);
  return std::size_t{count};
}

Result<std::size_t> NinepClient::read_link(const NinepFid& fid, char* buffer, std::size_t size) {
  Exchange exchange(*this, Type::kReadLink);
  exchange.message.put32(fid.number());
  MessageReader answer = TRY(exchange.send());
  const std::string_view target = answer.get_string();
  if (!answer.ok()) return Errno::kEPROTO;
  const std::size_t piece = std::min(size, target.size());
  std::memcpy(buffer, target.data(), piece);
  // Looked at where the server cannot change it.
  if (piece == 0 || std::memchr(buffer, 0, piece) != nullptr) return Errno::kEPROTO;
  return piece;
}

Result<void> NinepClient::synchronise(const NinepFid& fid, bool data_only) {
  Exchange exchange(*this, Type::kSync);
  exchange.message.put32(fid.number());
  exchange.message.put32(data_only ? 1 : 0);
  return exchange.send_only();
}

Result<std::size_t> NinepClient::get_xattr(const NinepFid& fid, std::string_view name, void* value, std::size_t size) {
  RefPtr<NinepFid> attribute = TRY(new_fid());
  std::uint64_t length = 0;
  {
    Exchange exchange(*this, Type::kXattrWalk);
    exchange.message.put32(fid.number());
    exchange.message.put32(attribute->number());
    exchange.message.put_string(name);
    auto sent = exchange.send();
    attribute->known_ = sent.ok() || sent.error() == Errno::kEPROTO;
    MessageReader answer = TRY(std::move(sent));
    length = answer.get64();
    if (!answer.ok() || length > kXattrSizeMax) return Errno::kEPROTO;
  }
  if (size == 0) return static_cast<std::size_t>(length);
  if (length > size) return Errno::kERANGE;
  IoBuffer into(value, static_cast<std::size_t>(length));
  for (std::size_t done = 0; done < length;) {
    const std::size_t got = TRY(read(*attribute, done, into));
    if (got == 0) return Errno::kEPROTO;
    done += got;
  }
  return static_cast<std::size_t>(length);
}

Result<void> NinepClient::set_xattr(const NinepFid& fid, std::string_view name, const void* value, std::size_t size,
                                    std::uint32_t flags) {
  RefPtr<NinepFid> attribute = TRY(walk(fid, ""));
  {
    Exchange exchange(*this, Type::kXattrCreate);
    exchange.message.put32(attribute->number());
    exchange.message.put_string(name);
    exchange.message.put64(size);
    exchange.message.put32(flags);
    TRY(exchange.send_only());
  }
  // SAFETY: written from, never to.
  IoBuffer from(const_cast<void*>(value), size);
  for (std::size_t done = 0; done < size;) {
    const std::size_t put = TRY(write(*attribute, done, from));
    if (put == 0) return Errno::kEIO;
    done += put;
  }
  return close(*attribute);  // which sets it
}

Result<void> NinepClient::make_directory(const NinepFid& directory, std::string_view name, std::uint32_t mode) {
  Exchange exchange(*this, Type::kMkdir);
  exchange.message.put32(directory.number());
  exchange.message.put_string(name);
  exchange.message.put32(mode);
  exchange.message.put32(kGroupOfServer);
  return exchange.send_only();
}

Result<void> NinepClient::make_node(const NinepFid& directory, std::string_view name, std::uint32_t type_and_mode,
                                    std::uint64_t device) {
  // As make_device_number has them.
  const auto major = static_cast<std::uint32_t>((device >> 8) & 0xfff);
  const auto minor = static_cast<std::uint32_t>((device & 0xff) | ((device >> 12) & ~std::uint64_t{0xff}));
  Exchange exchange(*this, Type::kMknod);
  exchange.message.put32(directory.number());
  exchange.message.put_string(name);
  exchange.message.put32(type_and_mode);
  exchange.message.put32(major);
  exchange.message.put32(minor);
  exchange.message.put32(kGroupOfServer);
  return exchange.send_only();
}

Result<void> NinepClient::make_symlink(const NinepFid& directory, std::string_view name, std::string_view target) {
  Exchange exchange(*this, Type::kSymlink);
  exchange.message.put32(directory.number());
  exchange.message.put_string(name);
  exchange.message.put_string(target);
  exchange.message.put32(kGroupOfServer);
  return exchange.send_only();
}

Result<void> NinepClient::link(const NinepFid& directory, std::string_view name, const NinepFid& existing) {
  Exchange exchange(*this, Type::kLink);
  exchange.message.put32(directory.number());
  exchange.message.put32(existing.number());
  exchange.message.put_string(name);
  return exchange.send_only();
}

Result<void> NinepClient::rename(const NinepFid& directory, std::string_view name, const NinepFid& new_directory,
                                 std::string_view new_name) {
  Exchange exchange(*this, Type::kRename);
  exchange.message.put32(directory.number());
  exchange.message.put_string(name);
  exchange.message.put32(new_directory.number());
  exchange.message.put_string(new_name);
  return exchange.send_only();
}

Result<void> NinepClient::unlink(const NinepFid& directory, std::string_view name, Kind kind) {
  constexpr std::uint32_t kRemoveDirectory = 0x200;
  Exchange exchange(*this, Type::kUnlink);
  exchange.message.put32(directory.number());
  exchange.message.put_string(name);
  exchange.message.put32(kind == Kind::kDirectory ? kRemoveDirectory : 0);
  return exchange.send_only();
}

}  // namespace mokapot
