// SPDX-License-Identifier: Apache-2.0
#include "net/simulated_network.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/assert.h"
#include "fakes/clock.h"
#include "net/address_configuration.h"
#include "net/checksum.h"
#include "net/cited_buffer.h"
#include "net/ethernet_interface.h"
#include "net/lwip_port/timers.h"
#include "net/one_thread.h"
#include "time/clock.h"

#include "lwip/prot/tcp.h"

extern "C" std::uint32_t mokapot_tcp_receive_window, mokapot_tcp_send_buffer;

namespace mokapot::simulated {
namespace {

constexpr std::uint16_t kPort = 80;
constexpr std::size_t kBufferSize = 16 * 1024;

std::uint8_t pattern(std::size_t position) { return static_cast<std::uint8_t>(position * 31 + position / 251); }
std::uint32_t load32(const std::uint8_t* at) {
  return std::uint32_t{at[0]} << 24 | std::uint32_t{at[1]} << 16 | std::uint32_t{at[2]} << 8 | at[3];
}

// Freed memory that is still cited shall not look as it did.
struct PoisonedBuffer {
  pbuf_custom buffer;
  std::vector<std::uint8_t> bytes;
};
void free_poisoned(pbuf* buffer) {
  auto* memory = reinterpret_cast<PoisonedBuffer*>(buffer);
  std::ranges::fill(memory->bytes, std::uint8_t{0xee});
  delete memory;
}
pbuf* pattern_buffer(std::size_t from, std::size_t size) {
  auto* memory = new PoisonedBuffer{{}, std::vector<std::uint8_t>(size)};
  for (std::size_t i = 0; i < size; ++i) memory->bytes[i] = pattern(from + i);
  memory->buffer.custom_free_function = free_poisoned;
  const auto length = static_cast<u16_t>(size);
  return pbuf_alloced_custom(PBUF_RAW, length, PBUF_REF, &memory->buffer, memory->bytes.data(), length);
}

void store16(std::uint8_t* at, std::size_t value) {
  at[0] = static_cast<std::uint8_t>(value >> 8);
  at[1] = static_cast<std::uint8_t>(value);
}

// TCP over IPv4, as virtio's device does it. TCP's sums are nobody's business here.
void cut_up(const Frame& frame, const NetOffload& offload, const std::function<void(Frame)>& each) {
  constexpr std::uint8_t kFinAndPush = 0x09;
  constexpr std::size_t kIp = 14, kTcp = 34;
  const std::uint32_t sequence = load32(&frame[kTcp + 4]);
  const std::size_t headers = offload.header_length, identification = std::size_t{frame[kIp + 4]} << 8 | frame[kIp + 5];
  std::size_t number = 0;
  for (std::size_t at = headers; at < frame.size(); at += offload.segment_size, ++number) {
    const std::size_t size = std::min<std::size_t>(offload.segment_size, frame.size() - at);
    Frame one(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(headers));
    one.insert(one.end(), frame.begin() + static_cast<std::ptrdiff_t>(at), frame.begin() + static_cast<std::ptrdiff_t>(at + size));
    store16(&one[kIp + 2], one.size() - kIp);
    store16(&one[kIp + 4], identification + number);
    store16(&one[kIp + 10], 0);
    const auto sum = static_cast<std::uint16_t>(~internet_sum(&one[kIp], 20));
    std::memcpy(&one[kIp + 10], &sum, sizeof(sum));
    const auto begin = static_cast<std::uint32_t>(sequence + (at - headers));
    store16(&one[kTcp + 4], begin >> 16);
    store16(&one[kTcp + 6], begin & 0xffff);
    if (at + size < frame.size()) one[kTcp + 13] &= static_cast<std::uint8_t>(~kFinAndPush);
    each(std::move(one));
  }
}

}  // namespace

// --- Device -------------------------------------------------------------------------------------------

Result<void> Device::transmit(std::size_t, const NetTransmit& packet) {
  reclaim(0);
  if (ring_.size() + sent_.size() >= ring_size) return Errno::kENOBUFS;
  most_pieces = std::max(most_pieces, packet.segments.size());
  ring_.push_back({{packet.segments.begin(), packet.segments.end()}, packet.offload, packet.done, packet.context});
  return {};
}

void Device::notify(std::size_t) {
  ASSERT(!holds_a_lock());  // it may take as long as it likes
  send();
}

void Device::send() {
  for (; !stalled && !ring_.empty(); ring_.pop_front()) {
    Frame frame;
    for (const PhysSegment& segment : ring_.front().segments) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(segment.address.value());
      frame.insert(frame.end(), bytes, bytes + segment.size);
    }
    const NetOffload offload = ring_.front().offload;
    sent_.push_back(std::move(ring_.front()));
    if (!on_sent) continue;
    if (cuts && offload.segmentation == NetOffload::Segmentation::kTcp4) cut_up(frame, offload, on_sent);
    else on_sent(std::move(frame));
  }
}

void Device::reclaim(std::size_t) {
  while (!sent_.empty()) {
    const Entry entry = std::move(sent_.front());
    sent_.pop_front();
    entry.done(entry.context);
  }
}

std::size_t Device::poll(std::size_t, std::span<NetBuffer*> packets) {
  std::size_t count = 0;
  for (; count < packets.size() && !received_.empty(); received_.pop_front()) packets[count++] = received_.front();
  return count;
}

void Device::release(NetBuffer* packet) {
  while (packet != nullptr) {
    NetBuffer* next = packet->next;
    delete[] packet->data;
    delete packet;
    --outstanding;
    packet = next;
  }
}

void Device::deliver(const Frame& frame) {
  auto* buffer = new NetBuffer;
  buffer->data = new std::byte[frame.size()];
  std::ranges::copy(std::as_bytes(std::span(frame)), buffer->data);
  buffer->size = static_cast<std::uint32_t>(frame.size());
  buffer->device = this;
  buffer->offload.checksum_valid = true;
  ++outstanding;
  received_.push_back(buffer);
  receiver_->on_packets(0);
}

// --- Network --------------------------------------------------------------------------------------------

Network& Network::instance() {
  static Network network;
  return network;
}

Network::Network() {
  mokapot_tcp_receive_window = mokapot_tcp_send_buffer = 1 << 20;
  ASSERT(initialise_stack().ok());
  for (std::size_t i = 0; i < 2; ++i) {
    devices_[i].on_sent = [this, i](Frame frame) { take_sent(i, std::move(frame)); };
    EthernetInterface* interface = EthernetInterface::create(devices_[i], i, "simulated").take();
    const NetCoreGuard core;
    netif& record = interface->record();
    ip4_addr_t address, mask, gateway;
    IP4_ADDR(&address, 10, 9, 0, static_cast<u8_t>(1 + i));
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&gateway, 0, 0, 0, 0);
    netif_set_addr(&record, &address, &mask, &gateway);
  }
  serve();
}

Network::~Network() {
  for (Device& device : devices_) {
    device.on_sent = nullptr;
    device.stalled = false;
    device.send();
    device.reclaim(0);
  }
}

void Network::reset(const LinkSettings& wanted, std::uint32_t seed) {
  settings = wanted;
  drop = nullptr;
  look = nullptr;
  random_.seed(seed);
  in_flight_.clear();
  for (std::size_t i = 0; i < 2; ++i) {
    devices_[i].stalled = false;
    devices_[i].send();
    devices_[i].reclaim(0);
    devices_[i].most_pieces = 0;
    frames_sent[i] = frames_lost[i] = 0;
  }
  in_flight_.clear();
  frames_sent[0] = frames_sent[1] = 0;
}

void Network::let_devices_cut(bool they_may) {
  const NetCoreGuard core;
  for (std::size_t i = 0; EthernetInterface* interface = ethernet_interface(i); ++i) {
    devices_[i].cuts = true;
    interface->record().segmentation = they_may ? NETIF_SEGMENTATION_TCP4 : 0;
  }
}

void Network::take_sent(std::size_t from, Frame frame) {
  ++frames_sent[from];
  if (look) look(from, frame);
  // RFC 9293, 3.10.7.4: a receiver drops what acknowledges nothing. lwIP takes it.
  if (const Segment segment = segment_of(frame); segment.payload > 0 && (segment.flags & (TCP_ACK | TCP_SYN)) == 0) return;
  const auto chance = [this](double probability) {
    return probability > 0 && std::uniform_real_distribution<double>(0, 1)(random_) < probability;
  };
  const std::int64_t time = now().nanoseconds();
  const std::int64_t begin = std::max(time, free_at_[from]);
  const std::int64_t queued = (begin - time) * settings.bytes_per_second / 1'000'000'000;
  const bool lost = chance(settings.loss);
  if (lost || (drop && drop(from, frame)) || queued > static_cast<std::int64_t>(settings.queue_bytes)) {
    ++frames_lost[from];
    return;
  }
  free_at_[from] = begin + static_cast<std::int64_t>(frame.size()) * 1'000'000'000 / settings.bytes_per_second;
  std::int64_t arrival = free_at_[from] + settings.delay.nanoseconds();
  if (chance(settings.reordering)) arrival += settings.reordering_delay.nanoseconds();
  if (chance(settings.duplication)) in_flight_.emplace(arrival + 1000, std::pair(1 - from, frame));
  in_flight_.emplace(arrival, std::pair(1 - from, std::move(frame)));
}

void Network::serve() {
  for (std::size_t i = 0; EthernetInterface* interface = ethernet_interface(i); ++i)
    while (interface->serve()) {}
}

bool Network::run(Duration limit, const std::function<bool()>& done) {
  const Instant end = now() + limit;
  while (!done()) {
    serve();
    Instant next;
    {
      const NetCoreGuard core;
      for (std::size_t i = 0; EthernetInterface* interface = ethernet_interface(i); ++i) interface->reclaim();
      next = run_due_timers(now());
    }
    if (!in_flight_.empty()) next = std::min(next, Instant::from_nanoseconds(in_flight_.begin()->first));
    if (next > end) {
      fake::set_now(end);
      return done();
    }
    if (next > now()) fake::set_now(next);
    while (!in_flight_.empty() && in_flight_.begin()->first <= now().nanoseconds()) {
      const auto [device, frame] = std::move(in_flight_.begin()->second);
      in_flight_.erase(in_flight_.begin());
      devices_[device].deliver(frame);
      serve();
    }
  }
  return true;
}

Segment segment_of(const Frame& frame) {
  Segment segment;
  if (frame.size() < 54 || frame[12] != 8 || frame[13] != 0 || frame[23] != 6) return segment;
  const std::uint8_t* tcp = &frame[34];
  segment.sequence = load32(tcp + 4);
  segment.acknowledged = load32(tcp + 8);
  segment.flags = tcp[13];
  segment.payload_offset = 34u + (tcp[12] >> 4) * 4u;
  segment.options = segment.payload_offset - 54;
  segment.payload = (std::size_t{frame[16]} << 8 | frame[17]) + 14 - segment.payload_offset;
  return segment;
}

// --- Connection -----------------------------------------------------------------------------------------

Connection::Connection(Network& network) : network_(network) {
  static std::uint16_t client_port = 20000;
  {
    const NetCoreGuard core;
    tcp_pcb* bound = tcp_new_ip_type(IPADDR_TYPE_V4);
    tcp_bind_netif(bound, &ethernet_interface(1)->record());
    ASSERT(tcp_bind(bound, IP4_ADDR_ANY, kPort) == ERR_OK);
    listener = tcp_listen_with_backlog(bound, 16);
    tcp_arg(listener, this);
    tcp_accept(listener, on_accept);
    client = tcp_new_ip_type(IPADDR_TYPE_V4);
    ip_addr_t from, to;
    IP_ADDR4(&from, 10, 9, 0, 1);
    IP_ADDR4(&to, 10, 9, 0, 2);
    ASSERT(tcp_bind(client, &from, ++client_port) == ERR_OK);
    tcp_bind_netif(client, &ethernet_interface(0)->record());
    tcp_arg(client, this);
    tcp_sent(client, on_sent);
    tcp_err(client, on_client_error);
    tcp_nagle_disable(client);
    tcp_connect(client, &to, kPort, [](void*, tcp_pcb*, err_t) -> err_t { return ERR_OK; });
  }
  (void)network_.run(Duration::seconds(30), [this] { return server != nullptr || reset; });
}

Connection::~Connection() {
  {
    const NetCoreGuard core;
    for (tcp_pcb* pcb : {client, server}) {
      if (pcb == nullptr) continue;
      tcp_err(pcb, nullptr);
      tcp_recv(pcb, nullptr);
      tcp_sent(pcb, nullptr);
      tcp_abort(pcb);
    }
    tcp_close(listener);
  }
  for (pbuf* buffer : buffers_) pbuf_free(buffer);
  for (pbuf* buffer : unread_) pbuf_free(buffer);
}

err_t Connection::on_accept(void* self, tcp_pcb* pcb, err_t error) {
  auto& connection = *static_cast<Connection*>(self);
  if (error != ERR_OK) return error;
  connection.server = pcb;
  tcp_arg(pcb, self);
  tcp_recv(pcb, on_received);
  tcp_err(pcb, on_server_error);
  return ERR_OK;
}
void Connection::on_client_error(void* self, err_t) {
  static_cast<Connection*>(self)->client = nullptr;
  static_cast<Connection*>(self)->reset = true;
}
void Connection::on_server_error(void* self, err_t) {
  static_cast<Connection*>(self)->server = nullptr;
  static_cast<Connection*>(self)->reset = true;
}

err_t Connection::on_received(void* self, tcp_pcb* pcb, pbuf* data, err_t) {
  auto& connection = *static_cast<Connection*>(self);
  if (data == nullptr) return ERR_OK;
  if (!connection.reads) {
    connection.unread_.push_back(data);
    return ERR_OK;
  }
  for (const pbuf* piece = data; piece != nullptr; piece = piece->next) {
    const auto* bytes = static_cast<const std::uint8_t*>(piece->payload);
    for (std::size_t i = 0; i < piece->len; ++i, ++connection.received)
      if (bytes[i] != pattern(connection.received)) connection.damaged = true;
  }
  tcp_recved(pcb, data->tot_len);
  pbuf_free(data);
  return ERR_OK;
}

void Connection::read() {
  const NetCoreGuard core;
  reads = true;
  for (pbuf* data : std::exchange(unread_, {})) (void)on_received(this, server, data, ERR_OK);
}

err_t Connection::on_sent(void* self, tcp_pcb*, u16_t bytes) {
  auto& connection = *static_cast<Connection*>(self);
  connection.acknowledged_ += bytes;
  std::size_t done = bytes + connection.offset_;
  while (!connection.buffers_.empty() && done >= connection.buffers_.front()->len) {
    done -= connection.buffers_.front()->len;
    pbuf_free(connection.buffers_.front());
    connection.buffers_.pop_front();
  }
  connection.offset_ = done;
  connection.fill();
  return ERR_OK;
}

void Connection::fill() NO_THREAD_SAFETY_ANALYSIS {
  while (client != nullptr && written_ < to_write_ && written_ - acknowledged_ < most_queued) {
    const std::size_t size = std::min(kBufferSize, to_write_ - written_);
    pbuf* buffer = pattern_buffer(written_, size);
    if (tcp_write_buffer(*client, *buffer, 0) != ERR_OK) {
      pbuf_free(buffer);
      break;
    }
    buffers_.push_back(buffer);
    written_ += size;
  }
  if (client != nullptr) tcp_output(client);
}

void Connection::write(std::size_t bytes) {
  const NetCoreGuard core;
  to_write_ += bytes;
  fill();
}

bool Connection::transfer(std::size_t bytes, Duration limit) {
  write(bytes);
  return network_.run(limit, [this] { return received >= to_write_ || reset; }) && received == to_write_;
}

}  // namespace mokapot::simulated
