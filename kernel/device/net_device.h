// SPDX-License-Identifier: Apache-2.0
//
// A network interface: packets out with offloads stated, packets in by polling after an interrupt.
//
// Receive: the device calls NetReceiver::on_packets() from its interrupt handler, with further
// interrupts of that queue switched off. The receiver's thread then calls poll() until it returns fewer
// packets than asked for, and rearm(); rearm() is false when packets came meanwhile, and polling goes on.
//
// Transmit: transmit() queues any number of packets of one queue; publish() and notify() tell the device, once for all
// of them. A packet's done() runs in the thread that next calls transmit() or reclaim() on that queue after the device
// has sent it; reclaim() with every round of polling keeps memory from being held for long. Nothing interrupts for it.
//
// Contexts: thread, but on_packets(). Calls on different queues may run at once; calls on one queue are
// serialised by the caller, receive and transmit sides apart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/types.h"
#include "device/block_device.h"

namespace mokapot {

struct MacAddress {
  std::uint8_t bytes[6];
};

// What of a packet is left to the device, as virtio states it; zeros: nothing.
struct NetOffload {
  bool needs_checksum = false;           // sum from checksum_start to the end, stored at checksum_offset after it
  // Receive only: the device has checked it. Also set with needs_checksum, where a sender on the host never made the
  // sum: the packet cannot have been damaged, and what stands in its checksum field is not one.
  bool checksum_valid = false;
  enum class Segmentation : std::uint8_t { kNone, kTcp4, kTcp6, kUdp } segmentation = Segmentation::kNone;
  std::uint16_t checksum_start = 0;      // bytes from the frame's start
  std::uint16_t checksum_offset = 0;
  std::uint16_t segment_size = 0;        // payload bytes of each segment
  std::uint16_t header_length = 0;       // Ethernet to transport header
};

// A packet to send. The device copies the record; the segments' memory stays as it is until done().
struct NetTransmit {
  std::span<const PhysSegment> segments;  // the frame from its Ethernet header on; copied too
  NetOffload offload;
  void (*done)(void* context) = nullptr;
  void* context = nullptr;
};

class NetDevice;

// A piece of a received packet. Its memory belongs to the device and goes back with release(). A packet has up to
// 65535 bytes behind its Ethernet header: with that one in front, its size does not fit 16 bits.
struct NetBuffer {
  std::byte* data = nullptr;
  std::uint32_t size = 0;      // bytes in this piece
  NetBuffer* next = nullptr;   // the packet's next piece
  NetDevice* device = nullptr;
  NetOffload offload;          // in the first piece
  // The receiver's own, e.g. the stack's record of the buffer, so that it need not allocate one.
  alignas(16) std::byte receiver_area[64];
};

class NetReceiver {
 public:
  virtual void on_packets(std::size_t queue) = 0;  // interrupt context
  virtual void on_link_change() = 0;               // interrupt context

 protected:
  ~NetReceiver() = default;
};

class NetDevice {
 public:
  virtual const char* name() const = 0;            // for the log
  virtual MacAddress address() const = 0;
  virtual std::uint32_t mtu() const = 0;           // bytes of IP packet
  virtual bool link_up() const = 0;
  virtual std::size_t queue_count() const = 0;     // pairs of receive and transmit, at least 1

  struct Capabilities {
    bool checksum = false;   // transmit checksums can be left to it
    bool tcp4_segmentation = false, tcp6_segmentation = false;
    std::size_t max_segments = 1;          // of one transmitted packet
  };
  virtual Capabilities capabilities() const = 0;

  virtual void attach(NetReceiver& receiver) = 0;  // once; from here on packets are received

  // kENOBUFS: the queue is full; on_packets() reports when there is room again.
  virtual Result<void> transmit(std::size_t queue, const NetTransmit& packet) = 0;
  // In two parts: publish() shows the device what was queued and is true if it is to be told by notify(), which may run
  // beside anything else: it takes long, and no lock need be held so long.
  virtual bool publish(std::size_t queue) = 0;
  virtual void notify(std::size_t queue) = 0;
  virtual void reclaim(std::size_t queue) = 0;

  // Up to packets.size() packets, each the first piece of its chain; returns how many.
  virtual std::size_t poll(std::size_t queue, std::span<NetBuffer*> packets) = 0;
  virtual bool rearm(std::size_t queue) = 0;
  virtual void release(NetBuffer* packet) = 0;     // the whole chain; any thread

  // Received packets that made no sense as the device gave them, and were dropped, since boot.
  virtual std::uint64_t malformed() { return 0; }

 protected:
  ~NetDevice() = default;
};

// Registry, without locks: drivers add at probe time (boot). kENOSPC past kMaxNetDevices.
inline constexpr std::size_t kMaxNetDevices = 4;
Result<void> register_net_device(NetDevice* device);
NetDevice* net_device(std::size_t index);  // nullptr past the end

}  // namespace mokapot
