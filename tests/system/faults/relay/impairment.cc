// SPDX-License-Identifier: Apache-2.0
#include "tests/system/faults/relay/impairment.h"

#include <charconv>

namespace relay {
namespace {

// A device's queue that is full drops; a flood is not to fill the host's memory.
constexpr std::size_t kMostWaiting = 20'000;
// How long a frame that is to be overtaken is held back: several of its successors on a busy link.
constexpr std::uint64_t kHeldBackUs = 4'000;
constexpr std::size_t kEthernetHeader = 14, kTypeAt = 12;

// What has a checksum. ARP has none, and a changed address in it would be believed: no fault of the receiver's.
bool has_checksum(const Frame& frame) {
  if (frame.size() <= kEthernetHeader) return false;
  const unsigned type = frame[kTypeAt] << 8 | frame[kTypeAt + 1];
  return type == 0x0800 || type == 0x86dd;
}

// IPv6 has no sum over its first eight bytes, and one bit of the next header's number could name another protocol.
std::size_t first_summed(const Frame& frame) {
  return frame[kTypeAt] == 0x86 ? kEthernetHeader + 8 : kEthernetHeader;
}

}  // namespace

bool Impairment::chance(unsigned in_a_thousand) { return random_() % 1000 < in_a_thousand; }

void Impairment::queue(Frame frame, std::uint64_t due_us) {
  if (waiting_.size() >= kMostWaiting) {
    ++counts_.overflowed;
    return;
  }
  waiting_.emplace(due_us, std::move(frame));
}

// One bit: what a sum over it must find, always.
void Impairment::corrupt(Frame& frame) {
  const std::size_t first = first_summed(frame);
  if (frame.size() <= first) return;
  frame[first + random_() % (frame.size() - first)] ^= static_cast<unsigned char>(1u << random_() % 8);
  ++counts_.corrupted;
}

void Impairment::put(Frame frame, std::uint64_t now_us) {
  if (profile_.blocked || chance(profile_.lose)) {
    ++counts_.lost;
    return;
  }
  std::uint64_t due_us = now_us + profile_.delay_us;
  if (chance(profile_.duplicate)) {
    ++counts_.duplicated;
    queue(frame, due_us);
  }
  if (has_checksum(frame) && chance(profile_.corrupt)) corrupt(frame);
  if (chance(profile_.reorder)) {
    ++counts_.reordered;
    due_us += kHeldBackUs;
  }
  queue(std::move(frame), due_us);
}

std::optional<Frame> Impairment::take(std::uint64_t now_us) {
  if (waiting_.empty() || waiting_.begin()->first > now_us) return std::nullopt;
  Frame frame = std::move(waiting_.begin()->second);
  waiting_.erase(waiting_.begin());
  ++counts_.passed;
  return frame;
}

std::optional<std::uint64_t> Impairment::due() const {
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

std::optional<Profile> parse_profile(std::string_view text) {
  Profile profile;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(word.size() == text.size() ? word.size() : word.size() + 1);
    if (word.empty()) continue;
    if (word == "blocked") {
      profile.blocked = true;
      continue;
    }
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    const std::string_view name = word.substr(0, equals), digits = word.substr(equals + 1);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
    if (name == "lose") profile.lose = value;
    else if (name == "duplicate") profile.duplicate = value;
    else if (name == "reorder") profile.reorder = value;
    else if (name == "corrupt") profile.corrupt = value;
    else if (name == "delay") profile.delay_us = value;
    else return std::nullopt;
  }
  return profile;
}

}  // namespace relay
