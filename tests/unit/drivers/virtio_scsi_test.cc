// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/virtio_scsi.cc kernel/drivers/virtio_scsi_queue.cc kernel/drivers/scsi_command.cc
// sources: kernel/drivers/virtqueue.cc kernel/drivers/virtio.cc
// sources: kernel/device/block_device.cc tests/unit/drivers/fake_blocking.cc

#include "drivers/virtio_scsi.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "device/block_device.h"
#include "drivers/fake_blocking.h"
#include "drivers/fake_virtio.h"

namespace mokapot {
namespace {

constexpr std::size_t kDiskSize = 1 << 20;
constexpr std::uint8_t kTarget = 2;
constexpr std::uint16_t kLun = 1;
using Kind = BlockRequest::Kind;

// An adapter with one disk. Drivers live for ever, so it does too.
struct Adapter {
  fake::DeviceState state;
  std::vector<std::uint8_t> contents = std::vector<std::uint8_t>(kDiskSize);
  unsigned attentions = 1;  // commands that end with a unit attention before anything else does
  bool protect = false;
  bool cut_short = false;
  unsigned writes = 0, flushes = 0;

  explicit Adapter(std::uint64_t features) {
    state.type = 8;
    state.features |= features;
    state.put32(4, 126);
    state.put32(8, 0xffff);
    state.put32(28, 3u << 16);  // the last target is 3
    state.put32(32, 255);
    std::mt19937 random(1);
    for (std::uint8_t& byte : contents) byte = static_cast<std::uint8_t>(random());
  }
  BlockDevice* start() {
    fake::while_blocked = [this] { work(); };
    std::size_t before = 0;
    while (block_device(before) != nullptr) ++before;
    start_virtio_scsi(std::make_unique<fake::FakeTransport>(state));
    return block_device(before);
  }
  void work() {
    while (auto chain = state.queues[2].pop()) finish(*chain);
    state.interrupt(2);
  }

  void finish(const fake::Chain& chain) {
    ASSERT_EQ(chain.buffers[0].size, 51u);
    const std::uint8_t* request = chain.buffers[0].bytes();
    const std::uint8_t* command = request + 19;
    const bool write = command[0] == 0x2a;
    const auto answer = std::find_if(chain.buffers.begin() + 1, chain.buffers.end(),
                                     [](const fake::Buffer& buffer) { return buffer.writable; });
    ASSERT_NE(answer, chain.buffers.end());
    ASSERT_EQ(answer->size, 108u);
    std::uint8_t* out = answer->bytes();
    std::memset(out, 0, 108);
    std::uint32_t room = 0;
    for (auto buffer = answer + 1; buffer != chain.buffers.end(); ++buffer) room += buffer->size;
    std::uint32_t moved = 0;
    if (request[1] != kTarget) {
      out[11] = 3;  // no such target
    } else if (attentions > 0) {
      --attentions;
      sense(out, 6);
    } else {
      const std::uint16_t lun = static_cast<std::uint16_t>((request[2] & 0x3f) << 8 | request[3]);
      ASSERT_EQ(request[0], 1);
      ASSERT_EQ(request[2] >> 6, 1);
      if (command[0] == 0xa0 || lun == kLun) moved = carry_out(command, chain, answer, out);
      else moved = put(answer, chain, {0x7f});  // INQUIRY of what is not there
    }
    const std::uint32_t residual = write ? 0 : room - std::min(moved, room) + (cut_short && room > 4096 ? 1 : 0);
    std::memcpy(out + 4, &residual, 4);
    state.queues[2].complete(chain.head, 108 + moved);
  }
  static void sense(std::uint8_t* out, std::uint8_t key) {
    const std::uint32_t size = 18;
    std::memcpy(out, &size, 4);
    out[10] = 2;
    out[12] = 0x70;
    out[12 + 2] = key;
  }
  static std::uint32_t put(std::vector<fake::Buffer>::const_iterator answer, const fake::Chain& chain,
                           const std::vector<std::uint8_t>& bytes) {
    std::uint32_t done = 0;
    for (auto buffer = answer + 1; buffer != chain.buffers.end() && done < bytes.size(); ++buffer) {
      const auto piece = std::min<std::uint32_t>(buffer->size, static_cast<std::uint32_t>(bytes.size()) - done);
      std::memcpy(buffer->bytes(), bytes.data() + done, piece);
      done += piece;
    }
    return done;
  }
  std::uint32_t carry_out(const std::uint8_t* command, const fake::Chain& chain,
                          std::vector<fake::Buffer>::const_iterator answer, std::uint8_t* out) {
    const std::size_t at = (command[2] << 24 | command[3] << 16 | command[4] << 8 | command[5]) * std::size_t{512};
    const std::size_t bytes = (command[7] << 8 | command[8]) * std::size_t{512};
    switch (command[0]) {
      case 0x00: return 0;
      case 0x12:
        if (command[1] == 1) return put(answer, chain, {0, 0x80, 0, 6, ' ', 'l', 'a', 'y', 'e', 'r'});
        return put(answer, chain, std::vector<std::uint8_t>(36, 0));
      case 0xa0: {
        std::vector<std::uint8_t> luns(24, 0);
        luns[3] = 16;
        luns[8 + 1] = 0;
        luns[16 + 1] = kLun;
        return put(answer, chain, luns);
      }
      case 0x25: return put(answer, chain, {0, 0, 0x07, 0xff, 0, 0, 2, 0});
      case 0x1a: return put(answer, chain, {3, 0, static_cast<std::uint8_t>(protect ? 0x80 : 0), 0});
      case 0x35:
        ++flushes;
        sense(out, 5);  // it has no cache
        return 0;
      case 0x28:
        EXPECT_LE(at + bytes, contents.size());
        return put(answer, chain, std::vector<std::uint8_t>(contents.begin() + at, contents.begin() + at + bytes));
      case 0x2a: {
        ++writes;
        std::size_t to = at;
        for (auto buffer = chain.buffers.begin() + 1; buffer != answer; ++buffer) {
          std::memcpy(&contents[to], buffer->bytes(), buffer->size);
          to += buffer->size;
        }
        EXPECT_EQ(to, at + bytes);
        return 0;
      }
      default: sense(out, 5); return 0;
    }
  }
};

Adapter& make_adapter(std::uint64_t features) {
  static auto& adapters = *new std::vector<std::unique_ptr<Adapter>>;
  return *adapters.emplace_back(std::make_unique<Adapter>(features));
}

class VirtioScsiTest : public testing::TestWithParam<std::uint64_t> {
 protected:
  VirtioScsiTest() {
    for (int i = 0; i < 8; ++i) {
      frames_.push_back(allocate_frame(FrameUse::kPageCache, FrameContents::kZeroed).take());
      segments_.push_back({frames_.back(), kPageSize});
    }
  }
  ~VirtioScsiTest() override {
    for (const PhysAddr frame : frames_) free_frame(frame);
  }
  std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> all;
    for (const PhysSegment& segment : segments_) {
      const auto* from = static_cast<const std::uint8_t*>(direct_map(segment.address));
      all.insert(all.end(), from, from + segment.size);
    }
    return all;
  }
  std::vector<PhysAddr> frames_;
  std::vector<PhysSegment> segments_;
};
INSTANTIATE_TEST_SUITE_P(Features, VirtioScsiTest,
                         testing::Values(feature_bit(kFeatureIndirect) | feature_bit(kFeatureEventIndex),
                                         feature_bit(kFeatureEventIndex), feature_bit(kFeatureIndirect)));

TEST_P(VirtioScsiTest, TheDiskIsFoundAndReadAndWritten) {
  Adapter& adapter = make_adapter(GetParam());
  BlockDevice* disk = adapter.start();
  ASSERT_NE(disk, nullptr);
  EXPECT_STREQ(disk->serial(), "layer");
  EXPECT_EQ(disk->size(), kDiskSize);
  EXPECT_EQ(disk->sector_size(), 512u);
  EXPECT_FALSE(disk->read_only());
  ASSERT_TRUE(disk->transfer(Kind::kRead, 65536, segments_).ok());
  EXPECT_EQ(bytes(), std::vector(adapter.contents.begin() + 65536, adapter.contents.begin() + 65536 + 8 * 4096));
  ASSERT_TRUE(disk->transfer(Kind::kWrite, 0, segments_).ok());
  EXPECT_TRUE(std::equal(adapter.contents.begin(), adapter.contents.begin() + 8 * 4096,
                         adapter.contents.begin() + 65536));
  EXPECT_TRUE(disk->transfer(Kind::kFlush, 0, {}).ok());
  EXPECT_EQ(adapter.flushes, 1u);
}

TEST_P(VirtioScsiTest, AUnitAttentionIsNotTheAnswer) {
  Adapter& adapter = make_adapter(GetParam());
  BlockDevice* disk = adapter.start();
  ASSERT_NE(disk, nullptr);
  adapter.attentions = 3;
  ASSERT_TRUE(disk->transfer(Kind::kRead, 0, segments_).ok());
  EXPECT_TRUE(std::equal(adapter.contents.begin(), adapter.contents.begin() + 8 * 4096, bytes().begin()));
  adapter.attentions = 1000;  // one that never ends is an error
  EXPECT_EQ(disk->transfer(Kind::kRead, 0, segments_).error(), Errno::kEIO);
}

TEST_P(VirtioScsiTest, ErrorsAreThoseOfTheDisk) {
  Adapter& adapter = make_adapter(GetParam());
  adapter.protect = true;
  BlockDevice* disk = adapter.start();
  ASSERT_NE(disk, nullptr);
  EXPECT_TRUE(disk->read_only());
  EXPECT_EQ(disk->transfer(Kind::kWrite, 0, segments_).error(), Errno::kEROFS);
  EXPECT_EQ(disk->transfer(Kind::kRead, kDiskSize, segments_).error(), Errno::kEIO);
  EXPECT_EQ(disk->transfer(Kind::kRead, 100, segments_).error(), Errno::kEINVAL);
  adapter.cut_short = true;
  EXPECT_EQ(disk->transfer(Kind::kRead, 0, segments_).error(), Errno::kEIO);
  EXPECT_EQ(adapter.writes, 0u);
}

}  // namespace
}  // namespace mokapot
