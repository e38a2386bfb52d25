// SPDX-License-Identifier: Apache-2.0
// Buffers that applications' bytes are sent from, where the heap has no large blocks left.
//
// sources: kernel/net/buffers.cc kernel/vm/user_access.cc
// sources: lwip/def.c lwip/inet_chksum.c lwip/mem.c lwip/memp.c lwip/pbuf.c
#include "net/buffers.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "fakes/heap.h"

#include "lwip/priv/tcp_priv.h"

// lwIP's buffers know of connections, since these may give buffers back when there are none left.
tcp_pcb* tcp_active_pcbs = nullptr;
void tcp_free_ooseq(tcp_pcb*) {}
extern "C" std::uint16_t mokapot_lwip_checksum(const void*, int) { return 0; }  // nothing is summed here

namespace mokapot {
namespace {

class BuffersTest : public testing::Test {
 protected:
  BuffersTest() : bytes_(kMostBuffer) { std::iota(bytes_.begin(), bytes_.end(), 0); }
  void TearDown() override { fake::limit_lwip_blocks(SIZE_MAX); }
  std::vector<std::uint8_t> bytes_;
};

TEST_F(BuffersTest, HoldsAllWhereThereIsRoom) {
  IoBuffer from(bytes_.data(), bytes_.size());
  pbuf* buffer = buffer_from(from, bytes_.size()).take();
  EXPECT_EQ(buffer->len, bytes_.size());
  EXPECT_EQ(from.remaining(), 0u);
  pbuf_free(buffer);
}

TEST_F(BuffersTest, HoldsAPartWhereMemoryLiesInPieces) {
  fake::limit_lwip_blocks(4096);
  IoBuffer from(bytes_.data(), bytes_.size());
  Result<pbuf*> made = buffer_from(from, bytes_.size());
  ASSERT_TRUE(made.ok());
  pbuf* buffer = made.value();
  EXPECT_GE(buffer->len, 1024);
  EXPECT_EQ(from.remaining(), bytes_.size() - buffer->len);
  EXPECT_EQ(std::memcmp(buffer->payload, bytes_.data(), buffer->len), 0);
  pbuf_free(buffer);
}

TEST_F(BuffersTest, ALargeDatagramNeedsNoLargeBlock) {
  fake::limit_lwip_blocks(4096);
  bytes_.resize(65507);
  for (const std::size_t size : {0, 1, 3840, 3841, 9000, 65507}) {
    IoBuffer from(bytes_.data(), size);
    Result<pbuf*> made = datagram_from(from, size, PBUF_TRANSPORT);
    ASSERT_TRUE(made.ok()) << size;
    EXPECT_EQ(made.value()->tot_len, size);
    std::size_t behind = size;
    for (const pbuf* at = made.value(); at != nullptr; behind -= at->len, at = at->next) EXPECT_EQ(at->tot_len, behind);
    std::vector<std::uint8_t> back(size + 1);
    IoBuffer into(back.data(), size);
    EXPECT_EQ(copy_datagram(made.value(), size, into).value_or(SIZE_MAX), size);
    EXPECT_EQ(std::memcmp(back.data(), bytes_.data(), size), 0) << size;
    pbuf_free(made.value());
  }
  fake::limit_lwip_blocks(1024);
  IoBuffer from(bytes_.data(), bytes_.size());
  EXPECT_EQ(datagram_from(from, bytes_.size(), PBUF_TRANSPORT).error(), Errno::kENOBUFS);
}

TEST_F(BuffersTest, SaysThatThereIsNone) {
  fake::limit_lwip_blocks(0);
  IoBuffer from(bytes_.data(), bytes_.size());
  EXPECT_EQ(buffer_from(from, bytes_.size()).error(), Errno::kENOBUFS);
  EXPECT_EQ(from.remaining(), bytes_.size());
}

}  // namespace
}  // namespace mokapot
