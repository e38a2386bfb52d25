// SPDX-License-Identifier: Apache-2.0
// sources: kernel/drivers/virtio_block.cc kernel/drivers/virtqueue.cc kernel/drivers/virtio.cc
// sources: kernel/device/block_device.cc tests/unit/drivers/fake_blocking.cc

#include "drivers/virtio_block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>

#include "device/block_device.h"
#include "drivers/fake_blocking.h"
#include "drivers/fake_virtio.h"

namespace mokapot {
namespace {

constexpr unsigned kFeatureMaxSegments = 2, kFeatureReadOnly = 5, kFeatureFlush = 9;
constexpr std::size_t kDiskSize = 1 << 20;

// A disk that works when told to. Drivers live for ever, so disks do too.
struct Disk {
  fake::DeviceState state;
  std::vector<std::uint8_t> contents = std::vector<std::uint8_t>(kDiskSize);
  std::string serial = "layer0";
  std::deque<fake::Chain> waiting;
  std::uint8_t status = 0;  // that requests end with
  int flushes = 0;
  bool works = true;

  explicit Disk(std::uint64_t features) {
    state.type = 2;
    state.features |= features;
    state.put32(0, kDiskSize / 512);
    state.put32(12, 126);
    std::mt19937 random(1);
    for (std::uint8_t& byte : contents) byte = static_cast<std::uint8_t>(random());
  }
  BlockDevice* start() {
    fake::while_blocked = [this] { work(); };
    std::size_t before = 0;
    while (block_device(before) != nullptr) ++before;
    start_virtio_block(std::make_unique<fake::FakeTransport>(state));
    return block_device(before);
  }
  void fetch() {
    while (auto chain = state.queues[0].pop()) waiting.push_back(*chain);
  }
  void work() {
    if (!works) panic("the driver waits for a device that does not answer");
    fetch();
    while (!waiting.empty()) {
      finish(waiting.front());
      waiting.pop_front();
    }
    state.interrupt(0);
  }
  void finish(const fake::Chain& chain) {
    struct Header {
      std::uint32_t type, reserved;
      std::uint64_t sector;
    } header;
    ASSERT_GE(chain.buffers.size(), 2u);
    ASSERT_EQ(chain.buffers.front().size, sizeof(header));
    ASSERT_FALSE(chain.buffers.front().writable);
    std::memcpy(&header, chain.buffers.front().bytes(), sizeof(header));
    std::uint64_t offset = header.sector * 512;
    std::uint32_t written = 1;
    for (std::size_t i = 1; i + 1 < chain.buffers.size(); ++i) {
      const fake::Buffer& buffer = chain.buffers[i];
      ASSERT_EQ(buffer.writable, header.type != 1);
      if (header.type == 8) {
        std::memset(buffer.bytes(), 0, buffer.size);
        std::memcpy(buffer.bytes(), serial.data(),
                    std::min<std::size_t>(serial.size(), buffer.size));
      } else {
        ASSERT_LE(offset + buffer.size, contents.size());
        if (header.type == 0) std::memcpy(buffer.bytes(), &contents[offset], buffer.size);
        if (header.type == 1) std::memcpy(&contents[offset], buffer.bytes(), buffer.size);
        offset += buffer.size;
      }
      if (buffer.writable) written += buffer.size;
    }
    if (header.type == 4) ++flushes;
    ASSERT_TRUE(chain.buffers.back().writable);
    ASSERT_EQ(chain.buffers.back().size, 1u);
    *chain.buffers.back().bytes() = status;
    state.queues[0].complete(chain.head, written);
  }
};

// Reachable for ever, like the driver that works on it.
Disk& make_disk(std::uint64_t features) {
  static auto& disks = *new std::vector<std::unique_ptr<Disk>>;
  return *disks.emplace_back(std::make_unique<Disk>(features));
}

constexpr std::uint64_t kUsual = feature_bit(kFeatureIndirect) | feature_bit(kFeatureEventIndex) |
                                 feature_bit(kFeatureMaxSegments) | feature_bit(kFeatureFlush);

// Frames to read into, out of order as a page cache's are.
class Frames {
 public:
  explicit Frames(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      frames_.push_back(allocate_frame(FrameUse::kPageCache, FrameContents::kZeroed).take());
    }
    for (std::size_t i = 0; i < count; ++i)
      segments_.push_back({frames_[count - 1 - i], kPageSize});
  }
  ~Frames() {
    for (const PhysAddr frame : frames_) free_frame(frame);
  }
  std::span<const PhysSegment> segments() const { return segments_; }
  std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> all;
    for (const PhysSegment& segment : segments_) {
      const auto* from = static_cast<const std::uint8_t*>(direct_map(segment.address));
      all.insert(all.end(), from, from + segment.size);
    }
    return all;
  }

 private:
  std::vector<PhysAddr> frames_;
  std::vector<PhysSegment> segments_;
};

using Kind = BlockRequest::Kind;

class VirtioBlockTest : public testing::TestWithParam<std::uint64_t> {};
INSTANTIATE_TEST_SUITE_P(Features, VirtioBlockTest,
                         testing::Values(kUsual, kUsual & ~feature_bit(kFeatureIndirect),
                                         kUsual & ~feature_bit(kFeatureEventIndex)));

TEST_P(VirtioBlockTest, ReadsAndWrites) {
  Disk& disk = make_disk(GetParam());
  BlockDevice* device = disk.start();
  ASSERT_NE(device, nullptr);
  EXPECT_STREQ(device->serial(), "layer0");
  EXPECT_EQ(device->size(), kDiskSize);
  EXPECT_FALSE(device->read_only());
  ASSERT_GE(device->max_segments(), 32u);
  const Frames frames(32);
  ASSERT_TRUE(device->transfer(Kind::kRead, 8192, frames.segments()).ok());
  EXPECT_EQ(frames.bytes(),
            std::vector(disk.contents.begin() + 8192, disk.contents.begin() + 8192 + 32 * 4096));
  ASSERT_TRUE(device->transfer(Kind::kWrite, 0, frames.segments()).ok());
  EXPECT_EQ(frames.bytes(), std::vector(disk.contents.begin(), disk.contents.begin() + 32 * 4096));
  ASSERT_TRUE(device->transfer(Kind::kFlush, 0, {}).ok());
  EXPECT_EQ(disk.flushes, 1);
}

TEST_P(VirtioBlockTest, ManyInFlightEndEachWithItsOwnOutcome) {
  Disk& disk = make_disk(GetParam());
  BlockDevice* device = disk.start();
  ASSERT_NE(device, nullptr);
  static std::vector<int> ended;
  ended.clear();
  const Frames frames(64);
  std::vector<BlockRequest> requests(64);
  for (std::size_t i = 0; i < requests.size(); ++i) {
    requests[i].offset = i * 4096;
    requests[i].segments = frames.segments().subspan(i, 1);
    requests[i].context = reinterpret_cast<void*>(i);
    requests[i].done = [](BlockRequest& request, Result<void> outcome) {
      EXPECT_TRUE(outcome.ok());
      ended.push_back(static_cast<int>(reinterpret_cast<std::size_t>(request.context)));
    };
    device->submit(requests[i]);  // blocks where the device is full, and lets it work
  }
  while (ended.size() < requests.size()) disk.work();
  std::sort(ended.begin(), ended.end());
  for (std::size_t i = 0; i < ended.size(); ++i) EXPECT_EQ(ended[i], static_cast<int>(i));
  EXPECT_EQ(frames.bytes(), std::vector(disk.contents.begin(), disk.contents.begin() + 64 * 4096));
}

TEST(VirtioBlock, ErrorsOfTheDevice) {
  Disk& disk = make_disk(kUsual);
  BlockDevice* device = disk.start();
  ASSERT_NE(device, nullptr);
  const Frames frames(1);
  disk.status = 1;
  EXPECT_EQ(device->transfer(Kind::kRead, 0, frames.segments()).error(), Errno::kEIO);
  disk.status = 2;
  EXPECT_EQ(device->transfer(Kind::kRead, 0, frames.segments()).error(), Errno::kEOPNOTSUPP);
  disk.status = 0xff;  // not touched by the device
  EXPECT_EQ(device->transfer(Kind::kRead, 0, frames.segments()).error(), Errno::kEIO);
  disk.status = 0;
  EXPECT_TRUE(device->transfer(Kind::kRead, 0, frames.segments()).ok());
}

TEST(VirtioBlock, BadRequestsNeverReachTheDevice) {
  Disk& disk = make_disk(kUsual | feature_bit(kFeatureReadOnly));
  BlockDevice* device = disk.start();
  ASSERT_NE(device, nullptr);
  EXPECT_TRUE(device->read_only());
  disk.works = false;
  const Frames frames(2);
  const auto read = [&](std::uint64_t offset, std::span<const PhysSegment> segments) {
    return device->transfer(Kind::kRead, offset, segments).error();
  };
  EXPECT_EQ(device->transfer(Kind::kWrite, 0, frames.segments()).error(), Errno::kEROFS);
  EXPECT_EQ(read(100, frames.segments()), Errno::kEINVAL);
  EXPECT_EQ(read(kDiskSize, frames.segments()), Errno::kEIO);
  EXPECT_EQ(read(kDiskSize - 4096, frames.segments()), Errno::kEIO);
  EXPECT_EQ(read(UINT64_MAX - 511, frames.segments()), Errno::kEIO);
  EXPECT_EQ(read(0, {}), Errno::kEINVAL);
  const std::vector<PhysSegment> many(device->max_segments() + 1, frames.segments()[0]);
  EXPECT_EQ(read(0, many), Errno::kEINVAL);
  const PhysSegment odd{frames.segments()[0].address, 100};
  EXPECT_EQ(read(0, std::span(&odd, 1)), Errno::kEINVAL);
}

TEST(VirtioBlock, AFlushWithoutACacheNeedsNoDevice) {
  Disk& disk = make_disk(kUsual & ~feature_bit(kFeatureFlush));
  BlockDevice* device = disk.start();
  ASSERT_NE(device, nullptr);
  disk.works = false;
  EXPECT_TRUE(device->transfer(Kind::kFlush, 0, {}).ok());
}

TEST(VirtioBlock, ADeviceThatBreaksTheProtocolIsStopped) {
  Disk& disk = make_disk(kUsual);
  BlockDevice* device = disk.start();
  ASSERT_NE(device, nullptr);
  const Frames frames(1);
  fake::while_blocked = [&] {
    disk.fetch();
    disk.state.queues[0].put_used(9999, 0);
    disk.state.queues[0].move_used_index(1);
    disk.state.interrupt(0);
  };
  EXPECT_EQ(device->transfer(Kind::kRead, 0, frames.segments()).error(), Errno::kEIO);
  EXPECT_EQ(disk.state.status, kStatusFailed);
  fake::while_blocked = nullptr;
  EXPECT_EQ(device->transfer(Kind::kRead, 0, frames.segments()).error(), Errno::kEIO);
}

TEST(VirtioBlock, LegacyAndRefusingDevicesAreNotUsed) {
  Disk& legacy = make_disk(0);
  legacy.state.features = 0;
  EXPECT_EQ(legacy.start(), nullptr);
  EXPECT_NE(legacy.state.status & kStatusFailed, 0);
  Disk& refusing = make_disk(kUsual);
  refusing.state.refuses_features = true;
  EXPECT_EQ(refusing.start(), nullptr);
  Disk& empty = make_disk(kUsual);
  empty.state.queue_limit = 0;
  EXPECT_EQ(empty.start(), nullptr);
}

}  // namespace
}  // namespace mokapot
