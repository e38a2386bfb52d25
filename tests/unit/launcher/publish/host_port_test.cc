// SPDX-License-Identifier: Apache-2.0
//
// The backlog of a listener that another process has, as QEMU has those of published ports.
//
// sources: launcher/net/ip_address.cc launcher/publish/host_port.cc

#include "publish/host_port.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <csignal>
#include <vector>

namespace moka {
namespace {

constexpr int kClients = 64;
constexpr int kPatienceMs = 300;  // of a client that gets no answer; loopback needs none

const IpAddress kLocal = IpAddress::v4_loopback();

std::uint16_t port_of(int socket) {
  sockaddr_in place{};
  socklen_t size = sizeof place;
  EXPECT_EQ(0, ::getsockname(socket, reinterpret_cast<sockaddr*>(&place), &size));
  return ntohs(place.sin_port);
}

// How many of many clients get a connection while nobody accepts any.
int connections_to(std::uint16_t port) {
  std::vector<UniqueFd> clients;
  int connected = 0;
  for (int i = 0; i < kClients; ++i) {
    UniqueFd client(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
    const SocketAddress place(kLocal, port);
    ::connect(client.get(), place.get(), place.size);
    pollfd item{client.get(), POLLOUT, 0};
    if (::poll(&item, 1, kPatienceMs) <= 0) break;
    if ((item.revents & POLLERR) == 0) ++connected;
    clients.push_back(std::move(client));
  }
  return connected;
}

class BacklogTest : public testing::Test {
 protected:
  void SetUp() override {
    BoundSocket bound = bind_port(kLocal, Protocol::kTcp, 0);
    ASSERT_TRUE(bound.socket);
    ASSERT_EQ(0, ::listen(bound.socket.get(), 1));
    port_ = port_of(bound.socket.get());
    owner_ = ::fork();
    ASSERT_GE(owner_, 0);
    if (owner_ == 0)
      for (;;) ::pause();
  }
  void TearDown() override {
    ::kill(owner_, SIGKILL);
    ::waitpid(owner_, nullptr, 0);
  }

  pid_t owner_ = -1;
  std::uint16_t port_ = 0;
};

TEST_F(BacklogTest, HoldsManyConnectionsOnceItIsLengthened) {
  EXPECT_LT(connections_to(port_), kClients);
  lengthen_backlog(owner_, kLocal, port_);
  EXPECT_EQ(kClients, connections_to(port_));
}

TEST_F(BacklogTest, OfAnotherPortStaysAsItIs) {
  lengthen_backlog(owner_, kLocal, static_cast<std::uint16_t>(port_ + 1));
  EXPECT_LT(connections_to(port_), kClients);
}

TEST_F(BacklogTest, OfAProcessThatIsNoMoreIsNoError) {
  ::kill(owner_, SIGKILL);
  ::waitpid(owner_, nullptr, 0);
  lengthen_backlog(owner_, kLocal, port_);
}

}  // namespace
}  // namespace moka
