// SPDX-License-Identifier: Apache-2.0
//
// Frames from a hostile network into the whole stack: Ethernet, ARP, IPv4 and IPv6 with fragments, ICMP, neighbour
// discovery, DHCP, UDP and TCP, up to callbacks that behave like sockets. Nothing may be read or written out of
// bounds, no assertion may fail, and when all is closed and has timed out the device has its buffers back.
//
// An input is a sequence of steps. The first byte says what is done: a frame as it is, a TCP segment that fits one of
// the connections that the stack has, time that passes, or what an application does.
//
// sources: kernel/net/stack.cc kernel/net/ethernet_interface.cc kernel/net/transmit_path.cc
// sources: kernel/net/tcp_recovery.cc kernel/net/tcp_scoreboard.cc kernel/net/tcp_congestion.cc kernel/net/tcp_timer_wheel.cc
// sources: kernel/net/receive_buffer.cc kernel/net/segment_merge.cc kernel/net/checksum.cc kernel/net/keyed_hash.cc
// sources: kernel/net/firewall.cc kernel/net/syn_cookie.cc kernel/net/address_configuration.cc
// sources: kernel/net/address_text.cc kernel/net/address_watch.cc kernel/net/resolver_settings.cc
// sources: kernel/net/lwip_port/timers.cc kernel/net/cited_buffer.cc tests/unit/net/one_thread.cc
// sources: kernel/net/lwip_port/sequence_numbers.cc kernel/device/random.cc kernel/device/chacha20.cc
// sources: lwip/def.c lwip/inet_chksum.c lwip/init.c lwip/ip.c lwip/mem.c lwip/memp.c lwip/netif.c lwip/pbuf.c
// sources: lwip/raw.c lwip/stats.c lwip/sys.c lwip/tcp.c lwip/tcp_in.c lwip/tcp_out.c lwip/udp.c lwip/ipv4/dhcp.c
// sources: lwip/ipv4/etharp.c lwip/ipv4/icmp.c lwip/ipv4/igmp.c lwip/ipv4/ip4.c lwip/ipv4/ip4_addr.c
// sources: lwip/ipv4/ip4_frag.c lwip/ipv6/ethip6.c lwip/ipv6/icmp6.c lwip/ipv6/inet6.c lwip/ipv6/ip6.c
// sources: lwip/ipv6/ip6_addr.c lwip/ipv6/ip6_frag.c lwip/ipv6/mld6.c lwip/ipv6/nd6.c

#include <algorithm>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "fakes/clock.h"
#include "net/address_configuration.h"
#include "net/checksum.h"
#include "net/ethernet_interface.h"
#include "net/lwip_port/timers.h"
#include "net/network_thread.h"
#include "net/tcp_scoreboard.h"
#include "time/clock.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "lwip/udp.h"

namespace {

using namespace mokapot;

void require(bool condition) {
  if (!condition) __builtin_trap();
}

constexpr std::uint8_t kOurs[4] = {10, 9, 0, 77};
constexpr std::uint16_t kTcpPort = 80, kUdpPort = 7;

class Device final : public NetDevice {
 public:
  explicit Device(std::uint8_t number) : number_(number) {}
  const char* name() const override { return "fuzz"; }
  MacAddress address() const override { return {{2, 0, 0, 0, 0, number_}}; }
  std::uint32_t mtu() const override { return 1500; }
  bool link_up() const override { return up; }
  std::size_t queue_count() const override { return 1; }
  Capabilities capabilities() const override { return {true, true, true, 32}; }
  void attach(NetReceiver& receiver) override { receiver_ = &receiver; }
  Result<void> transmit(std::size_t, const NetTransmit& packet) override {
    if (full) return Errno::kENOBUFS;
    std::size_t size = 0;
    std::uint8_t sum = 0;
    for (const PhysSegment& segment : packet.segments) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(segment.address.value());
      for (std::uint32_t i = 0; i < segment.size; ++i) sum ^= bytes[i];  // so that the sanitizer looks at them
      size += segment.size;
    }
    require(size >= kEthernetHeader && packet.segments.size() <= 32);
    sink = sum;
    pending_.push_back({packet.done, packet.context});
    return {};
  }
  bool publish(std::size_t) override { return true; }
  void notify(std::size_t) override {}
  void reclaim(std::size_t) override {
    for (; !pending_.empty(); pending_.pop_front()) pending_.front().done(pending_.front().context);
  }
  std::size_t poll(std::size_t, std::span<NetBuffer*> packets) override {
    reclaim(0);
    std::size_t count = 0;
    for (; count < packets.size() && !received_.empty(); received_.pop_front()) packets[count++] = received_.front();
    return count;
  }
  bool rearm(std::size_t) override { return received_.empty(); }
  void release(NetBuffer* packet) override {
    while (packet != nullptr) {
      NetBuffer* next = packet->next;
      delete[] packet->data;
      delete packet;
      --outstanding;
      packet = next;
    }
  }

  // Cuts the frame in two after the headers, as mergeable buffers may come.
  void deliver(std::span<const std::uint8_t> frame, bool cut, bool checked) {
    constexpr std::size_t kFirst = 100;
    NetBuffer* first = make(frame.subspan(0, cut ? std::min(frame.size(), kFirst) : frame.size()));
    if (cut && frame.size() > kFirst) first->next = make(frame.subspan(kFirst));
    first->offload.checksum_valid = checked;
    received_.push_back(first);
    receiver_->on_packets(0);
  }
  void note_link() { receiver_->on_link_change(); }

  bool up = true, full = false;
  std::size_t outstanding = 0;
  volatile std::uint8_t sink = 0;

 private:
  struct Sent {
    void (*done)(void*);
    void* context;
  };
  NetBuffer* make(std::span<const std::uint8_t> bytes) {
    auto* buffer = new NetBuffer;
    buffer->data = new std::byte[bytes.size()];
    std::ranges::copy(std::as_bytes(bytes), buffer->data);
    buffer->size = static_cast<std::uint32_t>(bytes.size());
    buffer->device = this;
    ++outstanding;
    return buffer;
  }
  const std::uint8_t number_;
  NetReceiver* receiver_ = nullptr;
  std::deque<Sent> pending_;
  std::deque<NetBuffer*> received_;
};

Device devices[] = {Device(1), Device(2)};

// --- What sockets would do --------------------------------------------------------------------------------

std::vector<tcp_pcb*> connections;
std::vector<pbuf*> unread;
bool reading = true;

void forget(tcp_pcb* pcb) { std::erase(connections, pcb); }

err_t on_received(void*, tcp_pcb* pcb, pbuf* data, err_t) {
  if (data == nullptr) return ERR_OK;
  if (!reading) {
    unread.push_back(data);
    return ERR_OK;
  }
  tcp_recved(pcb, data->tot_len);
  char text[64];
  const u16_t size = pbuf_copy_partial(data, text, sizeof(text), 0);
  pbuf_free(data);
  if (tcp_sndbuf(pcb) >= size) (void)tcp_write(pcb, text, size, TCP_WRITE_FLAG_COPY);
  return ERR_OK;
}
void on_error(void* pcb, err_t) { forget(static_cast<tcp_pcb*>(pcb)); }
// A connection that both sides have closed is freed without an error: in TIME_WAIT a new SYN may do it.
void on_freed(u8_t, void* pcb) { forget(static_cast<tcp_pcb*>(pcb)); }
constexpr tcp_ext_arg_callbacks kExtension = {on_freed, nullptr};
u8_t extension_id = 0;
err_t on_accept(void*, tcp_pcb* pcb, err_t error) {
  if (error != ERR_OK || pcb == nullptr) return ERR_VAL;
  connections.push_back(pcb);
  tcp_arg(pcb, pcb);
  tcp_recv(pcb, on_received);
  tcp_err(pcb, on_error);
  tcp_ext_arg_set(pcb, extension_id, pcb);
  tcp_ext_arg_set_callbacks(pcb, extension_id, &kExtension);
  return ERR_OK;
}
void on_datagram(void*, udp_pcb* pcb, pbuf* data, const ip_addr_t* from, u16_t port) {
  udp_sendto(pcb, data, from, port);
  pbuf_free(data);
}

void set_up() {
  require(initialise_stack().ok());
  for (std::size_t i = 0; i < std::size(devices); ++i) {
    EthernetInterface* interface = EthernetInterface::create(devices[i], i, "fuzz").take();
    NetworkSettings settings;
    std::string_view bad;
    if (i == 0) {
      require(settings.addresses.push_back("10.9.0.77/24").ok());
      require(settings.addresses.push_back("2001:db8::77/64").ok());
      require(settings.gateways.push_back("10.9.0.1").ok());
    }
    require(configure_addresses(*interface, settings, bad).ok());
    (void)interface->serve();
  }
  const NetCoreGuard core;
  extension_id = tcp_ext_arg_alloc_id();
  // Sums of ICMP and IP headers would keep nearly every input out.
  for (std::size_t i = 0; i < std::size(devices); ++i) {
    netif& record = ethernet_interface(i)->record();
    record.chksum_flags &= static_cast<u16_t>(~(NETIF_CHECKSUM_CHECK_IP | NETIF_CHECKSUM_CHECK_ICMP | NETIF_CHECKSUM_CHECK_ICMP6));
  }
  tcp_pcb* listener = tcp_new_ip_type(IPADDR_TYPE_ANY);
  require(tcp_bind(listener, IP_ANY_TYPE, kTcpPort) == ERR_OK);
  listener = tcp_listen_with_backlog(listener, 4);  // few, so that SYN cookies are reached
  tcp_accept(listener, on_accept);
  udp_pcb* echo = udp_new_ip_type(IPADDR_TYPE_ANY);
  require(udp_bind(echo, IP_ANY_TYPE, kUdpPort) == ERR_OK);
  udp_recv(echo, on_datagram, nullptr);
}

void serve() {
  for (std::size_t i = 0; EthernetInterface* interface = ethernet_interface(i); ++i)
    while (interface->serve()) {}
}
void pass_time(Duration duration, Duration step = Duration::milliseconds(50)) {
  for (const Instant end = now() + duration; now() < end; fake::advance(step)) {
    const NetCoreGuard core;
    for (std::size_t i = 0; EthernetInterface* interface = ethernet_interface(i); ++i) interface->reclaim();
    (void)run_due_timers(now());
  }
  (void)check_address_configuration();
}

// Agrees to SACK, or tells of blocks a little above and below what it acknowledges.
std::vector<std::uint8_t> options_of_sack(std::uint8_t flags, std::uint32_t acknowledged, std::span<const std::uint8_t> choices) {
  if ((flags & TCP_SYN) != 0) return {1, 1, 4, 2};
  const std::size_t blocks = std::min<std::size_t>(choices.size() / 2, 4);
  std::vector<std::uint8_t> options = {1, 1, 5, std::uint8_t(2 + 8 * blocks)};
  for (std::size_t i = 0; i < 2 * blocks; ++i) {
    const std::uint32_t edge = acknowledged + static_cast<std::uint32_t>(static_cast<std::int8_t>(choices[i])) * 67;
    for (int shift = 24; shift >= 0; shift -= 8) options.push_back(std::uint8_t(edge >> shift));
  }
  if (blocks == 0) options[2] = options[3] = 1;
  return options;
}

// What each connection counts of its segments is what there is.
void check_sums() {
  for (const tcp_pcb* pcb = tcp_active_pcbs; pcb != nullptr; pcb = pcb->next) {
    std::uint32_t flight = 0, sacked = 0, segments = 0;
    for (const tcp_seg* segment = pcb->unacked; segment != nullptr; segment = segment->next) {
      segments += tcp_packets(pcb, segment);
      require(pbuf_clen(segment->p) != 0 && segment->p->tot_len >= segment->len);
      require((segment->next == nullptr) == (segment == pcb->unacked_last));
      if ((segment->recovery & segment_mark::kSacked) != 0) sacked += segment_size(*segment);
      else if ((segment->recovery & segment_mark::kLost) == 0) flight += segment_size(*segment);
      if ((segment->recovery & segment_mark::kAgain) != 0) flight += segment_size(*segment);
    }
    require(segments == pcb->recovery.segments && flight == pcb->recovery.in_flight && sacked == pcb->recovery.sacked);
  }
}

// A segment to the listener or a connection, near the numbers that it expects.
void deliver_segment(std::span<const std::uint8_t> choices, std::span<const std::uint8_t> payload) {
  const auto at = [&](std::size_t i) { return i < choices.size() ? choices[i] : std::uint8_t{0}; };
  std::uint32_t sequence = at(3) << 8, acknowledged = at(4);
  std::uint16_t peer_port = static_cast<std::uint16_t>(2000 + at(0) % 8);
  std::uint8_t peer = 1 + at(1) % 2;
  tcp_pcb* pcb = tcp_active_pcbs != nullptr ? tcp_active_pcbs : tcp_tw_pcbs;
  for (int i = at(0) % 4; i > 0 && pcb != nullptr && pcb->next != nullptr; --i) pcb = pcb->next;
  if (pcb != nullptr && at(1) % 4 != 0 && IP_IS_V4_VAL(pcb->remote_ip)) {
    peer_port = pcb->remote_port;
    peer = ip4_addr4(ip_2_ip4(&pcb->remote_ip));
    sequence = pcb->rcv_nxt + static_cast<std::uint32_t>(static_cast<std::int8_t>(at(3))) * 64;
    acknowledged = pcb->lastack + (at(4) < 128 ? pcb->snd_nxt - pcb->lastack : at(4) - 192u);
  }
  // What a fuzzer would find out late: the flags that occur.
  constexpr std::uint8_t kFlags[] = {TCP_SYN, TCP_ACK, TCP_ACK | TCP_PSH, TCP_ACK | TCP_FIN, TCP_ACK | TCP_RST, TCP_SYN | TCP_ACK};
  const std::uint8_t flags = at(2) % 8 < std::size(kFlags) ? kFlags[at(2) % 8] : at(2);
  std::vector<std::uint8_t> options;
  if ((at(5) & 0x40) != 0) {
    options = options_of_sack(flags, acknowledged, choices.size() > 8 ? choices.subspan(8) : choices);
  } else {
    for (std::size_t i = 0; i < at(5) % 11 * 4u; ++i) options.push_back(at(8 + i));
  }
  std::vector<std::uint8_t> frame = {2, 0, 0, 0, 0, 1, 6, 6, 6, 6, 6, 6, 8, 0};
  const std::size_t total = 40 + options.size() + payload.size();
  frame.insert(frame.end(), {0x45, 0, std::uint8_t(total >> 8), std::uint8_t(total), 0, 1, 0x40, 0, 64, 6, 0, 0, 10, 9, 0, peer});
  frame.insert(frame.end(), kOurs, kOurs + 4);
  const auto put32 = [&](std::uint32_t value) {
    for (int shift = 24; shift >= 0; shift -= 8) frame.push_back(std::uint8_t(value >> shift));
  };
  put32(std::uint32_t{peer_port} << 16 | kTcpPort);
  put32(sequence);
  put32(acknowledged);
  frame.insert(frame.end(), {std::uint8_t((5 + options.size() / 4) << 4), flags, at(6), at(7), 0, 0, 0, 0});
  frame.insert(frame.end(), options.begin(), options.end());
  frame.insert(frame.end(), payload.begin(), payload.end());
  devices[0].deliver(frame, (at(5) & 0x80) != 0, true);
}

void act(std::uint8_t what) {
  const NetCoreGuard core;
  tcp_pcb* pcb = connections.empty() ? nullptr : connections[what / 8 % connections.size()];
  static char text[60'000];
  switch (what % 8) {
    case 0:
      reading = !reading;
      break;
    case 1:
      for (pbuf* data : unread) pbuf_free(data);
      unread.clear();
      break;
    case 2:
      if (pcb == nullptr) break;
      (void)tcp_write(pcb, text, (what & 0x80) != 0 ? sizeof(text) : 4000, (what & 0x40) != 0 ? TCP_WRITE_FLAG_COPY : 0);
      tcp_output(pcb);
      break;
    case 3:
      if (pcb != nullptr) (void)tcp_shutdown(pcb, 0, 1);
      break;
    case 4:
      if (pcb == nullptr) break;
      tcp_arg(pcb, nullptr);
      tcp_recv(pcb, nullptr);
      tcp_err(pcb, nullptr);
      if (tcp_close(pcb) == ERR_OK) forget(pcb);
      break;
    case 5:
      if (pcb == nullptr) break;
      forget(pcb);
      tcp_err(pcb, nullptr);
      tcp_abort(pcb);
      break;
    case 6:
      devices[0].full = !devices[0].full;
      break;
    default:
      devices[1].up = !devices[1].up;
      devices[1].note_link();
  }
}

void end_everything() {
  devices[0].full = false;
  reading = true;
  devices[0].deliver({}, false, true);  // room again: what waits is sent
  serve();
  {
    const NetCoreGuard core;
    for (pbuf* data : unread) pbuf_free(data);
    unread.clear();
    while (!connections.empty()) {
      tcp_pcb* pcb = connections.back();
      connections.pop_back();
      tcp_err(pcb, nullptr);
      tcp_abort(pcb);
    }
    while (tcp_active_pcbs != nullptr) tcp_abort(tcp_active_pcbs);
  }
  pass_time(Duration::seconds(75), Duration::seconds(1));  // fragments, neighbours that do not answer, TIME_WAIT
  for (Device& device : devices) {
    device.reclaim(0);
    require(device.outstanding == 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool ready = (set_up(), true);
  (void)ready;
  std::span<const std::uint8_t> input(data, size);
  const auto take = [&](std::size_t count) {
    const auto taken = input.subspan(0, std::min(count, input.size()));
    input = input.subspan(taken.size());
    return taken;
  };
  while (input.size() >= 2) {
    const std::uint8_t step = input[0], parameter = input[1];
    input = input.subspan(2);
    switch (step % 4) {
      case 0: {
        const auto frame = take(parameter * 8u);
        if (frame.size() >= kEthernetHeader) devices[step / 4 % 2].deliver(frame, step >= 128, step >= 64);
        break;
      }
      case 1: {
        const auto choices = take(8 + parameter % 11 * 4u);
        deliver_segment(choices, take(parameter / 11 * 60u));
        break;
      }
      case 2:
        pass_time(Duration::milliseconds(parameter * 20));
        break;
      default:
        act(parameter);
    }
    serve();
    check_sums();
  }
  end_everything();
  return 0;
}
