// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/net/ip_address.cc launcher/publish/host_port.cc launcher/publish/relay.cc

#include "publish/relay.h"

#include <gtest/gtest.h>
#include <poll.h>

#include <cerrno>
#include <optional>
#include <string>

#include "publish/host_port.h"

namespace moka {
namespace {

const IpAddress kLocal = IpAddress::v4_loopback();

std::uint16_t port_of(int socket) {
  sockaddr_in place{};
  socklen_t size = sizeof place;
  EXPECT_EQ(0, ::getsockname(socket, reinterpret_cast<sockaddr*>(&place), &size));
  return ntohs(place.sin_port);
}

// A server that a test plays by hand, a relay to it, and a client of the relay.
class RelayTest : public testing::Test {
 protected:
  void SetUp() override {
    BoundSocket server = bind_port(kLocal, Protocol::kTcp, 0);
    server_ = std::move(server.socket);
    ASSERT_EQ(0, ::listen(server_.get(), 100));
    BoundSocket front = bind_port(kLocal, Protocol::kTcp, 0);
    front_port_ = port_of(front.socket.get());
    listener_ = relay_.open(std::move(front.socket), kLocal, port_of(server_.get()));
    ASSERT_NE(listener_, 0u);
  }

  UniqueFd connect() {
    UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const SocketAddress place(kLocal, front_port_);
    if (::connect(client.get(), place.get(), place.size) != 0) return UniqueFd();
    return client;
  }
  UniqueFd accept() {
    UniqueFd peer;
    turn([&] {
      peer = UniqueFd(::accept4(server_.get(), nullptr, nullptr, SOCK_NONBLOCK));
      return static_cast<bool>(peer);
    });
    return peer;
  }
  // Lets the relay work until `done`, five seconds at most.
  template <typename Done>
  void turn(Done done) {
    for (int turns = 0; turns < 500 && !done(); ++turns) {
      pollfd item{relay_.fd(), POLLIN, 0};
      ::poll(&item, 1, 10);
      relay_.pump();
    }
  }
  std::string read(const UniqueFd& socket, std::size_t size) {
    std::string text;
    turn([&] {
      char bytes[65536];
      const ssize_t count = ::recv(socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (count > 0) text.append(bytes, static_cast<std::size_t>(count));
      return count == 0 || text.size() >= size;
    });
    return text;
  }
  // 0 at an orderly end, else the error.
  int end_of(const UniqueFd& socket) {
    int end = -1;
    turn([&] {
      char byte;
      const ssize_t count = ::recv(socket.get(), &byte, 1, MSG_DONTWAIT);
      if (count == 0) end = 0;
      if (count < 0 && errno != EAGAIN) end = errno;
      return end >= 0;
    });
    return end;
  }

  Relay relay_;
  UniqueFd server_;
  std::uint16_t front_port_ = 0;
  std::uint64_t listener_ = 0;
};

TEST_F(RelayTest, CarriesBothWays) {
  const UniqueFd client = connect();
  const UniqueFd peer = accept();
  ASSERT_EQ(5, ::send(client.get(), "hello", 5, 0));
  EXPECT_EQ(read(peer, 5), "hello");
  ASSERT_EQ(2, ::send(peer.get(), "hi", 2, 0));
  EXPECT_EQ(read(client, 2), "hi");
}

TEST_F(RelayTest, PassesOnTheEndOfOneDirectionAlone) {
  const UniqueFd client = connect();
  const UniqueFd peer = accept();
  ASSERT_EQ(4, ::send(client.get(), "last", 4, 0));
  ::shutdown(client.get(), SHUT_WR);
  EXPECT_EQ(read(peer, 4), "last");
  EXPECT_EQ(end_of(peer), 0);
  // The other direction is open.
  ASSERT_EQ(6, ::send(peer.get(), "answer", 6, 0));
  EXPECT_EQ(read(client, 6), "answer");
  ::shutdown(peer.get(), SHUT_WR);
  EXPECT_EQ(end_of(client), 0);
  turn([&] { return relay_.connections() == 0; });
  EXPECT_EQ(relay_.connections(), 0u);
}

TEST_F(RelayTest, PassesOnAReset) {
  UniqueFd client = connect();
  const UniqueFd peer = accept();
  const linger at_once{1, 0};
  ::setsockopt(client.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  client.reset();
  EXPECT_EQ(end_of(peer), ECONNRESET);
  EXPECT_EQ(relay_.connections(), 0u);
}

TEST_F(RelayTest, AServerThatIsNotThereIsAReset) {
  server_.reset();
  const UniqueFd client = connect();
  EXPECT_EQ(end_of(client), ECONNRESET);
  EXPECT_EQ(relay_.connections(), 0u);
}

TEST_F(RelayTest, AReaderThatStallsLosesNothing) {
  const UniqueFd client = connect();
  const UniqueFd peer = accept();
  std::string sent;
  while (sent.size() < (std::size_t{32} << 20)) {
    const std::string chunk(65536, static_cast<char>('a' + sent.size() / 65536 % 26));
    const ssize_t count = ::send(peer.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (count > 0) sent.append(chunk, 0, static_cast<std::size_t>(count));
    if (count < 0) break;  // everything on the way is full, and the relay did not turn
    relay_.pump();
  }
  ::shutdown(peer.get(), SHUT_WR);
  EXPECT_TRUE(read(client, sent.size()) == sent);
  EXPECT_EQ(end_of(client), 0);
}

TEST_F(RelayTest, AClosedListenerLeavesConnectionsAlone) {
  const UniqueFd client = connect();
  const UniqueFd peer = accept();
  relay_.close(listener_);
  EXPECT_FALSE(connect());
  ASSERT_EQ(1, ::send(client.get(), "x", 1, 0));
  EXPECT_EQ(read(peer, 1), "x");
}

}  // namespace
}  // namespace moka
