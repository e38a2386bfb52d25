// SPDX-License-Identifier: Apache-2.0
//
// Two devices of one stack, joined by a link that delays, loses, reorders, doubles and damages frames as it is told,
// by a fixed sequence of random numbers and the fake clock: a run is the same each time. 10.9.0.1 is the first's
// address, 10.9.0.2 the second's.
//
// A device reads a frame's memory when it sends it, as a real one does, and is done with it at the next reclaim.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <random>
#include <vector>

#include "device/net_device.h"

#include "lwip/tcp.h"

namespace mokapot::simulated {

using Frame = std::vector<std::uint8_t>;

struct LinkSettings {
  Duration delay = Duration::milliseconds(20);  // each way
  std::int64_t bytes_per_second = 12'500'000;   // 100 Mbit/s
  std::size_t queue_bytes = 512 * 1024;         // what a sender may have waiting; more is dropped
  double loss = 0, duplication = 0, reordering = 0;
  Duration reordering_delay = Duration::milliseconds(3);
};

class Device final : public NetDevice {
 public:
  explicit Device(std::uint8_t number) : number_(number) {}

  const char* name() const override { return "simulated"; }
  MacAddress address() const override { return {{2, 0, 0, 0, 0, number_}}; }
  std::uint32_t mtu() const override { return 1500; }
  bool link_up() const override { return true; }
  std::size_t queue_count() const override { return 1; }
  Capabilities capabilities() const override { return {true, offers_segmentation, offers_segmentation, 63}; }
  void attach(NetReceiver& receiver) override { receiver_ = &receiver; }
  Result<void> transmit(std::size_t queue, const NetTransmit& packet) override;
  bool publish(std::size_t) override { return true; }
  void notify(std::size_t) override;
  void reclaim(std::size_t) override;
  std::size_t poll(std::size_t queue, std::span<NetBuffer*> packets) override;
  bool rearm(std::size_t) override { return received_.empty(); }
  void release(NetBuffer* packet) override;

  void deliver(const Frame& frame);

  // Of all devices, before there are any.
  static inline bool offers_segmentation = false;
  bool cuts = false;           // else the other end gets what was not cut, as from a device with large receive
  std::size_t most_pieces = 0;  // of a frame so far
  bool stalled = false;        // frames stay in the ring unread
  std::size_t ring_size = 256;
  void send();                 // reads what is in the ring
  std::size_t in_ring() const { return ring_.size(); }
  std::function<void(Frame)> on_sent;
  std::size_t outstanding = 0;  // buffers that the stack holds

 private:
  struct Entry {
    std::vector<PhysSegment> segments;
    NetOffload offload;
    void (*done)(void*);
    void* context;
  };
  const std::uint8_t number_;
  NetReceiver* receiver_ = nullptr;
  std::deque<Entry> ring_, sent_;
  std::deque<NetBuffer*> received_;
};

class Network {
 public:
  static constexpr std::size_t kFirst = 0, kSecond = 1;
  ~Network();
  static Network& instance();  // the stack is set up once in a process

  // A link without faults and history, and a clock that goes on.
  void reset(const LinkSettings& settings, std::uint32_t seed);
  // Whether TCP may give the devices segments of many packets, which they cut up. They offer it.
  void let_devices_cut(bool they_may);
  Device& device(std::size_t index) { return devices_[index]; }
  LinkSettings settings;
  // Asked for every frame that is sent: true drops it. After the random losses.
  std::function<bool(std::size_t from, const Frame& frame)> drop;
  std::function<void(std::size_t from, Frame& frame)> look;

  // Goes on until `done` or for `limit`; what `done` said.
  bool run(Duration limit, const std::function<bool()>& done);
  void run(Duration limit) {
    (void)run(limit, [] { return false; });
  }

  std::size_t frames_sent[2] = {}, frames_lost[2] = {};

 private:
  Network();
  void take_sent(std::size_t from, Frame frame);
  void serve();

  Device devices_[2] = {Device(1), Device(2)};
  std::multimap<std::int64_t, std::pair<std::size_t, Frame>> in_flight_;  // by time of arrival: for whom
  std::int64_t free_at_[2] = {};
  std::mt19937 random_;
};

// The payload of a TCP frame over IPv4 and its sequence number; size 0 for any other.
struct Segment {
  std::uint32_t sequence = 0, acknowledged = 0;
  std::uint8_t flags = 0;
  std::size_t payload = 0, payload_offset = 0, options = 0;
};
Segment segment_of(const Frame& frame);

// What the first device sends, by sequence number: what is sent again must be what was sent first.
class Witness {
 public:
  explicit Witness(Network& network) {
    network.look = [this](std::size_t from, const Frame& frame) {
      const auto segment = segment_of(frame);
      if (from != Network::kFirst || segment.payload == 0) return;
      for (std::size_t i = 0; i < segment.payload; ++i) {
        const auto [seen, fresh] = bytes_.emplace(segment.sequence + i, frame[segment.payload_offset + i]);
        if (!fresh && seen->second != frame[segment.payload_offset + i]) different_ = true;
        if (!fresh) ++repeated_;
      }
    };
  }
  bool different() const { return different_; }
  std::size_t repeated() const { return repeated_; }

 private:
  std::map<std::uint32_t, std::uint8_t> bytes_;
  bool different_ = false;
  std::size_t repeated_ = 0;
};

// A connection from the first device to a listener on the second.
class Connection {
 public:
  explicit Connection(Network& network);
  ~Connection();
  bool open() const { return client != nullptr && server != nullptr; }

  // Sends so many bytes of a known pattern from the client, checked at the server. True if all came in time.
  bool transfer(std::size_t bytes, Duration limit);
  void write(std::size_t bytes);  // as transfer(), but does not wait
  void read();                    // what came while `reads` was false, and goes on reading
  bool reads = true;
  std::size_t received = 0;
  bool damaged = false, reset = false;
  tcp_pcb *client = nullptr, *server = nullptr;
  tcp_pcb* listener = nullptr;
  std::size_t most_queued = 512 * 1024;

 private:
  static err_t on_accept(void* self, tcp_pcb* pcb, err_t error);
  static err_t on_received(void* self, tcp_pcb* pcb, pbuf* data, err_t error);
  static err_t on_sent(void* self, tcp_pcb* pcb, u16_t bytes);
  static void on_client_error(void* self, err_t error);
  static void on_server_error(void* self, err_t error);
  void fill();

  Network& network_;
  std::size_t to_write_ = 0, written_ = 0, acknowledged_ = 0;
  std::deque<pbuf*> buffers_, unread_;
  std::size_t offset_ = 0;  // of the first, acknowledged
};

}  // namespace mokapot::simulated
