// SPDX-License-Identifier: Apache-2.0
//
// A 16550 at I/O port 0x3f8. Output is polled, so that the kernel can speak in any context; input
// comes by interrupt into a ring of bytes.
//
// Locks: writing_ is a bare flag and not a SpinLock, because panics and NMIs write too and must get
// through even if the holder never goes on. The input ring has a spinlock (rank kDeviceQueue),
// interrupts off.

#include "drivers/serial.h"

#include <algorithm>
#include <atomic>
#include <string_view>

#include "arch/cpu.h"
#include "arch/port_io.h"
#include "base/global.h"
#include "device/stream_port.h"
#include "drivers/drivers.h"
#include "drivers/interrupt_line.h"
#include "sync/spinlock.h"
#include "trace/log.h"

namespace mokapot {
namespace {

constexpr std::uint16_t kBase = 0x3f8;
constexpr std::uint16_t kData = kBase;
constexpr std::uint16_t kInterruptEnable = kBase + 1;
constexpr std::uint16_t kFifoControl = kBase + 2;
constexpr std::uint16_t kLineControl = kBase + 3;
constexpr std::uint16_t kModemControl = kBase + 4;
constexpr std::uint16_t kLineStatus = kBase + 5;
constexpr std::uint16_t kScratch = kBase + 7;

constexpr std::uint8_t kStatusDataReady = 0x01;
constexpr std::uint8_t kStatusHoldingEmpty = 0x20;  // the whole FIFO is free
constexpr std::uint8_t kStatusTransmitterEmpty = 0x40;
constexpr std::size_t kFifoSize = 16;
constexpr std::uint8_t kIsaInterrupt = 4;

// A line that never drains (nobody emulates its baud rate) must not hang the kernel.
constexpr unsigned kMaxPolls = 200'000;

constinit bool present = false;  // set by initialise_serial, then constant
constinit std::atomic<bool> writing{false};

// Keeps whole lines together as long as their writers live.
class WriteTurn {
 public:
  WriteTurn() {
    for (unsigned i = 0; i < kMaxPolls; ++i) {
      if (!writing.exchange(true, std::memory_order_acquire)) return;
      arch::relax();
    }
  }
  ~WriteTurn() { writing.store(false, std::memory_order_release); }
};

void write_polled(const char* bytes, std::size_t size) {
  while (size > 0) {
    unsigned polls = 0;
    while ((arch::read_port8(kLineStatus) & kStatusHoldingEmpty) == 0 && ++polls < kMaxPolls)
      arch::relax();
    const std::size_t burst = size < kFifoSize ? size : kFifoSize;
    for (std::size_t i = 0; i < burst; ++i)
      arch::write_port8(kData, static_cast<std::uint8_t>(bytes[i]));
    bytes += burst;
    size -= burst;
  }
}

// What reads a serial line is a terminal or records one: a line feed alone would leave the cursor where it is.
void write_lines(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    write_polled(text.data(), std::min(end, text.size()));
    if (end == text.npos) return;
    write_polled("\r\n", 2);
    text.remove_prefix(end + 1);
  }
}

class SerialPort final : public StreamPort {
 public:
  const char* name() const override { return "serial"; }

  std::size_t try_write(const void* from, std::size_t size) override {
    // Bounded, so that a caller under a spinlock does not poll for long.
    constexpr std::size_t kMaxAtOnce = 256;
    const std::size_t piece = size < kMaxAtOnce ? size : kMaxAtOnce;
    const WriteTurn turn;
    // SAFETY: any object may be looked at as characters.
    write_lines({static_cast<const char*>(from), piece});
    return piece;
  }

  std::size_t try_read(void* to, std::size_t size) override {
    // SAFETY: as above.
    auto* out = static_cast<std::uint8_t*>(to);
    IrqSpinGuard guard(lock_);
    std::size_t count = 0;
    while (count < size && head_ != tail_) out[count++] = input_[tail_++ % kInputSize];
    return count;
  }

  bool can_read() override {
    IrqSpinGuard guard(lock_);
    return head_ != tail_;
  }
  bool can_write() override { return true; }
  bool drained() override { return (arch::read_port8(kLineStatus) & kStatusTransmitterEmpty) != 0; }
  bool host_connected() override { return true; }

  static void handle_interrupt(void* self) { static_cast<SerialPort*>(self)->take_input(); }

 private:
  void take_input() {
    {
      IrqSpinGuard guard(lock_);
      // Read on until the FIFO is empty: its interrupt is an edge and comes once. What does not fit
      // is lost, as on any serial line without flow control.
      while ((arch::read_port8(kLineStatus) & kStatusDataReady) != 0) {
        const std::uint8_t byte = arch::read_port8(kData);
        if (head_ - tail_ < kInputSize) input_[head_++ % kInputSize] = byte;
      }
    }
    changed.wake_all();
  }

  static constexpr std::size_t kInputSize = 4096;
  SpinLock lock_{LockRank::kDeviceQueue};
  std::size_t head_ GUARDED_BY(lock_) = 0;
  std::size_t tail_ GUARDED_BY(lock_) = 0;
  std::uint8_t input_[kInputSize] GUARDED_BY(lock_);
};

constinit Global<SerialPort> port;

}  // namespace

void initialise_serial() {
  // The scratch register holds what is written to it; an empty bus reads as ones.
  arch::write_port8(kScratch, 0x5a);
  if (arch::read_port8(kScratch) != 0x5a) return;
  arch::write_port8(kInterruptEnable, 0);
  arch::write_port8(kLineControl, 0x80);  // divisor latch: 1, 115200 baud
  arch::write_port8(kData, 1);
  arch::write_port8(kInterruptEnable, 0);
  arch::write_port8(kLineControl, 0x03);   // 8N1
  arch::write_port8(kFifoControl, 0x07);   // on, both emptied, interrupt at one byte
  arch::write_port8(kModemControl, 0x0b);  // DTR, RTS, and OUT2, which lets the interrupt out
  present = true;
}

void serial_log_sink(std::string_view line) {
  if (!present) return;
  const WriteTurn turn;
  write_polled(line.data(), line.size());
  write_polled("\r\n", 2);
}

void start_serial_port(const Platform& platform) {
  if (!present) return;
  port.construct();
  const auto connected =
      connect_isa_line(platform, kIsaInterrupt, &SerialPort::handle_interrupt, &port.get(), "serial");
  if (connected.ok()) {
    arch::write_port8(kInterruptEnable, 0x01);  // received data available
  } else {
    LOG_WARNING("serial: no interrupt (%s); input will not be seen", errno_name(connected.error()));
  }
  register_stream_port(&port.get());
}

}  // namespace mokapot
