// SPDX-License-Identifier: Apache-2.0
//
// The header's fields are in GNU tar's manual, "Basic Tar Format": a sparse member of the old GNU
// form says in its header, and in blocks behind that, where its pieces of data lie.
#include "disk/gce_archive.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "support/files.h"
#include "support/gzip.h"
#include "support/interruption.h"
#include "support/unique_fd.h"

namespace moka {
namespace {

constexpr std::size_t kBlock = 512;
constexpr std::size_t kRecord = 20 * kBlock;  // what tar writes at a time
constexpr std::size_t kPage = 4096;           // a piece begins and ends at a multiple
constexpr int kLevel = 6;

constexpr std::size_t kSizeAt = 124, kChecksumAt = 148, kTypeAt = 156, kMagicAt = 257;
constexpr std::size_t kSparseAt = 386, kExtendedAt = 482, kRealSizeAt = 483;
constexpr std::size_t kPiecesInHeader = 4, kPiecesInBlock = 21, kBlockExtendedAt = 504;
constexpr std::size_t kNumber = 12;  // characters of a size

struct Piece {
  std::uint64_t offset;
  std::uint64_t size;
};

void put_octal(std::string& block, std::size_t at, std::size_t width, std::uint64_t value) {
  for (std::size_t index = width - 1; index-- > 0; value >>= 3)
    block[at + index] = static_cast<char>('0' + (value & 7));
}

// Octal digits where they are enough, else 256 to a digit.
void put_number(std::string& block, std::size_t at, std::uint64_t value) {
  constexpr std::uint64_t kMostOctal = std::uint64_t{1} << (3 * (kNumber - 1));
  if (value < kMostOctal) return put_octal(block, at, kNumber, value);
  block[at] = '\x80';
  for (std::size_t index = 0; index < 8; ++index)
    block[at + kNumber - 1 - index] = static_cast<char>(value >> (8 * index) & 0xff);
}

void put_piece(std::string& block, std::size_t at, const Piece& piece) {
  put_number(block, at, piece.offset);
  put_number(block, at + kNumber, piece.size);
}

Result<std::uint64_t> size_of(int fd, const std::string& path) {
  const off_t end = ::lseek(fd, 0, SEEK_END);
  if (end < 0) return Error{"cannot read " + path + ": " + error_text(errno)};
  return static_cast<std::uint64_t>(end);
}

// Calls `visit` for each page of the file that is not all zeros. What the file system calls a hole
// need not be read; what it does not may be zeros all the same.
template <typename Visit>
Result<void> for_each_page(int fd, const std::string& path, std::uint64_t size, Visit visit) {
  std::string page(kPage, '\0');
  // SAFETY: any object may be looked at as bytes.
  auto* const bytes = reinterpret_cast<std::uint8_t*>(page.data());
  for (std::uint64_t at = 0; at < size; at += kPage) {
    if (is_interrupted()) return interrupted();
    const off_t data = ::lseek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (data < 0 && errno == ENXIO) return {};
    if (data >= 0) at = std::max(at, static_cast<std::uint64_t>(data) / kPage * kPage);
    const std::size_t piece = std::min<std::uint64_t>(kPage, size - at);
    if (!read_exactly_at(fd, {bytes, piece}, at)) return Error{"cannot read " + path};
    const std::string_view view(page.data(), piece);
    if (view.find_first_not_of('\0') != std::string_view::npos) MOKA_TRY(visit(at, view));
  }
  return {};
}

// With an empty one at the end, which tells tar of a hole there.
Result<std::vector<Piece>> pieces_of(int fd, const std::string& path, std::uint64_t size) {
  std::vector<Piece> pieces;
  MOKA_TRY(for_each_page(fd, path, size, [&](std::uint64_t at, std::string_view page) -> Result<void> {
    if (!pieces.empty() && pieces.back().offset + pieces.back().size == at)
      pieces.back().size += page.size();
    else
      pieces.push_back({at, page.size()});
    return {};
  }));
  if (pieces.empty() || pieces.back().offset + pieces.back().size != size) pieces.push_back({size, 0});
  return pieces;
}

std::string headers_of(const std::vector<Piece>& pieces, std::uint64_t size,
                       std::uint64_t data_bytes) {
  std::string header(kBlock, '\0');
  header.replace(0, 8, "disk.raw");
  put_octal(header, 100, 8, 0644);
  put_octal(header, 108, 8, 0);  // owner
  put_octal(header, 116, 8, 0);
  put_number(header, kSizeAt, data_bytes);
  put_octal(header, 136, kNumber, 0);  // time
  header[kTypeAt] = 'S';
  header.replace(kMagicAt, 8, std::string("ustar  \0", 8));
  put_number(header, kRealSizeAt, size);
  for (std::size_t index = 0; index < std::min(pieces.size(), kPiecesInHeader); ++index)
    put_piece(header, kSparseAt + 2 * kNumber * index, pieces[index]);
  header[kExtendedAt] = pieces.size() > kPiecesInHeader ? '\1' : '\0';
  header.replace(kChecksumAt, 8, std::string(8, ' '));
  std::uint64_t sum = 0;
  for (const char byte : header) sum += static_cast<unsigned char>(byte);
  put_octal(header, kChecksumAt, 7, sum);
  for (std::size_t next = kPiecesInHeader; next < pieces.size(); next += kPiecesInBlock) {
    std::string block(kBlock, '\0');
    const std::size_t end = std::min(pieces.size(), next + kPiecesInBlock);
    for (std::size_t index = next; index < end; ++index)
      put_piece(block, 2 * kNumber * (index - next), pieces[index]);
    block[kBlockExtendedAt] = end < pieces.size() ? '\1' : '\0';
    header += block;
  }
  return header;
}

}  // namespace

Result<void> write_gce_archive(int fd, const std::string& path, const std::string& raw) {
  const UniqueFd disk(::open(raw.c_str(), O_RDONLY | O_CLOEXEC));
  if (!disk) return Error{"cannot read " + raw + ": " + error_text(errno)};
  const std::uint64_t size = MOKA_TRY(size_of(disk.get(), raw));
  const std::vector<Piece> pieces = MOKA_TRY(pieces_of(disk.get(), raw, size));
  std::uint64_t data_bytes = 0;
  for (const Piece& piece : pieces) data_bytes += piece.size;
  GzipStream stream(kLevel, [&](std::string_view compressed) -> Result<void> {
    if (write_fully(fd, compressed)) return {};
    return Error{"cannot write " + path + ": " + error_text(errno)};
  });
  const std::string headers = headers_of(pieces, size, data_bytes);
  MOKA_TRY(stream.add(headers));
  MOKA_TRY(for_each_page(disk.get(), raw, size, [&](std::uint64_t, std::string_view page) {
    return stream.add(page);
  }));
  // The end: two blocks of zeros at least, and the record is filled up.
  const std::uint64_t so_far = headers.size() + (data_bytes + kBlock - 1) / kBlock * kBlock;
  const std::uint64_t whole = (so_far + 2 * kBlock + kRecord - 1) / kRecord * kRecord;
  MOKA_TRY(stream.add(std::string(whole - headers.size() - data_bytes, '\0')));
  return stream.finish();
}

}  // namespace moka
