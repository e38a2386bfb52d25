// SPDX-License-Identifier: Apache-2.0
//
// A disk. Reads go straight into frames; several may be in flight.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/types.h"

namespace mokapot {

struct PhysSegment {
  PhysAddr address;
  std::uint32_t size;  // bytes
};

// One transfer. The submitter owns it until done is called (in interrupt context).
struct BlockRequest {
  enum class Kind : std::uint8_t { kRead, kWrite, kFlush };
  Kind kind = Kind::kRead;
  std::uint64_t offset = 0;               // bytes, multiple of the sector size
  std::span<const PhysSegment> segments;  // stays valid until done
  void (*done)(BlockRequest& request, Result<void> outcome) = nullptr;
  void* context = nullptr;
};

class BlockDevice {
 public:
  virtual const char* serial() const = 0;  // "" if it has none
  virtual std::uint64_t size() const = 0;  // bytes
  virtual std::uint32_t sector_size() const = 0;
  virtual bool read_only() const = 0;
  virtual std::size_t max_segments() const = 0;
  // Queues the request; blocks while the device's queue is full. Thread context.
  virtual void submit(BlockRequest& request) = 0;
  // Submits and waits; kEIO.
  Result<void> transfer(BlockRequest::Kind kind, std::uint64_t offset,
                        std::span<const PhysSegment> segments);

 protected:
  ~BlockDevice() = default;
};

// Registry, without locks: drivers add at probe time (boot), fs looks up by serial or number.
// kENOSPC past kMaxBlockDevices.
inline constexpr std::size_t kMaxBlockDevices = 32;
Result<void> register_block_device(BlockDevice* device);
BlockDevice* find_block_device(const char* serial);
BlockDevice* block_device(std::size_t index);  // nullptr past the end

}  // namespace mokapot
