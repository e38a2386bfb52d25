// SPDX-License-Identifier: Apache-2.0
//
// What a bad network does to frames: it loses, doubles, delays and changes them. One object a direction; the same
// seed and the same frames give the same faults. It keeps no time and does no I/O, so that a test can be exact.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string_view>
#include <vector>

namespace relay {

using Frame = std::vector<unsigned char>;

// Shares are of a frame in a thousand.
struct Profile {
  unsigned lose = 0, duplicate = 0, reorder = 0, corrupt = 0;
  std::uint64_t delay_us = 0;
  bool blocked = false;  // nothing passes
};

struct Counts {
  std::uint64_t passed = 0, lost = 0, duplicated = 0, reordered = 0, corrupted = 0, overflowed = 0;
};

class Impairment {
 public:
  explicit Impairment(std::uint64_t seed) : random_(seed) {}

  void use(const Profile& profile) { profile_ = profile; }
  const Counts& counts() const { return counts_; }

  // A frame has come. What becomes of it waits for take().
  void put(Frame frame, std::uint64_t now_us);
  // The next frame that is due at `now_us`.
  std::optional<Frame> take(std::uint64_t now_us);
  // When the next one is due.
  std::optional<std::uint64_t> due() const;

 private:
  bool chance(unsigned in_a_thousand);
  void queue(Frame frame, std::uint64_t due_us);
  void corrupt(Frame& frame);

  std::mt19937_64 random_;
  Profile profile_;
  Counts counts_;
  // By due time; frames of one time keep their order.
  std::multimap<std::uint64_t, Frame> waiting_;
};

// `lose=50 delay=100000`; nothing where a word is unknown or no number.
std::optional<Profile> parse_profile(std::string_view text);

}  // namespace relay
