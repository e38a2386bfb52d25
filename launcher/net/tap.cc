// SPDX-License-Identifier: Apache-2.0
#include "net/tap.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>

#include "support/command.h"
#include "support/files.h"

namespace moka {
namespace {

constexpr const char* kDevice = "/dev/net/tun";
constexpr const char* kInterfaces = "/sys/class/net/";
// Where distributions put it.
constexpr const char* kHelpers[] = {"/usr/lib/qemu/qemu-bridge-helper",
                                    "/usr/libexec/qemu-bridge-helper",
                                    "/usr/local/libexec/qemu-bridge-helper"};
constexpr std::size_t kLargestAttribute = 4096;

// IFF_... of a tap as the kernel shows them, in hexadecimal; 0 where it is none.
unsigned flags_of_tap(const std::string& name) {
  const Result<std::string> text = read_file(kInterfaces + name + "/tun_flags", kLargestAttribute);
  unsigned flags = 0;
  if (!text) return 0;
  const std::string_view digits = trim(text.value());
  if (digits.starts_with("0x"))
    std::from_chars(digits.data() + 2, digits.data() + digits.size(), flags, 16);
  return flags;
}

Error advice(const std::string& option, int error_number) {
  switch (error_number) {
    case EBUSY:
      return Error{option + " is in use by another program; make one for each VM"};
    case EPERM:
    case EACCES:
      return Error{option +
                   " may not be opened: make it this user's (ip tuntap add dev NAME mode "
                   "tap user USER), and let the user open " +
                   kDevice};
    default:
      return Error{option + " cannot be opened: " + error_text(error_number)};
  }
}

// The descriptor that came as a message's ancillary data, or none.
UniqueFd receive_descriptor(int socket) {
  char byte;
  iovec data{&byte, 1};
  alignas(cmsghdr) char space[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &data;
  message.msg_iovlen = 1;
  message.msg_control = space;
  message.msg_controllen = sizeof space;
  ssize_t count;
  do {
    count = ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
  } while (count < 0 && errno == EINTR);
  const cmsghdr* header = count > 0 ? CMSG_FIRSTHDR(&message) : nullptr;
  if (header == nullptr || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int)))
    return UniqueFd();
  int descriptor;
  std::memcpy(&descriptor, CMSG_DATA(header), sizeof descriptor);
  return UniqueFd(descriptor);
}

}  // namespace

Result<std::vector<UniqueFd>> open_tap(const std::string& name, unsigned most, FrameHeader header) {
  const std::string option = "--net tap:" + name;
  const unsigned flags = flags_of_tap(name);
  // Opening a name that does not exist would make it, for those who may.
  if ((flags & IFF_TAP) == 0)
    return Error{option + (::if_nametoindex(name.c_str()) == 0
                               ? ": there is no such interface; make it: ip tuntap add dev " +
                                     name + " mode tap user $USER"
                               : " is an interface, but no tap")};
  // All queues of a tap must be asked for alike.
  const bool has_queues = (flags & IFF_MULTI_QUEUE) != 0;
  std::vector<UniqueFd> queues;
  while (queues.size() < (has_queues ? most : 1u)) {
    UniqueFd queue(::open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC));
    if (!queue) return advice(option, errno);
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_flags = static_cast<short>(IFF_TAP | IFF_NO_PI |
                                           (header == FrameHeader::kVirtio ? IFF_VNET_HDR : 0) |
                                           (has_queues ? IFF_MULTI_QUEUE : 0));
    if (::ioctl(queue.get(), TUNSETIFF, &request) != 0) {
      // The kernel has fewer queues than the VM has processors.
      if (errno == E2BIG && !queues.empty()) break;
      return advice(option, errno);
    }
    queues.push_back(std::move(queue));
  }
  return queues;
}

Result<UniqueFd> open_bridge(const std::string& name, FrameHeader header) {
  const std::string option = "--net bridge:" + name;
  if (!is_directory(kInterfaces + name + "/bridge"))
    return Error{option + ": there is no such bridge; make it: ip link add " + name +
                 " type bridge"};
  std::string helper;
  for (const char* place : kHelpers)
    if (helper.empty() && ::access(place, X_OK) == 0) helper = place;
  if (helper.empty())
    return Error{option + " needs qemu-bridge-helper: install it (Debian: qemu-system-common)"};
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
    return Error{option + ": " + error_text(errno)};
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  std::vector<std::string> command{helper, "--br=" + name, "--fd=" + std::to_string(theirs.get())};
  if (header == FrameHeader::kVirtio) command.insert(command.begin() + 1, "--use-vnet");
  const CommandOutcome outcome = run_command(command, {}, {theirs.get()});
  theirs.reset();
  UniqueFd tap = receive_descriptor(ours.get());
  if (tap) return tap;
  return Error{option + " may not be used: " + std::string(trim(outcome.output)) +
               "; allow it in /etc/qemu/bridge.conf (allow " + name +
               ") and let the helper run as root"};
}

}  // namespace moka
