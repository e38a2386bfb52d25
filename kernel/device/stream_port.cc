// SPDX-License-Identifier: Apache-2.0
//
// The registry of stream ports. Ports register in thread context as they become known and are never
// taken away, so what a look-up returned stays valid.
//
// Lock: a spinlock (rank kDeviceQueue). Contexts: thread, no-preempt.

#include "device/stream_port.h"

#include <atomic>
#include <string_view>

#include "base/global.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constexpr std::size_t kMaxPorts = 32;

struct Registry {
  WaitQueue changed;
  SpinLock lock{LockRank::kDeviceQueue};
  StreamPort* ports[kMaxPorts] GUARDED_BY(lock) = {};
  std::size_t count GUARDED_BY(lock) = 0;
};

Global<Registry> registry;
// More ports may still be announced: someone who waits for a name should go on waiting.
constinit std::atomic<bool> more_expected{false};

}  // namespace

Result<void> write_fully(StreamPort& port, std::string_view bytes, Instant deadline) {
  while (!bytes.empty()) {
    const std::size_t sent = port.try_write(bytes.data(), bytes.size());
    bytes.remove_prefix(sent);
    if (sent == 0 && wait_until(port.changed, deadline, Interruptible::kNo,
                                [&port] { return port.can_write(); }) != WakeReason::kWoken) {
      return Errno::kETIMEDOUT;
    }
  }
  return {};
}

void initialise_stream_ports() { registry.construct(); }

void register_stream_port(StreamPort* port) {
  {
    SpinGuard guard(registry->lock);
    ASSERT(registry->count < kMaxPorts);
    registry->ports[registry->count++] = port;
  }
  registry->changed.wake_all();
}

StreamPort* find_stream_port(const char* name) {
  SpinGuard guard(registry->lock);
  for (std::size_t i = 0; i < registry->count; ++i) {
    if (std::string_view(registry->ports[i]->name()) == name) return registry->ports[i];
  }
  return nullptr;
}

void expect_stream_ports(bool expected) {
  more_expected.store(expected, std::memory_order_release);
  if (!expected) registry->changed.wake_all();
}

StreamPort* wait_for_stream_port(const char* name, Instant deadline) {
  StreamPort* port = nullptr;
  // Expectation is read before the search: a port registered between the two is still found.
  const auto decided = [&] {
    const bool waiting_helps = more_expected.load(std::memory_order_acquire);
    port = find_stream_port(name);
    return port != nullptr || !waiting_helps;
  };
  (void)wait_until(registry->changed, deadline, Interruptible::kNo, decided);
  return port;
}

}  // namespace mokapot
