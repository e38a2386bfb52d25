// SPDX-License-Identifier: Apache-2.0
#include "publish/relay.h"

#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>
#include <string_view>

namespace moka {
namespace {

constexpr int kEventsAtOnce = 64;
constexpr int kAcceptsAtOnce = 32;
constexpr std::size_t kChunk = 64 * 1024;

// In an event's number the lowest bit tells the sides of a connection apart.
std::uint64_t tag_of(std::uint64_t number, int side) {
  return number << 1 | static_cast<std::uint64_t>(side);
}

bool would_block(int error_number) { return error_number == EAGAIN || error_number == EWOULDBLOCK; }

// Small answers go at once, as they do where the client talks to the server itself.
void send_at_once(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

// When it is closed its peer shall see a reset and not an orderly end.
void end_by_reset(int socket) {
  const linger at_once{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

}  // namespace

// Two sockets, and what each has still to be given.
class Relay::Connection {
 public:
  Connection(int events, std::uint64_t number, UniqueFd client, UniqueFd server)
      : events_(events), number_(number) {
    sides_[0].socket = std::move(client);
    sides_[1].socket = std::move(server);
    // Until it is connected the server's side only waits to become writable.
    sides_[1].is_connecting = true;
    update();
  }

  // False once the connection is over.
  bool handle(int side, std::uint32_t events) {
    if (sides_[side].is_connecting && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0) {
      int error = 0;
      socklen_t size = sizeof error;
      ::getsockopt(sides_[side].socket.get(), SOL_SOCKET, SO_ERROR, &error, &size);
      if (error != 0) return reset();
      sides_[side].is_connecting = false;
    }
    for (const int from : {0, 1})
      if (!carry(sides_[from], sides_[1 - from])) return reset();
    if (sides_[0].is_finished && sides_[1].is_finished) return false;
    update();
    return true;
  }

 private:
  struct Side {
    UniqueFd socket;
    std::string unsent;  // for this side's peer
    bool is_connecting = false;
    bool has_ended = false;     // its peer sends no more
    bool is_finished = false;   // it was told that no more comes
    std::uint32_t watched = 0;  // epoll's events; 0: not in the set
  };

  // Moves what can be moved from one side to the other; false after a reset.
  static bool carry(Side& from, Side& to) {
    if (to.is_connecting) return true;
    if (!flush(to)) return false;
    // One chunk a turn, so that no connection keeps the others waiting.
    if (!from.has_ended && !from.is_connecting && to.unsent.empty()) {
      char bytes[kChunk];
      const ssize_t count = ::recv(from.socket.get(), bytes, sizeof bytes, 0);
      if (count < 0 && !would_block(errno) && errno != EINTR) return false;
      from.has_ended = count == 0;
      if (count > 0) {
        to.unsent.assign(bytes, static_cast<std::size_t>(count));
        if (!flush(to)) return false;
      }
    }
    if (from.has_ended && to.unsent.empty() && !to.is_finished) {
      to.is_finished = true;
      ::shutdown(to.socket.get(), SHUT_WR);
    }
    return true;
  }

  static bool flush(Side& side) {
    std::size_t sent = 0;
    while (sent < side.unsent.size()) {
      const ssize_t count = ::send(side.socket.get(), side.unsent.data() + sent,
                                   side.unsent.size() - sent, MSG_NOSIGNAL);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0 && would_block(errno)) break;
      if (count < 0) return false;
      sent += static_cast<std::size_t>(count);
    }
    // An idle connection holds no buffer.
    side.unsent = sent == side.unsent.size() ? std::string() : side.unsent.substr(sent);
    return true;
  }

  bool reset() {
    for (Side& side : sides_) end_by_reset(side.socket.get());
    return false;
  }

  void update() {
    for (const int side : {0, 1}) {
      const Side& self = sides_[side];
      const Side& other = sides_[1 - side];
      std::uint32_t wanted = 0;
      if (self.is_connecting || !self.unsent.empty()) wanted |= EPOLLOUT;
      if (!self.has_ended && !self.is_connecting && !other.is_connecting && other.unsent.empty())
        wanted |= EPOLLIN;
      watch(side, wanted);
    }
  }

  // A socket of which nothing is wanted leaves the set: epoll would go on to tell of its hang-up.
  void watch(int side, std::uint32_t wanted) {
    Side& self = sides_[side];
    if (wanted == self.watched) return;
    epoll_event event{};
    event.events = wanted;
    event.data.u64 = tag_of(number_, side);
    const int operation = wanted == 0         ? EPOLL_CTL_DEL
                          : self.watched == 0 ? EPOLL_CTL_ADD
                                              : EPOLL_CTL_MOD;
    ::epoll_ctl(events_, operation, self.socket.get(), &event);
    self.watched = wanted;
  }

  const int events_;
  const std::uint64_t number_;
  Side sides_[2];  // client, server
};

Relay::Relay() : events_(::epoll_create1(EPOLL_CLOEXEC)) {}

Relay::~Relay() = default;

std::uint64_t Relay::open(UniqueFd socket, const IpAddress& address, std::uint16_t port) {
  const std::uint64_t number = ++last_number_;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = tag_of(number, 0);
  if (::listen(socket.get(), SOMAXCONN) != 0 ||
      ::epoll_ctl(events_.get(), EPOLL_CTL_ADD, socket.get(), &event) != 0)
    return 0;
  listeners_.emplace(number, Listener{std::move(socket), address, port});
  return number;
}

void Relay::close(std::uint64_t listener) { listeners_.erase(listener); }

void Relay::pump() {
  epoll_event ready[kEventsAtOnce];
  const int count = ::epoll_wait(events_.get(), ready, kEventsAtOnce, 0);
  for (int index = 0; index < count; ++index) {
    const std::uint64_t number = ready[index].data.u64 >> 1;
    const int side = static_cast<int>(ready[index].data.u64 & 1);
    if (const auto listener = listeners_.find(number); listener != listeners_.end()) {
      accept_some(number, listener->second);
      continue;
    }
    const auto connection = connections_.find(number);
    // It may have ended by the event of its other side.
    if (connection == connections_.end()) continue;
    if (connection->second->handle(side, ready[index].events)) continue;
    connections_.erase(connection);
    resume_listeners();
  }
}

void Relay::accept_some(std::uint64_t number, Listener& listener) {
  for (int count = 0; count < kAcceptsAtOnce; ++count) {
    UniqueFd client(
        ::accept4(listener.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    const int error_number = errno;
    UniqueFd server;
    if (client)
      server = UniqueFd(::socket(listener.address.is_v4() ? AF_INET : AF_INET6,
                                 SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!server) {
      const int failure = client ? errno : error_number;
      if (failure != EMFILE && failure != ENFILE) return;
      epoll_event nothing{};
      nothing.data.u64 = tag_of(number, 0);
      ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, listener.socket.get(), &nothing);
      listener.is_paused = true;
      return;
    }
    send_at_once(client.get());
    send_at_once(server.get());
    const SocketAddress place(listener.address, listener.port);
    if (::connect(server.get(), place.get(), place.size) != 0 && errno != EINPROGRESS) {
      end_by_reset(client.get());
      continue;
    }
    const std::uint64_t connection = ++last_number_;
    connections_.emplace(connection,
                         std::make_unique<Connection>(events_.get(), connection, std::move(client),
                                                      std::move(server)));
  }
}

void Relay::resume_listeners() {
  for (auto& [number, listener] : listeners_) {
    if (!listener.is_paused) continue;
    listener.is_paused = false;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = tag_of(number, 0);
    ::epoll_ctl(events_.get(), EPOLL_CTL_MOD, listener.socket.get(), &event);
  }
}

}  // namespace moka
