// SPDX-License-Identifier: Apache-2.0
//
// A disk. Reads go straight into frames; several may be in flight.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

struct PhysSegment {
  PhysAddr address;
  std::uint32_t size;  // bytes
};

class BlockDevice;

// One transfer. The submitter owns it until done is called (in interrupt context).
struct BlockRequest {
  enum class Kind : std::uint8_t { kRead, kWrite, kFlush };
  Kind kind = Kind::kRead;
  std::uint64_t offset = 0;               // bytes, multiple of the sector size
  std::span<const PhysSegment> segments;  // stays valid until done
  void (*done)(BlockRequest& request, Result<void> outcome) = nullptr;
  void* context = nullptr;
  // The device's, for its statistics.
  BlockDevice* device = nullptr;
  Instant queued;
};

// What a device has done since the boot: /proc/diskstats. Bytes and durations of what has ended.
struct BlockStatistics {
  struct Direction {
    std::uint64_t requests = 0, bytes = 0;
    Duration time;  // of all requests together
  };
  Direction read, write, flush;
  std::uint32_t in_flight = 0;
  Duration busy;  // while anything was in flight
};

class BlockDevice {
 public:
  // What Linux calls disks of the kind: "vd", "sd", "pmem".
  virtual const char* name_prefix() const { return "vd"; }
  virtual const char* serial() const = 0;  // "" if it has none
  virtual std::uint64_t size() const = 0;  // bytes
  virtual std::uint32_t sector_size() const = 0;
  virtual bool read_only() const = 0;
  virtual std::size_t max_segments() const = 0;
  // Where all of its bytes lie in memory for good, from the beginning of a page on, to be read and mapped there (the
  // direct map covers it, no Frame belongs to it); null: nowhere.
  virtual PhysAddr memory() const { return PhysAddr(); }
  // Queues the request; blocks while the device's queue is full. Thread context.
  virtual void submit(BlockRequest& request) = 0;
  // Submits and waits; kEIO.
  Result<void> transfer(BlockRequest::Kind kind, std::uint64_t offset,
                        std::span<const PhysSegment> segments);
  BlockStatistics statistics() const;

 protected:
  ~BlockDevice() = default;
  // A driver says when the device gets a request, and ends it: done is called. Any context.
  void count_queued(BlockRequest& request);
  static void end_request(BlockRequest& request, Result<void> outcome);

 private:
  // Relaxed throughout: each figure is right by itself, and nothing follows from one for another.
  struct Counters {
    std::atomic<std::uint64_t> requests{0}, bytes{0};
    std::atomic<std::int64_t> nanoseconds{0};
  };
  void note_busy(Instant time, bool was_busy);

  Counters counters_[3];  // by BlockRequest::Kind
  std::atomic<std::uint32_t> in_flight_{0};
  std::atomic<std::int64_t> busy_until_{0}, busy_{0};  // nanoseconds: counted up to, and how much
};

// Registry, without locks: drivers add at probe time (boot), fs looks up by serial or number.
// kENOSPC past kMaxBlockDevices.
inline constexpr std::size_t kMaxBlockDevices = 32;
Result<void> register_block_device(BlockDevice* device);
BlockDevice* find_block_device(const char* serial);
BlockDevice* block_device(std::size_t index);  // nullptr past the end
// Of all of them.
std::uint64_t block_bytes(BlockRequest::Kind kind);

}  // namespace mokapot
