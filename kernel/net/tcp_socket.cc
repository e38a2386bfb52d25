// SPDX-License-Identifier: Apache-2.0
#include "net/tcp_socket.h"

#include <algorithm>
#include <cstring>

#include "net/tcp_stack.h"

namespace mokapot {
namespace {

// What SO_SNDBUF and SO_RCVBUF show at first: net.ipv4.tcp_wmem and tcp_rmem.
constexpr std::int32_t kShownSendBuffer = 16384, kShownReceiveBuffer = 131072;

// IPPROTO_TCP's options that are more than a number each, or that depend on the connection.
enum : int { kMaximumSegment = 2, kLinger2 = 8, kWindowClamp = 10, kInformation = 11, kCongestion = 13 };
constexpr std::uint32_t kLeastWindowClamp = 1152;
constexpr std::int32_t kLeastSegment = 88, kMostSegment = 32767, kUsualSegment = 536;

// struct tcp_info up to tcpi_snd_wnd.
struct TcpInformation {
  std::uint8_t state, congestion_state, retransmits, probes, backoff, options, scales, flags;
  std::uint32_t retransmit_us, acknowledge_us, send_mss, receive_mss;
  std::uint32_t unacknowledged, selectively_acknowledged, lost, retransmitting, forward_acknowledged;
  std::uint32_t last_data_sent, last_ack_sent, last_data_received, last_ack_received;
  std::uint32_t path_mtu, receive_threshold, round_trip_us, round_trip_variance_us, slow_start_threshold;
  std::uint32_t congestion_window, advertised_mss, reordering, receive_round_trip, receive_space, total_retransmits;
  std::uint64_t pacing_rate, most_pacing_rate, bytes_acknowledged, bytes_received;
  std::uint32_t segments_out, segments_in, not_sent_bytes, least_round_trip, data_segments_in, data_segments_out;
  std::uint64_t delivery_rate, busy_time, window_limited, buffer_limited;
  std::uint32_t delivered, delivered_marked;
  std::uint64_t bytes_sent, bytes_retransmitted;
  std::uint32_t duplicate_acks, reordering_seen, received_out_of_order, send_window;
};
static_assert(sizeof(TcpInformation) == 232);
constexpr std::uint32_t kAcknowledgementDelay = 50'000;  // microseconds: TCP's tick
constexpr std::uint8_t kOptionTimestamps = 1, kOptionSelectiveAcks = 2, kOptionScaling = 4;

}  // namespace

TcpSocket::TcpSocket(int family, std::uint32_t flags) : InetSocket(family, kSocketStream, kProtocolTcp, flags) {
  set_initial_buffers(kShownSendBuffer, kShownReceiveBuffer);
}

TcpSocket::~TcpSocket() {
  stop_listening();
  RefPtr<TcpEndpoint> connection = endpoint();
  if (connection) {
    const std::int32_t seconds = linger();
    if (seconds > 0 && connection->received() == 0 && connection->state() != TcpState::kClosed) {
      connection->end_sending();
      connection->want_drained();
      wait_until(readiness(), now() + Duration::seconds(seconds), Interruptible::kYes,
                 [&] { return connection->is_drained(); });
    }
    connection->close(seconds == 0 ? TcpEndpoint::Close::kReset : TcpEndpoint::Close::kOrderly);
  }
  release_port(InetProtocol::kTcp, holder_);
}

TcpSettings TcpSocket::settings() const {
  TcpSettings settings;
  settings.no_delay = options_.on(Option::kNoDelay);
  settings.keep_alive = options_.on(Option::kKeepAlive);
  settings.keep_idle_s = static_cast<std::uint32_t>(options_.get(Option::kKeepIdle));
  settings.keep_interval_s = static_cast<std::uint32_t>(options_.get(Option::kKeepInterval));
  settings.keep_count = static_cast<std::uint32_t>(options_.get(Option::kKeepCount));
  settings.user_timeout_ms = static_cast<std::uint32_t>(options_.get(Option::kUserTimeout));
  settings.type_of_service = static_cast<std::uint8_t>(options_.get(Option::kTypeOfService));
  settings.time_to_live = static_cast<std::uint8_t>(options_.get(Option::kTimeToLive));
  if (send_buffer_given()) settings.send_limit = send_buffer();
  if (receive_buffer_given()) settings.receive_limit = receive_buffer();
  settings.window_clamp = window_clamp_.load(std::memory_order_relaxed);
  return settings;
}

void TcpSocket::option_changed(Option option) {
  const RefPtr<TcpEndpoint> connection = endpoint();
  if (!connection) return;
  switch (option) {
    case Option::kOutOfBandInline: connection->set_out_of_band_inline(options_.on(option)); break;
    case Option::kCork:
      if (!options_.on(option)) connection->push(TcpEndpoint::Nagle::kHeeded);
      break;
    case Option::kNoDelay:
      connection->apply(settings());
      // tcp(7): each time that it is set, and though TCP_CORK is.
      if (options_.on(option) && connection->unsent() != 0) connection->push(TcpEndpoint::Nagle::kPassed);
      break;
    case Option::kKeepAlive:
    case Option::kKeepIdle:
    case Option::kKeepInterval:
    case Option::kKeepCount:
    case Option::kUserTimeout:
    case Option::kTypeOfService:
    case Option::kTrafficClass:
    case Option::kTimeToLive: connection->apply(settings()); break;
    case Option::kReceiveLowWater: notify(); break;
    default: break;
  }
}

void TcpSocket::buffers_changed() {
  if (const RefPtr<TcpEndpoint> connection = endpoint()) connection->apply(settings());
}

Result<SocketAddress> TcpSocket::local_address() {
  const RefPtr<TcpEndpoint> connection = endpoint();
  // A connection that is over leaves what bind(2) gave.
  if (connection && connection->state() != TcpState::kClosed) return to_socket_address(connection->local, family_);
  InetEndpoint local = port_of(holder_);
  if (local.port == 0) local.address = InetAddress::any(family_);
  return to_socket_address(local, family_);
}

Result<SocketAddress> TcpSocket::peer_address() {
  const RefPtr<TcpEndpoint> connection = endpoint();
  if (!connection || connection->state() == TcpState::kClosed || connection->state() == TcpState::kSynSent) {
    return Errno::kENOTCONN;
  }
  return to_socket_address(connection->remote, family_);
}

InetSocket::Shown TcpSocket::shown(const PortHolder& holder) {
  Shown shown;
  shown.local = holder.local;
  shown.state = static_cast<std::uint8_t>(is_listening() ? TcpState::kListen : TcpState::kClosed);
  const Result<FileStatus> known = status();
  if (known.ok()) shown.inode = known.value().inode;
  SpinGuard guard(lock_);
  if (listener_) shown.to_read = listener_->accepted_count;
  if (listener_) shown.to_send = listener_->backlog;
  if (!endpoint_) return shown;
  shown.local = endpoint_->local;
  shown.remote = endpoint_->remote;
  shown.state = static_cast<std::uint8_t>(endpoint_->state());
  shown.to_send = endpoint_->unsent();
  shown.to_read = endpoint_->received();
  return shown;
}

Result<void> TcpSocket::set_special_option(int level, int name, std::span<const std::uint8_t> value) {
  // Groups are for datagrams.
  if ((level == kLevelIp && name >= 35 && name <= 48) || (level == kLevelIpv6 && name >= 42 && name <= 48)) {
    return Errno::kEPROTO;
  }
  if (level != kLevelTcp) return Errno::kENOPROTOOPT;
  std::int32_t number = 0;
  if (name == kCongestion) {
    const std::string_view algorithm(reinterpret_cast<const char*>(value.data()), value.size());  // SAFETY: text
    return algorithm.substr(0, algorithm.find('\0')) == "reno" ? Result<void>() : Errno::kENOENT;
  }
  if (value.size() < sizeof(number)) return Errno::kEINVAL;
  std::memcpy(&number, value.data(), sizeof(number));
  switch (name) {
    case kMaximumSegment:
      if (number != 0 && (number < kLeastSegment || number > kMostSegment)) return Errno::kEINVAL;
      segment_limit_.store(number, std::memory_order_relaxed);
      return {};
    case kLinger2: return {};  // what it bounds is bounded here anyway
    case kWindowClamp: {
      const RefPtr<TcpEndpoint> connection = endpoint();
      if (number == 0 && (is_listening() || (connection && connection->state() != TcpState::kClosed))) return Errno::kEINVAL;
      // Negative is as good as none; Linux takes it for a large number, too.
      const std::uint32_t clamp = number == 0 ? 0 : std::max(static_cast<std::uint32_t>(number), kLeastWindowClamp);
      window_clamp_.store(clamp, std::memory_order_relaxed);
      if (connection) connection->apply(settings());
      return {};
    }
    default: return Errno::kENOPROTOOPT;
  }
}

Result<std::size_t> TcpSocket::special_option(int level, int name, std::span<std::uint8_t> value) {
  if (level != kLevelTcp) return Errno::kENOPROTOOPT;
  const RefPtr<TcpEndpoint> connection = endpoint();
  switch (name) {
    case kMaximumSegment: {
      const std::int32_t limit = segment_limit_.load(std::memory_order_relaxed);
      if (connection && connection->state() != TcpState::kClosed) {
        return give_option_number(level, static_cast<std::int32_t>(connection->figures().send_mss), value);
      }
      return give_option_number(level, limit != 0 ? limit : kUsualSegment, value);
    }
    case kLinger2: return give_option_number(level, 60, value);
    case kWindowClamp:
      return give_option_number(level, static_cast<std::int32_t>(window_clamp_.load(std::memory_order_relaxed)), value);
    case kInformation: return give_information(value);
    case kCongestion: {
      constexpr char kName[16] = "reno";
      const std::size_t size = std::min(value.size(), sizeof(kName));
      std::memcpy(value.data(), kName, size);
      return size;
    }
    default: return Errno::kENOPROTOOPT;
  }
}

Result<std::size_t> TcpSocket::give_information(std::span<std::uint8_t> value) {
  TcpInformation information{};
  const RefPtr<TcpEndpoint> connection = endpoint();
  information.state = static_cast<std::uint8_t>(is_listening()  ? TcpState::kListen
                                                : !connection   ? TcpState::kClosed
                                                                : connection->state());
  if (connection) {
    const TcpFigures figures = connection->figures();
    information.options = static_cast<std::uint8_t>((figures.timestamps ? kOptionTimestamps : 0) |
                                                    (figures.selective_acks ? kOptionSelectiveAcks : 0) |
                                                    (figures.scaling ? kOptionScaling : 0));
    information.scales = static_cast<std::uint8_t>((figures.send_scale & 15) | figures.receive_scale << 4);
    information.retransmit_us = figures.retransmit_us;
    information.send_mss = figures.send_mss;
    information.receive_mss = information.advertised_mss = figures.receive_mss;
    information.path_mtu = figures.send_mss + 52;  // with headers and timestamps
    information.unacknowledged = figures.unacknowledged;
    information.selectively_acknowledged = figures.selectively_acknowledged;
    information.lost = figures.lost;
    information.retransmitting = figures.retransmitting;
    information.retransmits = static_cast<std::uint8_t>(figures.retransmits);
    information.total_retransmits = figures.total_retransmits;
    information.congestion_state = figures.congestion_state;
    information.backoff = figures.backoff;
    information.probes = figures.probes;
    information.acknowledge_us = kAcknowledgementDelay;
    information.last_data_sent = figures.last_data_sent_ms;
    information.last_data_received = figures.last_data_received_ms;
    information.last_ack_received = figures.last_ack_received_ms;
    information.least_round_trip = figures.least_round_trip_us;
    information.bytes_acknowledged = figures.bytes_acknowledged;
    information.bytes_received = figures.bytes_received;
    information.bytes_sent = figures.bytes_sent;
    information.bytes_retransmitted = figures.bytes_retransmitted;
    information.segments_out = figures.segments_out;
    information.segments_in = figures.segments_in;
    information.data_segments_out = figures.data_segments_out;
    information.data_segments_in = figures.data_segments_in;
    information.not_sent_bytes = figures.not_sent_bytes;
    information.delivered = figures.delivered;
    information.duplicate_acks = figures.duplicates_reported;
    information.reordering_seen = figures.reordering_seen;
    information.receive_threshold = figures.receive_window;
    information.pacing_rate = information.most_pacing_rate = UINT64_MAX;  // nothing is paced
    information.round_trip_us = figures.round_trip_us;
    information.round_trip_variance_us = figures.round_trip_variance_us;
    information.slow_start_threshold = figures.slow_start_threshold;
    information.congestion_window = figures.congestion_window;
    information.receive_space = figures.receive_window;
    information.send_window = figures.send_window;
    information.reordering = 3;
  }
  const std::size_t size = std::min(value.size(), sizeof(information));
  std::memcpy(value.data(), &information, size);
  return size;
}

}  // namespace mokapot
