// SPDX-License-Identifier: Apache-2.0
// sources: tests/system/faults/relay/impairment.cc
#include "tests/system/faults/relay/impairment.h"

#include <gtest/gtest.h>

#include <bit>

namespace relay {
namespace {

Frame frame(unsigned number, unsigned type = 0x0800) {
  Frame made(100, 0);
  made[12] = static_cast<unsigned char>(type >> 8);
  made[13] = static_cast<unsigned char>(type);
  made[60] = static_cast<unsigned char>(number >> 8);
  made[61] = static_cast<unsigned char>(number);
  return made;
}

std::vector<Frame> pass(Impairment& network, unsigned count, unsigned type = 0x0800) {
  std::vector<Frame> out;
  for (unsigned i = 0; i < count; ++i) {
    network.put(frame(i, type), i * 100);
    while (auto next = network.take(i * 100)) out.push_back(*next);
  }
  while (auto next = network.take(~std::uint64_t{0})) out.push_back(*next);
  return out;
}

std::vector<Frame> pass_with(std::string_view profile, unsigned count, unsigned type = 0x0800, std::uint64_t seed = 1) {
  Impairment network(seed);
  network.use(*parse_profile(profile));
  return pass(network, count, type);
}

unsigned bits_changed(const Frame& a, const Frame& b) {
  unsigned bits = 0;
  for (std::size_t i = 0; i < a.size(); ++i) bits += static_cast<unsigned>(std::popcount<unsigned char>(a[i] ^ b[i]));
  return bits;
}

TEST(Impairment, AGoodNetworkChangesNothing) {
  const std::vector<Frame> out = pass_with("", 1000);
  ASSERT_EQ(out.size(), 1000u);
  for (unsigned i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], frame(i));
}

TEST(Impairment, LosesItsShare) {
  const std::size_t left = pass_with("lose=50", 10'000).size();
  EXPECT_GT(left, 9300u);
  EXPECT_LT(left, 9700u);
}

TEST(Impairment, DoublesItsShare) {
  const std::size_t out = pass_with("duplicate=50", 10'000).size();
  EXPECT_GT(out, 10'300u);
  EXPECT_LT(out, 10'700u);
}

TEST(Impairment, ReordersWithoutLoss) {
  const std::vector<Frame> out = pass_with("reorder=50", 2000);
  ASSERT_EQ(out.size(), 2000u);
  unsigned out_of_place = 0;
  for (unsigned i = 0; i < out.size(); ++i) out_of_place += out[i] != frame(i);
  EXPECT_GT(out_of_place, 100u);
}

TEST(Impairment, DelaysByWhatIsAsked) {
  Impairment network(1);
  network.use(*parse_profile("delay=100000"));
  network.put(frame(1), 5);
  EXPECT_FALSE(network.take(100'004));
  EXPECT_EQ(network.due(), 100'005u);
  EXPECT_EQ(network.take(100'005), frame(1));
  EXPECT_FALSE(network.due());
}

TEST(Impairment, CorruptsOneBitOfWhatHasASum) {
  const std::vector<Frame> out = pass_with("corrupt=1000", 500);
  ASSERT_EQ(out.size(), 500u);
  for (unsigned i = 0; i < out.size(); ++i) {
    EXPECT_EQ(bits_changed(out[i], frame(i)), 1u);
    EXPECT_TRUE(std::equal(out[i].begin(), out[i].begin() + 14, frame(i).begin()));
  }
}

TEST(Impairment, LeavesAloneWhatHasNoSum) {
  const std::vector<Frame> out = pass_with("corrupt=1000", 100, 0x0806);
  for (unsigned i = 0; i < out.size(); ++i) EXPECT_EQ(out[i], frame(i, 0x0806));
}

TEST(Impairment, ADoubleIsNotCorrupted) {
  const std::vector<Frame> out = pass_with("corrupt=1000 duplicate=1000", 1);
  ASSERT_EQ(out.size(), 2u);
  EXPECT_EQ(bits_changed(out[0], frame(0)) + bits_changed(out[1], frame(0)), 1u);
}

TEST(Impairment, TheSeedDecides) {
  constexpr std::string_view kAll = "lose=50 duplicate=50 reorder=50 corrupt=50";
  EXPECT_EQ(pass_with(kAll, 1000), pass_with(kAll, 1000));
  EXPECT_NE(pass_with(kAll, 1000), pass_with(kAll, 1000, 0x0800, 2));
}

TEST(Impairment, ABlockedNetworkPassesNothing) {
  Impairment network(1);
  network.use(*parse_profile("blocked"));
  EXPECT_TRUE(pass(network, 10).empty());
  EXPECT_EQ(network.counts().lost, 10u);
}

TEST(Impairment, AFloodIsBounded) {
  Impairment network(1);
  network.use(*parse_profile("delay=1000000"));
  for (unsigned i = 0; i < 25'000; ++i) network.put(frame(i), 0);
  EXPECT_EQ(network.counts().overflowed, 5'000u);
}

TEST(Impairment, RefusesWhatIsNoProfile) {
  EXPECT_FALSE(parse_profile("loose=5"));
  EXPECT_FALSE(parse_profile("lose"));
  EXPECT_FALSE(parse_profile("lose=5x"));
  EXPECT_TRUE(parse_profile("lose=5 delay=10"));
}

}  // namespace
}  // namespace relay
