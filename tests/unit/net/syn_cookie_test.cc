// SPDX-License-Identifier: Apache-2.0
// sources: kernel/net/syn_cookie.cc kernel/net/keyed_hash.cc
#include "net/syn_cookie.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace mokapot {
namespace {

const HashKey kKey{{0x1122334455667788, 0x99aabbccddeeff00}};
std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text)); }
const std::string kConnection = "10.0.2.2:40000 10.0.2.15:8080 seq 12345";

TEST(SynCookie, ComesBackWithTheMss) {
  for (const std::uint16_t mss : {216, 536, 1220, 1360, 1440, 1448, 1460, 8960}) {
    const std::uint32_t cookie = make_syn_cookie(kKey, bytes(kConnection), mss, 1000);
    EXPECT_EQ(check_syn_cookie(kKey, bytes(kConnection), cookie, 1000), mss);
  }
  // A size that no cookie knows becomes the next smaller, which the peer can take, too.
  EXPECT_EQ(check_syn_cookie(kKey, bytes(kConnection), make_syn_cookie(kKey, bytes(kConnection), 1459, 5), 5), 1448);
  EXPECT_EQ(check_syn_cookie(kKey, bytes(kConnection), make_syn_cookie(kKey, bytes(kConnection), 65535, 5), 5), 8960);
  EXPECT_EQ(check_syn_cookie(kKey, bytes(kConnection), make_syn_cookie(kKey, bytes(kConnection), 1, 5), 5), 216);
}

TEST(SynCookie, IsGoodForTheNextPeriodAndNoLonger) {
  const std::uint32_t cookie = make_syn_cookie(kKey, bytes(kConnection), 1460, 0);
  EXPECT_EQ(check_syn_cookie(kKey, bytes(kConnection), cookie, kSynCookiePeriodSeconds - 1), 1460);
  EXPECT_EQ(check_syn_cookie(kKey, bytes(kConnection), cookie, 2 * kSynCookiePeriodSeconds - 1), 1460);
  EXPECT_EQ(check_syn_cookie(kKey, bytes(kConnection), cookie, 2 * kSynCookiePeriodSeconds), 0);
  // Not even when the few bits of time in it come round again.
  EXPECT_EQ(check_syn_cookie(kKey, bytes(kConnection), cookie, 8 * kSynCookiePeriodSeconds), 0);
}

TEST(SynCookie, BelongsToOneConnectionAndKey) {
  const std::uint32_t cookie = make_syn_cookie(kKey, bytes(kConnection), 1460, 100);
  EXPECT_EQ(check_syn_cookie(kKey, bytes("10.0.2.3:40000 10.0.2.15:8080 seq 12345"), cookie, 100), 0);
  EXPECT_EQ(check_syn_cookie(HashKey{{1, 2}}, bytes(kConnection), cookie, 100), 0);
  int believed = 0;
  for (int bit = 0; bit < 32; ++bit) believed += check_syn_cookie(kKey, bytes(kConnection), cookie ^ 1u << bit, 100) != 0;
  EXPECT_EQ(believed, 0);
}

}  // namespace
}  // namespace mokapot
