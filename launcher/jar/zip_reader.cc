// SPDX-License-Identifier: Apache-2.0
#include "jar/zip_reader.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

#include "support/files.h"

namespace moka {
namespace {

constexpr std::uint32_t kLocalHeaderMagic = 0x04034b50;
constexpr std::uint32_t kDirectoryMagic = 0x02014b50;
constexpr std::uint32_t kEndMagic = 0x06054b50;
constexpr std::uint32_t kEnd64Magic = 0x06064b50;
constexpr std::uint32_t kEnd64LocatorMagic = 0x07064b50;
constexpr std::size_t kLocalHeaderSize = 30;
constexpr std::size_t kDirectoryEntrySize = 46;
constexpr std::size_t kEndSize = 22;
constexpr std::size_t kEnd64Size = 56;
constexpr std::size_t kEnd64LocatorSize = 20;
constexpr std::size_t kLargestComment = 65535;
// Java itself refuses a central directory of 2 GiB; ours is smaller so that a bad file cannot make
// the launcher allocate without bound.
constexpr std::uint64_t kLargestDirectory = 512u << 20;
constexpr std::uint16_t kZip64ExtraId = 1;
constexpr std::uint16_t kEncryptedFlag = 1;
constexpr std::uint16_t kStored = 0;
constexpr std::uint16_t kDeflated = 8;

// Little-endian fields. The caller has checked that they lie inside the buffer.
std::uint16_t load16(const std::uint8_t* bytes) {
  return static_cast<std::uint16_t>(bytes[0] | bytes[1] << 8);
}
std::uint32_t load32(const std::uint8_t* bytes) {
  return load16(bytes) | static_cast<std::uint32_t>(load16(bytes + 2)) << 16;
}
std::uint64_t load64(const std::uint8_t* bytes) {
  return load32(bytes) | static_cast<std::uint64_t>(load32(bytes + 4)) << 32;
}

// Replaces the fields that hold all ones by their 64-bit values from the zip64 extra field, which
// lists only those, in this order.
bool apply_zip64_extra(const std::uint8_t* extra, std::size_t length, std::uint64_t& size,
                       std::uint64_t& compressed_size, std::uint64_t& offset) {
  constexpr std::uint64_t kSaturated = 0xffffffff;
  while (length >= 4) {
    const std::uint16_t id = load16(extra);
    const std::size_t field_length = load16(extra + 2);
    if (field_length > length - 4) return false;
    if (id == kZip64ExtraId) {
      const std::uint8_t* cursor = extra + 4;
      std::size_t left = field_length;
      for (std::uint64_t* field : {&size, &compressed_size, &offset}) {
        if (*field != kSaturated) continue;
        if (left < 8) return false;
        *field = load64(cursor);
        cursor += 8;
        left -= 8;
      }
      return true;
    }
    extra += 4 + field_length;
    length -= 4 + field_length;
  }
  return true;
}

// Inflates raw deflate data from a file until `limit` bytes are out or the stream ends.
class Inflater {
 public:
  Inflater() { ready_ = inflateInit2(&stream_, -MAX_WBITS) == Z_OK; }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() {
    if (ready_) inflateEnd(&stream_);
  }

  bool run(int fd, std::uint64_t offset, std::uint64_t compressed_size, std::size_t limit,
           std::string& out) {
    if (!ready_) return false;
    std::array<std::uint8_t, 16384> input;
    std::array<char, 16384> output;
    while (out.size() < limit) {
      if (stream_.avail_in == 0 && compressed_size > 0) {
        const std::size_t chunk =
            static_cast<std::size_t>(std::min<std::uint64_t>(input.size(), compressed_size));
        if (!read_exactly_at(fd, std::span(input).first(chunk), offset)) return false;
        offset += chunk;
        compressed_size -= chunk;
        stream_.next_in = input.data();
        stream_.avail_in = static_cast<uInt>(chunk);
      }
      stream_.next_out = reinterpret_cast<Bytef*>(output.data());
      stream_.avail_out = static_cast<uInt>(std::min(output.size(), limit - out.size()));
      const uInt room = stream_.avail_out;
      const int outcome = inflate(&stream_, Z_NO_FLUSH);
      if (outcome != Z_OK && outcome != Z_STREAM_END) return false;
      out.append(output.data(), room - stream_.avail_out);
      if (outcome == Z_STREAM_END) return true;
    }
    return true;
  }

 private:
  z_stream stream_{};
  bool ready_ = false;
};

}  // namespace

Error ZipReader::truncated() const {
  return Error{path_ + " is a jar that was cut short or is damaged; build or download it again"};
}

Result<ZipReader> ZipReader::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return Error{"cannot open " + path + ": " + error_text(errno)};
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0)
    return Error{"cannot read " + path + ": " + error_text(errno)};
  if (!S_ISREG(status.st_mode)) return Error{path + " is not a regular file; give a jar"};
  ZipReader zip(path, std::move(fd), static_cast<std::uint64_t>(status.st_size));
  const EndRecord end = MOKA_TRY(zip.find_end_record());
  MOKA_TRY(zip.read_directory(end));
  return zip;
}

Result<ZipReader::EndRecord> ZipReader::find_end_record() const {
  const std::size_t tail_size =
      static_cast<std::size_t>(std::min<std::uint64_t>(size_, kEndSize + kLargestComment));
  const std::uint64_t tail_offset = size_ - tail_size;
  std::vector<std::uint8_t> tail(tail_size);
  if (!read_exactly_at(fd_.get(), tail, tail_offset)) return Error{"cannot read " + path_};

  // From the end backwards; a match counts only if its comment ends where the file ends, since the
  // magic may occur inside a comment.
  for (std::size_t position = tail_size >= kEndSize ? tail_size - kEndSize + 1 : 0;
       position-- > 0;) {
    const std::uint8_t* record = tail.data() + position;
    if (load32(record) != kEndMagic || position + kEndSize + load16(record + 20) != tail_size)
      continue;
    const std::uint64_t record_offset = tail_offset + position;
    EndRecord end{load16(record + 10), load32(record + 12), load32(record + 16), 0};
    std::uint64_t directory_end = record_offset;
    if (end.entry_count == 0xffff || end.directory_size == 0xffffffff ||
        end.directory_offset == 0xffffffff) {
      EndRecord wide = end;
      if (apply_zip64(record_offset, wide)) {
        wide.base = 0;
        end = wide;
        directory_end = 0;  // bounds of zip64 directories are checked against the file below
      }
    }
    if (end.directory_size > size_ || end.directory_offset > size_ - end.directory_size)
      return truncated();
    if (directory_end != 0) {
      if (end.directory_offset + end.directory_size > directory_end) return truncated();
      end.base = directory_end - (end.directory_offset + end.directory_size);
    }
    return end;
  }

  std::array<std::uint8_t, 4> start{};
  if (size_ >= start.size() && read_exactly_at(fd_.get(), start, 0) &&
      load32(start.data()) == kLocalHeaderMagic)
    return truncated();
  return Error{path_ + " is not a jar; give a jar file, -cp PATH MainClass, or a Linux program"};
}

bool ZipReader::apply_zip64(std::uint64_t end_record_offset, EndRecord& record) const {
  if (end_record_offset < kEnd64LocatorSize) return false;
  std::array<std::uint8_t, kEnd64LocatorSize> locator;
  if (!read_exactly_at(fd_.get(), locator, end_record_offset - kEnd64LocatorSize)) return false;
  if (load32(locator.data()) != kEnd64LocatorMagic) return false;
  const std::uint64_t offset = load64(locator.data() + 8);
  if (offset > size_ || size_ - offset < kEnd64Size) return false;
  std::array<std::uint8_t, kEnd64Size> end;
  if (!read_exactly_at(fd_.get(), end, offset) || load32(end.data()) != kEnd64Magic) return false;
  record.entry_count = load64(end.data() + 32);
  record.directory_size = load64(end.data() + 40);
  record.directory_offset = load64(end.data() + 48);
  return true;
}

Result<void> ZipReader::read_directory(const EndRecord& end) {
  if (end.directory_size > kLargestDirectory)
    return Error{path_ + " has too large a directory to be a jar"};
  std::vector<std::uint8_t> directory(static_cast<std::size_t>(end.directory_size));
  if (!read_exactly_at(fd_.get(), directory, end.base + end.directory_offset)) return truncated();

  std::size_t position = 0;
  for (std::uint64_t index = 0; index < end.entry_count; ++index) {
    if (directory.size() - position < kDirectoryEntrySize) return truncated();
    const std::uint8_t* header = directory.data() + position;
    if (load32(header) != kDirectoryMagic) return truncated();
    const std::size_t name_length = load16(header + 28);
    const std::size_t extra_length = load16(header + 30);
    const std::size_t comment_length = load16(header + 32);
    if (directory.size() - position - kDirectoryEntrySize <
        name_length + extra_length + comment_length)
      return truncated();

    Entry entry{load16(header + 8), load16(header + 10), load32(header + 20), load32(header + 24),
                load32(header + 42)};
    const std::uint8_t* name = header + kDirectoryEntrySize;
    if (!apply_zip64_extra(name + name_length, extra_length, entry.size, entry.compressed_size,
                           entry.header_offset))
      return truncated();
    if (entry.header_offset > size_ - end.base) return truncated();
    entry.header_offset += end.base;
    // The first of two entries with one name wins, as in java.util.zip.
    entries_.emplace(std::string(reinterpret_cast<const char*>(name), name_length), entry);
    position += kDirectoryEntrySize + name_length + extra_length + comment_length;
  }
  return {};
}

Result<std::string> ZipReader::read_prefix(std::string_view name, std::size_t limit) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) return Error{path_ + " has no entry " + std::string(name)};
  const Entry& entry = found->second;
  if ((entry.flags & kEncryptedFlag) != 0)
    return Error{path_ + ": " + std::string(name) + " is encrypted; java cannot read it"};

  // Sizes come from the central directory, since a streamed entry's local header has none; but the
  // name and extra field may differ in length between the two.
  std::array<std::uint8_t, kLocalHeaderSize> local;
  if (!read_exactly_at(fd_.get(), local, entry.header_offset) ||
      load32(local.data()) != kLocalHeaderMagic)
    return truncated();
  const std::uint64_t data = entry.header_offset + kLocalHeaderSize + load16(local.data() + 26) +
                             load16(local.data() + 28);
  if (data > size_ || entry.compressed_size > size_ - data) return truncated();

  std::string out;
  if (entry.method == kStored) {
    out.resize(static_cast<std::size_t>(std::min<std::uint64_t>(entry.compressed_size, limit)));
    // SAFETY: std::string's storage is bytes; the span covers exactly its size.
    if (!read_exactly_at(fd_.get(), {reinterpret_cast<std::uint8_t*>(out.data()), out.size()},
                         data))
      return truncated();
    return out;
  }
  if (entry.method != kDeflated)
    return Error{path_ + ": " + std::string(name) + " uses a compression that java cannot read"};
  if (!Inflater().run(fd_.get(), data, entry.compressed_size, limit, out)) return truncated();
  return out;
}

Result<std::string> ZipReader::read(std::string_view name, std::size_t limit) const {
  std::string text = MOKA_TRY(read_prefix(name, limit + 1));
  if (text.size() > limit) return Error{path_ + ": " + std::string(name) + " is too large"};
  return text;
}

}  // namespace moka
