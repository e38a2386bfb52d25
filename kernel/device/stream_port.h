// SPDX-License-Identifier: Apache-2.0
//
// A byte stream to the host: a named virtio-console port, or the serial line.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"
#include "base/types.h"
#include "sched/wait_queue.h"

namespace mokapot {

class StreamPort {
 public:
  virtual const char* name() const = 0;
  // Neither blocks. They move what they can at once and return how much. Thread context or under
  // a spinlock of rank below kDeviceQueue. Buffers are kernel memory.
  virtual std::size_t try_write(const void* from, std::size_t size) = 0;
  virtual std::size_t try_read(void* to, std::size_t size) = 0;
  virtual bool can_read() = 0;
  virtual bool can_write() = 0;
  virtual bool drained() = 0;         // the host has consumed all that was written
  virtual bool host_connected() = 0;  // the other end is open
  // Woken (from interrupt context) when the answers above may have changed.
  WaitQueue changed{LockRank::kStreamPort};

 protected:
  ~StreamPort() = default;
};

// Writes all of it, waiting for room. ETIMEDOUT: the deadline passed first; a part may have been written. Thread
// context; writers of one port take turns by a lock of their own.
Result<void> write_fully(StreamPort& port, std::string_view bytes, Instant deadline = Instant::never());

// Registry. Drivers add ports as the host announces them (thread context); ports are never taken
// away.
void initialise_stream_ports();  // boot, before any driver
void register_stream_port(StreamPort* port);
StreamPort* find_stream_port(const char* name);  // nullptr if there is none
// How long a host may take to announce its ports.
inline constexpr Duration kAnnouncementPatience = Duration::seconds(2);
// As find, and waits for the name while a driver says that the host is still announcing ports.
// Blocks until deadline at the longest.
StreamPort* wait_for_stream_port(const char* name, Instant deadline);
// A driver with ports to come says so before it starts, and says when there are none to come.
void expect_stream_ports(bool expected);

}  // namespace mokapot
