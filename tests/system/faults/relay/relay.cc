// SPDX-License-Identifier: Apache-2.0
//
// A bad network between two taps: `relay SEED TAP TAP`. Frames that one tap's interface sends come out of the other's,
// as far as the profile in use allows. Each line of standard input is a profile (impairment.h), `counts`, or nothing
// for a good network, and is answered by a line; the end of input ends the program.
//
// One thread: what is decided depends on the order of the frames only.
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/system/faults/relay/impairment.h"

namespace {

using relay::Frame;
using relay::Impairment;

constexpr std::size_t kLargestFrame = 65536;
constexpr int kBatch = 64;  // from one tap before the other has its turn

std::uint64_t now_us() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(time).count());
}

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(1);
}

int open_tap(const char* name) {
  const int tap = ::open("/dev/net/tun", O_RDWR | O_NONBLOCK);
  if (tap < 0) fail("/dev/net/tun");
  ifreq request{};
  std::strncpy(request.ifr_name, name, IFNAMSIZ - 1);
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  if (::ioctl(tap, TUNSETIFF, &request) != 0) fail(name);
  return tap;
}

struct Way {
  int from, to;
  Impairment impairment;

  void receive() {
    unsigned char bytes[kLargestFrame];
    for (int i = 0; i < kBatch; ++i) {
      const ssize_t size = ::read(from, bytes, sizeof bytes);
      if (size <= 0) return;  // nothing more, or the interface is down
      impairment.put(Frame(bytes, bytes + size), now_us());
    }
  }

  void send() {
    while (const std::optional<Frame> frame = impairment.take(now_us())) {
      // An interface that is down takes nothing: a frame lost, as on a real link.
      if (::write(to, frame->data(), frame->size()) < 0 && errno != EIO && errno != EAGAIN && errno != EINVAL)
        fail("write");
    }
  }
};

void print_counts(const Way& way) {
  const relay::Counts& c = way.impairment.counts();
  std::printf("%llu %llu %llu %llu %llu %llu ", static_cast<unsigned long long>(c.passed),
              static_cast<unsigned long long>(c.lost), static_cast<unsigned long long>(c.duplicated),
              static_cast<unsigned long long>(c.reordered), static_cast<unsigned long long>(c.corrupted),
              static_cast<unsigned long long>(c.overflowed));
}

void obey(const std::string& line, Way& there, Way& back) {
  if (line == "counts") {
    print_counts(there);
    print_counts(back);
    std::puts("");
    return;
  }
  const auto profile = relay::parse_profile(line);
  if (!profile) {
    std::puts("no such profile");
    return;
  }
  there.impairment.use(*profile);
  back.impairment.use(*profile);
  std::puts("ok");
}

int timeout_ms(const Way& there, const Way& back) {
  const auto a = there.impairment.due(), b = back.impairment.due();
  if (!a && !b) return -1;
  const std::uint64_t next = !a ? *b : !b ? *a : std::min(*a, *b), now = now_us();
  return next <= now ? 0 : static_cast<int>((next - now + 999) / 1000);
}

}  // namespace

int main(int count, char** words) {
  if (count != 4) {
    std::fputs("usage: relay SEED TAP TAP\n", stderr);
    return 2;
  }
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  const std::uint64_t seed = std::strtoull(words[1], nullptr, 10);
  const int first = open_tap(words[2]), second = open_tap(words[3]);
  Way there{first, second, Impairment(seed)}, back{second, first, Impairment(seed + 1)};
  std::puts("ready");
  std::string input;
  while (true) {
    pollfd watched[] = {{first, POLLIN, 0}, {second, POLLIN, 0}, {0, POLLIN, 0}};
    if (::poll(watched, 3, timeout_ms(there, back)) < 0 && errno != EINTR) fail("poll");
    if (watched[2].revents != 0) {
      char bytes[256];
      const ssize_t size = ::read(0, bytes, sizeof bytes);
      if (size <= 0) return 0;
      input.append(bytes, static_cast<std::size_t>(size));
      for (std::size_t end; (end = input.find('\n')) != std::string::npos; input.erase(0, end + 1))
        obey(input.substr(0, end), there, back);
    }
    if (watched[0].revents != 0) there.receive();
    if (watched[1].revents != 0) back.receive();
    there.send();
    back.send();
  }
}
