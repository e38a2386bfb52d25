// SPDX-License-Identifier: Apache-2.0
#include "support/gzip.h"

#include <zlib.h>

#include <algorithm>
#include <limits>

namespace moka {
namespace {

constexpr int kGzipWindow = MAX_WBITS + 16;  // zlib's way of asking for a gzip header
constexpr int kMemoryLevel = 9;
constexpr std::size_t kPiece = 1u << 18;
constexpr std::string_view kMagic = "\x1f\x8b";

// SAFETY: zlib reads and writes bytes, and does not write to what it reads.
Bytef* as_bytes(const char* characters) {
  return reinterpret_cast<Bytef*>(const_cast<char*>(characters));
}

}  // namespace

struct GzipStream::State {
  z_stream stream{};
  bool is_ready = false;
  std::string buffer = std::string(kPiece, '\0');
};

GzipStream::GzipStream(int level, Sink sink)
    : state_(std::make_unique<State>()), sink_(std::move(sink)) {
  state_->is_ready = deflateInit2(&state_->stream, level, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                                  Z_DEFAULT_STRATEGY) == Z_OK;
}

GzipStream::~GzipStream() {
  if (state_->is_ready) deflateEnd(&state_->stream);
}

Result<void> GzipStream::run(int flush) {
  if (!state_->is_ready) return Error{"out of memory"};
  z_stream& stream = state_->stream;
  std::string& buffer = state_->buffer;
  int outcome = Z_OK;
  do {
    stream.next_out = as_bytes(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    outcome = deflate(&stream, flush);
    const std::size_t made = buffer.size() - stream.avail_out;
    if (made > 0) MOKA_TRY(sink_({buffer.data(), made}));
  } while (stream.avail_out == 0 || (flush == Z_FINISH && outcome == Z_OK));
  return {};
}

Result<void> GzipStream::add(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::size_t piece = std::min(bytes.size(), kPiece);
    state_->stream.next_in = as_bytes(bytes.data());
    state_->stream.avail_in = static_cast<uInt>(piece);
    MOKA_TRY(run(Z_NO_FLUSH));
    bytes.remove_prefix(piece);
  }
  return {};
}

Result<void> GzipStream::finish() { return run(Z_FINISH); }

std::string gzip(std::string_view bytes, int level) {
  std::string compressed;
  GzipStream stream(level, [&compressed](std::string_view piece) -> Result<void> {
    compressed += piece;
    return {};
  });
  // Without memory what it holds stays as it is, which gunzip() takes, too.
  if (!stream.add(bytes) || !stream.finish()) return std::string(bytes);
  return compressed;
}

Result<std::string> gunzip(std::string bytes, std::size_t limit) {
  if (!bytes.starts_with(kMagic)) return bytes;
  z_stream stream{};
  if (inflateInit2(&stream, kGzipWindow) != Z_OK) return Error{"out of memory"};
  std::string plain;
  std::string buffer(kPiece, '\0');
  stream.next_in = as_bytes(bytes.data());
  stream.avail_in =
      static_cast<uInt>(std::min<std::size_t>(bytes.size(), std::numeric_limits<uInt>::max()));
  int outcome = Z_OK;
  while (outcome == Z_OK && plain.size() <= limit) {
    stream.next_out = as_bytes(buffer.data());
    stream.avail_out = static_cast<uInt>(buffer.size());
    outcome = inflate(&stream, Z_NO_FLUSH);
    plain.append(buffer, 0, buffer.size() - stream.avail_out);
  }
  inflateEnd(&stream);
  if (outcome != Z_STREAM_END || plain.size() > limit) return Error{"its compressed data is damaged"};
  return plain;
}

}  // namespace moka
