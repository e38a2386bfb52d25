// SPDX-License-Identifier: Apache-2.0
#include "direct/frame_table.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

namespace moka {
namespace {

// DW_EH_PE_: how a pointer is written (low four bits), and what it is relative to (the next three).
constexpr unsigned kForm = 0x0f, kAbsolute = 0x00, kUnsigned4 = 0x03, kUnsigned8 = 0x04, kSigned4 = 0x0b, kSigned8 = 0x0c;
constexpr unsigned kBase = 0x70, kRelativeToPlace = 0x10, kRelativeToHeader = 0x30;
constexpr std::size_t kMostFunctions = 1 << 20;
constexpr std::size_t kLongestAugmentation = 16;

// Reads forward through what lies at an address.
class Cursor {
 public:
  Cursor(std::uint64_t address, std::span<const std::uint8_t> bytes) : address_(address), bytes_(bytes) {}

  std::uint64_t address() const { return address_ + at_; }
  bool is_good() const { return is_good_; }

  template <typename T>
  T get() {
    T value{};
    if (bytes_.size() - at_ < sizeof(T)) {
      is_good_ = false;
      return value;
    }
    std::memcpy(&value, bytes_.data() + at_, sizeof(T));
    at_ += sizeof(T);
    return value;
  }

  void skip_leb128() {
    while (is_good_ && (get<std::uint8_t>() & 0x80) != 0) {
    }
  }

  std::string_view string() {
    const std::size_t begin = at_;
    while (is_good_ && get<std::uint8_t>() != 0 && at_ - begin < kLongestAugmentation) {
    }
    // SAFETY: bytes as characters.
    return {reinterpret_cast<const char*>(bytes_.data()) + begin, at_ > begin ? at_ - begin - 1 : 0};
  }

  // A pointer of the given encoding; nothing where it is another form, or none.
  std::optional<std::uint64_t> pointer(unsigned encoding, std::uint64_t header) {
    const std::uint64_t place = address();
    std::uint64_t value = 0;
    switch (encoding & kForm) {
      case kAbsolute:
      case kUnsigned8:
      case kSigned8:
        value = get<std::uint64_t>();
        break;
      case kUnsigned4:
        value = get<std::uint32_t>();
        break;
      case kSigned4:
        value = static_cast<std::uint64_t>(std::int64_t{get<std::int32_t>()});
        break;
      default:
        return std::nullopt;
    }
    if (!is_good_) return std::nullopt;
    switch (encoding & kBase) {
      case 0:
        return value;
      case kRelativeToPlace:
        return value + place;
      case kRelativeToHeader:
        return value + header;
      default:
        return std::nullopt;
    }
  }

 private:
  std::uint64_t address_;
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  bool is_good_ = true;
};

// How the pointers of the entries are written that belong to the common information entry at this address.
std::optional<unsigned> pointer_encoding(std::uint64_t address, const FrameTable::Loaded& loaded) {
  Cursor cursor(address, loaded(address));
  const auto length = cursor.get<std::uint32_t>();
  const auto id = cursor.get<std::uint32_t>();
  const auto version = cursor.get<std::uint8_t>();
  if (!cursor.is_good() || length == 0xffffffff || id != 0 || version != 1) return std::nullopt;
  const std::string_view augmentation = cursor.string();
  if (augmentation.empty()) return kAbsolute;
  if (augmentation.front() != 'z') return std::nullopt;
  cursor.skip_leb128();          // code alignment
  cursor.skip_leb128();          // data alignment
  (void)cursor.get<std::uint8_t>();  // return address register
  cursor.skip_leb128();          // length of what follows
  for (const char letter : augmentation.substr(1)) {
    if (letter == 'R') {
      const unsigned encoding = cursor.get<std::uint8_t>();
      return cursor.is_good() ? std::optional(encoding) : std::nullopt;
    }
    if (letter == 'P') {
      const unsigned encoding = cursor.get<std::uint8_t>();
      if (!cursor.pointer(encoding, 0)) return std::nullopt;
    } else if (letter == 'L') {
      (void)cursor.get<std::uint8_t>();
    } else if (letter != 'S' && letter != 'B') {
      return std::nullopt;
    }
  }
  return kAbsolute;
}

std::optional<FrameTable::Range> read_entry(std::uint64_t address, const FrameTable::Loaded& loaded) {
  Cursor cursor(address, loaded(address));
  const auto length = cursor.get<std::uint32_t>();
  const std::uint64_t pointer_place = cursor.address();
  const auto distance = cursor.get<std::uint32_t>();
  if (!cursor.is_good() || length == 0xffffffff || distance == 0) return std::nullopt;
  const auto encoding = pointer_encoding(pointer_place - distance, loaded);
  if (!encoding) return std::nullopt;
  const auto begin = cursor.pointer(*encoding, 0);
  const auto size = cursor.pointer(*encoding & kForm, 0);
  if (!begin || !size) return std::nullopt;
  return FrameTable::Range{*begin, *size};
}

}  // namespace

std::vector<FrameTable::Range> FrameTable::read(std::uint64_t header, const Loaded& loaded) {
  std::vector<Range> ranges;
  Cursor cursor(header, loaded(header));
  const auto version = cursor.get<std::uint8_t>();
  const unsigned frame_encoding = cursor.get<std::uint8_t>(), count_encoding = cursor.get<std::uint8_t>(),
                 table_encoding = cursor.get<std::uint8_t>();
  if (!cursor.is_good() || version != 1 || !cursor.pointer(frame_encoding, header)) return ranges;
  const auto count = cursor.pointer(count_encoding, header);
  if (!count) return ranges;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(*count, kMostFunctions); ++i) {
    const auto function = cursor.pointer(table_encoding, header), entry = cursor.pointer(table_encoding, header);
    if (!function || !entry) break;
    const auto range = read_entry(*entry, loaded);
    if (range && range->begin == *function) ranges.push_back(*range);
  }
  return ranges;
}

}  // namespace moka
