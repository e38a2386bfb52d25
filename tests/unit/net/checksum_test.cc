// SPDX-License-Identifier: Apache-2.0
// sources: kernel/net/checksum.cc kernel/net/keyed_hash.cc
#include "net/checksum.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "net/keyed_hash.h"

namespace mokapot {
namespace {

// RFC 1071 word by word.
std::uint16_t slow_sum(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < bytes.size(); i += 2)
    sum += bytes[i] | (i + 1 < bytes.size() ? bytes[i + 1] << 8 : 0);
  while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(sum);
}

TEST(Checksum, AgreesWithTheDefinitionAtEveryLengthAndAlignment) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> bytes(3000);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  for (std::size_t start = 0; start < 9; ++start) {
    for (std::size_t size = 0; size < 200; ++size) {
      const std::vector<std::uint8_t> part(bytes.begin() + start, bytes.begin() + start + size);
      ASSERT_EQ(internet_sum(bytes.data() + start, size), slow_sum(part)) << start << " " << size;
    }
  }
  EXPECT_EQ(internet_sum(bytes.data(), bytes.size()), slow_sum(bytes));
}

TEST(Checksum, CarriesDoNotGetLost) {
  const std::vector<std::uint8_t> ones(65535, 0xff);
  EXPECT_EQ(internet_sum(ones.data(), ones.size()), slow_sum(ones));
}

// The vectors that SipHash's authors publish: key 00..0f, message 00, 01, ...
TEST(KeyedHash, IsSipHash) {
  const HashKey key{{0x0706050403020100, 0x0f0e0d0c0b0a0908}};
  std::uint8_t message[15];
  for (std::size_t i = 0; i < sizeof(message); ++i) message[i] = static_cast<std::uint8_t>(i);
  EXPECT_EQ(keyed_hash(key, message, 0), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(keyed_hash(key, message, 1), 0x74f839c593dc67fdu);
  EXPECT_EQ(keyed_hash(key, message, 8), 0x93f5f5799a932462u);
  EXPECT_EQ(keyed_hash(key, message, 15), 0xa129ca6149be45e5u);
}

}  // namespace
}  // namespace mokapot
