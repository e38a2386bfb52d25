// SPDX-License-Identifier: Apache-2.0
// sources: kernel/net/segment_merge.cc kernel/net/checksum.cc
#include "net/segment_merge.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "net/checksum.h"

namespace mokapot {
namespace {

constexpr std::uint8_t kFin = 1, kSyn = 2, kPsh = 8, kAck = 16;

struct Segment {
  bool ipv6 = false;
  std::uint32_t sequence = 1000;
  std::uint32_t acknowledged = 77;
  std::uint16_t window = 500, source_port = 8080;
  std::uint8_t flags = kAck, type_of_service = 0;
  std::size_t payload = 1448;
  std::uint16_t cut = 0;
  std::uint32_t timestamp = 5;  // an option of 12 bytes
};

void put(std::vector<std::byte>& frame, std::initializer_list<unsigned> bytes) {
  for (const unsigned byte : bytes) frame.push_back(static_cast<std::byte>(byte));
}
void put16(std::vector<std::byte>& frame, std::size_t value) { put(frame, {unsigned(value >> 8 & 0xff), unsigned(value & 0xff)}); }
void put32(std::vector<std::byte>& frame, std::uint32_t value) {
  put16(frame, value >> 16);
  put16(frame, value & 0xffff);
}
std::size_t get16(const std::byte* at) { return std::to_integer<std::size_t>(at[0]) << 8 | std::to_integer<std::size_t>(at[1]); }

// Headers of a frame; the payload does not matter to those who look at headers.
std::vector<std::byte> frame_of(const Segment& segment) {
  constexpr std::size_t kTcp = 32;
  std::vector<std::byte> frame;
  for (int i = 0; i < 12; ++i) put(frame, {unsigned(i)});
  put16(frame, segment.ipv6 ? 0x86dd : 0x0800);
  if (segment.ipv6) {
    put32(frame, 0x60000000);
    put16(frame, kTcp + segment.payload);
    put(frame, {6, 64});
    for (unsigned i = 0; i < 32; ++i) put(frame, {i});
  } else {
    static unsigned identification = 0;
    put(frame, {0x45, segment.type_of_service});
    put16(frame, 20 + kTcp + segment.payload);
    put16(frame, ++identification);
    put(frame, {0x40, 0, 64, 6});
    put16(frame, identification * 7);  // a checksum, different in each
    put(frame, {10, 0, 2, 15, 10, 0, 2, 2});
  }
  put16(frame, segment.source_port);
  put16(frame, 40000);
  put32(frame, segment.sequence);
  put32(frame, segment.acknowledged);
  put(frame, {0x80, segment.flags});
  put16(frame, segment.window);
  put32(frame, 0);
  put(frame, {1, 1, 8, 10});
  put32(frame, segment.timestamp);
  put32(frame, 9);
  return frame;
}

TcpPacket parsed(const std::vector<std::byte>& frame, const Segment& segment) {
  const auto packet = parse_tcp_packet(std::span(frame).subspan(kEthernetHeader), frame.size() - kEthernetHeader + segment.payload);
  EXPECT_TRUE(packet.has_value());
  TcpPacket found = packet.value_or(TcpPacket());
  found.cut = segment.cut;
  return found;
}

struct Merger {
  SegmentMerge merge;
  explicit Merger(const Segment& segment) {
    const auto frame = frame_of(segment);
    merge.begin(frame, parsed(frame, segment));
  }
  bool add(const Segment& segment) {
    const auto frame = frame_of(segment);
    const TcpPacket packet = parsed(frame, segment);
    if (!merge.can_append(frame, packet)) return false;
    merge.append(frame, packet);
    return true;
  }
};

Segment after(const Segment& segment) {
  Segment next = segment;
  next.sequence += static_cast<std::uint32_t>(segment.payload);
  return next;
}

TEST(SegmentMerge, JoinsConsecutiveSegmentsIntoOnePacket) {
  for (const bool ipv6 : {false, true}) {
    Segment first;
    first.ipv6 = ipv6;
    Merger merger(first);
    Segment second = after(first), third = after(second);
    third.payload = 100;
    ASSERT_TRUE(merger.add(second));
    ASSERT_TRUE(merger.add(third));
    EXPECT_EQ(merger.merge.segments(), 3u);
    EXPECT_EQ(merger.merge.payload(), 1448u * 2 + 100);

    const NetOffload offload = merger.merge.finish();
    const std::size_t ip_header = ipv6 ? 40 : 20;
    EXPECT_EQ(offload.segmentation, ipv6 ? NetOffload::Segmentation::kTcp6 : NetOffload::Segmentation::kTcp4);
    EXPECT_EQ(offload.segment_size, 1448);
    EXPECT_EQ(offload.header_length, 14 + ip_header + 32);
    EXPECT_TRUE(offload.needs_checksum);
    EXPECT_EQ(offload.checksum_start, 14 + ip_header);
    EXPECT_EQ(offload.checksum_offset, 16);
    const std::byte* ip = merger.merge.headers().data() + 14;
    EXPECT_EQ(get16(ip + (ipv6 ? 4 : 2)), (ipv6 ? 0 : 20) + 32 + 1448 * 2 + 100u);
    if (!ipv6) {
      EXPECT_EQ(internet_sum(ip, 20), 0xffff) << "the IPv4 header's checksum is not right";
    }
  }
}

TEST(SegmentMerge, LeavesThePseudoHeadersSumToTheDevice) {
  const Segment segment;
  Merger merger(segment);
  merger.merge.finish();
  const std::byte* ip = merger.merge.headers().data() + 14;
  const std::byte pseudo[] = {std::byte{10}, std::byte{0}, std::byte{2}, std::byte{15}, std::byte{10}, std::byte{0},
                              std::byte{2},  std::byte{2}, std::byte{0}, std::byte{6},  std::byte{(1448 + 32) >> 8},
                              std::byte{(1448 + 32) & 0xff}};
  std::uint16_t field = 0;
  std::memcpy(&field, ip + 20 + 16, 2);
  EXPECT_EQ(field, internet_sum(pseudo, sizeof(pseudo)));
}

TEST(SegmentMerge, RefusesWhatTheDeviceWouldNotMakeAgain) {
  const Segment first;
  const auto refused = [&](auto change) {
    Merger merger(first);
    Segment second = after(first);
    change(second);
    return !merger.add(second);
  };
  EXPECT_FALSE(refused([](Segment&) {}));
  EXPECT_TRUE(refused([](Segment& s) { s.sequence += 1; }));
  EXPECT_TRUE(refused([](Segment& s) { s.acknowledged += 1; }));
  EXPECT_TRUE(refused([](Segment& s) { s.window += 1; }));
  EXPECT_TRUE(refused([](Segment& s) { s.source_port += 1; }));
  EXPECT_TRUE(refused([](Segment& s) { s.timestamp += 1; }));
  EXPECT_TRUE(refused([](Segment& s) { s.type_of_service = 4; }));
  EXPECT_TRUE(refused([](Segment& s) { s.flags |= kSyn; }));
  EXPECT_TRUE(refused([](Segment& s) { s.ipv6 = true; }));
  EXPECT_TRUE(refused([](Segment& s) { s.payload = 0; }));
  EXPECT_TRUE(refused([](Segment& s) { s.payload = 1449; })) << "only the last may have another size, a smaller one";
}

TEST(SegmentMerge, NothingFollowsAShortSegmentOrTheEnd) {
  Segment first;
  Merger merger(first);
  Segment second = after(first);
  second.payload = 10;
  ASSERT_TRUE(merger.add(second));
  EXPECT_FALSE(merger.add(after(second)));

  Merger other(first);
  second = after(first);
  second.flags |= kFin;
  ASSERT_TRUE(other.add(second));
  EXPECT_FALSE(other.add(after(second)));
}

TEST(SegmentMerge, PushAndEndMoveToTheWhole) {
  Segment first;
  first.flags |= kPsh;
  Merger merger(first);
  Segment second = after(first);
  second.flags |= kFin;
  ASSERT_TRUE(merger.add(second));
  merger.merge.finish();
  EXPECT_EQ(std::to_integer<int>(merger.merge.headers()[14 + 20 + 13]), kAck | kPsh | kFin);
}

TEST(SegmentMerge, StaysWithinAnIpPacket) {
  Segment segment;
  Merger merger(segment);
  std::size_t count = 1;
  for (segment = after(segment); merger.add(segment); segment = after(segment)) ++count;
  EXPECT_EQ(count, (65535 - 52) / 1448u);
}

// What the device is to cut up from the start is as many segments.
TEST(SegmentMerge, ALargeSegmentIsAsManyAsItIsCutInto) {
  for (const bool ipv6 : {false, true}) {
    Segment first;
    first.ipv6 = ipv6;
    first.cut = 1448;
    first.payload = 3 * 1448;
    Segment second = after(first);
    second.payload = 2 * 1448 + 7;
    Merger merger(first);
    EXPECT_EQ(merger.merge.segments(), 3u);
    ASSERT_TRUE(merger.add(second));
    EXPECT_EQ(merger.merge.segments(), 6u);
    EXPECT_FALSE(merger.add(after(second))) << "the last one was short";
    const NetOffload offload = merger.merge.finish();
    EXPECT_EQ(offload.segmentation, ipv6 ? NetOffload::Segmentation::kTcp6 : NetOffload::Segmentation::kTcp4);
    EXPECT_EQ(offload.segment_size, 1448);

    Segment alone = first;
    alone.payload = 1448 + 1;
    EXPECT_EQ(Merger(alone).merge.finish().segmentation, offload.segmentation);
    Segment other = after(first);
    other.cut = 1000;
    EXPECT_FALSE(Merger(first).add(other)) << "cut otherwise";
    Segment small = after(first);
    small.cut = 0;
    small.payload = 10;
    EXPECT_TRUE(Merger(first).add(small));
    Segment whole;
    whole.ipv6 = ipv6;
    Segment larger = after(whole);
    larger.payload = 2000;
    larger.cut = 1448;
    EXPECT_TRUE(Merger(whole).add(larger));
  }
}

TEST(ParseTcpPacket, RefusesWhatItDoesNotUnderstand) {
  const Segment segment;
  const auto frame = frame_of(segment);
  const auto parse = [&](auto change, std::size_t size) {
    std::vector<std::byte> ip(frame.begin() + 14, frame.end());
    change(ip);
    return parse_tcp_packet(ip, size).has_value();
  };
  const std::size_t size = 52 + 1448;
  EXPECT_TRUE(parse([](auto&) {}, size));
  EXPECT_FALSE(parse([](auto&) {}, size - 1)) << "the header speaks of another length";
  EXPECT_FALSE(parse([](auto& ip) { ip[0] = std::byte{0x46}; }, size));
  EXPECT_FALSE(parse([](auto& ip) { ip[9] = std::byte{17}; }, size));
  EXPECT_FALSE(parse([](auto& ip) { ip[6] = std::byte{0x20}; }, size)) << "a fragment";
  EXPECT_FALSE(parse([](auto& ip) { ip[7] = std::byte{1}; }, size)) << "a fragment";
  EXPECT_FALSE(parse([](auto& ip) { ip[20 + 12] = std::byte{0x40}; }, size));
  EXPECT_FALSE(parse([](auto& ip) { ip[20 + 12] = std::byte{0xf0}; }, size)) << "more options than bytes at hand";
  EXPECT_FALSE(parse([](auto& ip) { ip.resize(30); }, size));
  EXPECT_FALSE(parse([](auto& ip) { ip.clear(); }, 0));
}

}  // namespace
}  // namespace mokapot
