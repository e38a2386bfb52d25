// SPDX-License-Identifier: Apache-2.0
#include "tools/tool_server.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>

#include "support/files.h"
#include "tools/socket_path.h"

namespace moka {
namespace {

namespace contract = mokapot::contract;

constexpr int kEventsAtOnce = 64;
constexpr std::uint64_t kPortTag = 1ull << 32, kListenerTag = kPortTag + 1;
// A client whose answer piles up so high has given windows for what it does not read.
constexpr std::size_t kMostUnsent = 4 * contract::kToolWindowLimit;
// Questions wait in their clients' sockets while the guest takes none.
constexpr std::size_t kMostForGuest = 64 * 1024;
constexpr int kBacklog = 64;
constexpr std::uint32_t kReading = EPOLLIN, kWriting = EPOLLOUT;

bool would_block(int error_number) { return error_number == EAGAIN || error_number == EWOULDBLOCK; }

}  // namespace

Result<UniqueFd> listen_for_tools(const std::string& folder) {
  UniqueFd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const SocketPath path(folder);
  ::unlink((folder + "/socket").c_str());
  if (!listener || !path || ::bind(listener.get(), path.get(), path.size()) != 0 ||
      ::listen(listener.get(), kBacklog) != 0)
    return Error{"cannot listen for tools in " + folder + ": " + error_text(errno)};
  ::chmod((folder + "/socket").c_str(), 0600);
  return listener;
}

ToolServer::ToolServer(UniqueFd port, UniqueFd listener, std::function<void()> kill)
    : events_(::epoll_create1(EPOLL_CLOEXEC)),
      port_(std::move(port)),
      listener_(std::move(listener)),
      kill_(std::move(kill)) {
  refresh_port();
  watch(listener_.get(), kListenerTag, kReading, listener_watched_);
}

// What nothing is wanted of leaves the set: epoll would go on to tell of its hang-up.
void ToolServer::watch(int fd, std::uint64_t tag, std::uint32_t wanted, std::uint32_t& watched) {
  if (fd < 0 || wanted == watched) return;
  epoll_event event{};
  event.events = wanted;
  event.data.u64 = tag;
  const int operation = wanted == 0 ? EPOLL_CTL_DEL : watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
  ::epoll_ctl(events_.get(), operation, fd, &event);
  watched = wanted;
}

void ToolServer::refresh_port() {
  watch(port_.get(), kPortTag, unsent_.empty() ? kReading : kReading | kWriting, port_watched_);
}

void ToolServer::refresh(std::uint32_t stream, Client& client) {
  const bool listens = !client.is_finished && unsent_.size() < kMostForGuest;
  std::uint32_t wanted = EPOLLRDHUP;
  if (listens) wanted |= kReading;
  if (!client.unsent.empty()) wanted |= kWriting;
  watch(client.socket.get(), stream, wanted, client.watched);
}

void ToolServer::pump() {
  epoll_event ready[kEventsAtOnce];
  const int count = ::epoll_wait(events_.get(), ready, kEventsAtOnce, 0);
  for (int index = 0; index < count; ++index) {
    const std::uint64_t tag = ready[index].data.u64;
    if (tag == kPortTag) {
      flush_port();
      read_port();
    } else if (tag == kListenerTag) {
      accept_clients();
    } else if (const auto client = clients_.find(static_cast<std::uint32_t>(tag));
               client != clients_.end()) {
      if (serve(client->first, client->second, ready[index].events))
        refresh(client->first, client->second);
      else
        drop(client->first);
    }
  }
  refresh_port();
}

void ToolServer::accept_clients() {
  while (true) {
    UniqueFd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!socket) {
      // Without a descriptor to spare the listener rests until a client goes.
      if (errno == EMFILE || errno == ENFILE)
        watch(listener_.get(), kListenerTag, 0, listener_watched_);
      return;
    }
    const std::uint32_t stream = ++last_stream_;
    Client& client = clients_[stream];
    client.socket = std::move(socket);
    refresh(stream, client);
  }
}

bool ToolServer::serve(std::uint32_t stream, Client& client, std::uint32_t events) {
  send_what_fits(client.socket.get(), client.unsent);
  if (client.is_finished) return !client.unsent.empty() && (events & (EPOLLERR | EPOLLHUP)) == 0;
  char bytes[4096];
  while (unsent_.size() < kMostForGuest) {
    const ssize_t count = ::recv(client.socket.get(), bytes, sizeof bytes, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && would_block(errno)) break;
    if (count <= 0) return false;  // a tool that ends its side has gone
    client.reader.append({bytes, static_cast<std::size_t>(count)});
    while (const std::optional<ToolFrame> frame = client.reader.take())
      if (!handle(stream, client, *frame)) return false;
    if (client.reader.is_broken()) return false;
  }
  return (events & (EPOLLERR | EPOLLHUP)) == 0;
}

// What a client says, in the guest's eyes on the stream that we chose.
bool ToolServer::handle(std::uint32_t stream, Client& client, const ToolFrame& frame) {
  if (client.is_finished) return true;
  if (!client.has_asked) {
    if (frame.type != contract::kToolOpen) return false;
    client.has_asked = true;
    if (frame.payload == encode_words({kMoka, kMokaKill})) {
      finish(client, stream, contract::kToolOk, "");
      kill_();
      return true;
    }
  } else if (frame.type != contract::kToolWindow) {
    return false;
  }
  if (!port_) {
    finish(client, stream, contract::kToolFailed, "the VM has no channel for tools");
    return true;
  }
  send_to_guest(encode_frame(stream, frame.type, frame.payload));
  return true;
}

void ToolServer::finish(Client& client, std::uint32_t stream, unsigned char code,
                        std::string_view text) {
  client.unsent +=
      encode_frame(stream, contract::kToolEnd, static_cast<char>(code) + std::string(text));
  client.is_finished = true;
  send_what_fits(client.socket.get(), client.unsent);
}

void ToolServer::send_to_guest(const std::string& frame) {
  unsent_ += frame;
  flush_port();
}

void ToolServer::flush_port() {
  if (port_) send_what_fits(port_.get(), unsent_);
}

void ToolServer::read_port() {
  char bytes[65536];
  while (port_) {
    const ssize_t count = ::recv(port_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && would_block(errno)) break;
    if (count <= 0) {
      end();
      break;
    }
    port_reader_.append({bytes, static_cast<std::size_t>(count)});
    while (std::optional<ToolFrame> frame = port_reader_.take()) {
      const auto found = clients_.find(frame->stream);
      if (found == clients_.end()) continue;  // it went before its answer came
      Client& client = found->second;
      if (frame->type == contract::kToolEnd && !frame->payload.empty()) {
        finish(client, frame->stream, static_cast<unsigned char>(frame->payload[0]),
               std::string_view(frame->payload).substr(1));
      } else if (frame->type == contract::kToolData && !client.is_finished) {
        client.unsent += encode_frame(frame->stream, frame->type, frame->payload);
        send_what_fits(client.socket.get(), client.unsent);
      }
      if ((client.is_finished && client.unsent.empty()) || client.unsent.size() > kMostUnsent)
        drop(found->first);
      else
        refresh(found->first, client);
    }
    if (port_reader_.is_broken()) end();
  }
}

void ToolServer::drop(std::uint32_t stream) {
  const auto found = clients_.find(stream);
  const bool is_open = found->second.has_asked && !found->second.is_finished;
  clients_.erase(found);
  if (is_open && port_) send_to_guest(encode_frame(stream, contract::kToolClose, ""));
  watch(listener_.get(), kListenerTag, kReading, listener_watched_);
}

void ToolServer::end() {
  port_.reset();
  port_watched_ = 0;
  unsent_.clear();
  for (auto& [stream, client] : clients_) {
    if (client.is_finished) continue;
    finish(client, stream, contract::kToolFailed, "the VM has ended");
    refresh(stream, client);
  }
}

}  // namespace moka
