// SPDX-License-Identifier: Apache-2.0
#include "session/streams.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "contract/vm_contract.h"

namespace moka {
namespace {

namespace contract = mokapot::contract;

bool would_block(int error_number) { return error_number == EAGAIN || error_number == EWOULDBLOCK; }

// Whether an operation would not wait right now.
bool is_ready(int fd, short events) {
  pollfd item{fd, events, 0};
  return ::poll(&item, 1, 0) == 1 && (item.revents & (events | POLLHUP | POLLERR)) != 0;
}

bool is_null_device(const struct stat& status) {
  struct stat null {};
  return S_ISCHR(status.st_mode) && ::stat("/dev/null", &null) == 0 &&
         null.st_rdev == status.st_rdev;
}

}  // namespace

HostStream::HostStream(int fd, Direction direction) : fd_(fd), kind_(contract::kStreamPipe) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) {
    is_open_ = false;
    kind_ = contract::kStreamNull;
    return;
  }
  if (is_null_device(status)) kind_ = contract::kStreamNull;
  is_terminal_ = ::isatty(fd) != 0;
  if (is_terminal_) kind_ = contract::kStreamTerminal;
  is_socket_ = S_ISSOCK(status.st_mode);
  if (!S_ISFIFO(status.st_mode) && !S_ISCHR(status.st_mode)) return;
  // Same access as the original, or opening it again could fail or, for a FIFO, change its readers.
  const int access_mode = ::fcntl(fd, F_GETFL) & O_ACCMODE;
  const int flags = (access_mode == O_RDWR         ? O_RDWR
                     : direction == Direction::kIn ? O_RDONLY
                                                   : O_WRONLY) |
                    O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  own_ = UniqueFd(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), flags));
  is_guarded_ = !own_;
}

long HostStream::read(char* buffer, std::size_t size) {
  if (is_socket_) return ::recv(fd_, buffer, size, MSG_DONTWAIT);
  if (is_guarded_ && !is_ready(fd_, POLLIN)) {
    errno = EAGAIN;
    return -1;
  }
  return ::read(fd(), buffer, size);
}

long HostStream::write(std::string_view data) {
  if (is_socket_) return ::send(fd_, data.data(), data.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (is_guarded_) {
    if (!is_ready(fd_, POLLOUT)) {
      errno = EAGAIN;
      return -1;
    }
    // A pipe that polls writable has room for this much.
    data = data.substr(0, PIPE_BUF);
  }
  return ::write(fd(), data.data(), data.size());
}

InputStream::InputStream(int host_fd, UniqueFd vm)
    : host_(host_fd, HostStream::Direction::kIn), vm_(std::move(vm)) {
  if (!host_.is_open()) {
    is_ended_ = true;
    has_pending_end_ = true;
  }
}

void InputStream::pump(bool has_line_editing) {
  if (!vm_) return;
  write_vm();
  if (wants_host()) read_host(has_line_editing);
  write_vm();
}

void InputStream::read_host(bool has_line_editing) {
  char bytes[16384];
  const long count = host_.read(bytes, sizeof bytes);
  if (count > 0) {
    buffer_.assign(bytes, static_cast<std::size_t>(count));
    total_ += static_cast<std::uint64_t>(count);
    return;
  }
  if (count < 0 && (would_block(errno) || errno == EINTR)) return;
  if (count == 0 && host_.is_terminal()) {
    // Ctrl-D ends one read and not the terminal; without line editing no bytes are simply no bytes.
    has_pending_end_ = has_line_editing;
    // A terminal that has hung up gives this for ever.
    pollfd item{host_.fd(), 0, 0};
    is_ended_ = ::poll(&item, 1, 0) == 1 && (item.revents & (POLLHUP | POLLERR)) != 0;
    return;
  }
  // Pipes and files end once. An error, EIO from a terminal say, is an end to the guest.
  is_ended_ = true;
  has_pending_end_ = true;
}

void InputStream::write_vm() {
  while (!buffer_.empty()) {
    const ssize_t count =
        ::send(vm_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && would_block(errno)) return;
    if (count < 0) return close();
    buffer_.erase(0, static_cast<std::size_t>(count));
  }
}

std::int64_t InputStream::take_end() {
  if (!has_pending_end_ || !buffer_.empty()) return -1;
  has_pending_end_ = false;
  return static_cast<std::int64_t>(total_);
}

void InputStream::close() {
  vm_.reset();
  buffer_.clear();
  is_ended_ = true;
  has_pending_end_ = false;
}

OutputStream::OutputStream(int host_fd, UniqueFd vm)
    : host_(host_fd, HostStream::Direction::kOut), vm_(std::move(vm)) {
  if (!host_.is_open()) lose_reader();
}

void OutputStream::pump() {
  if (wants_vm()) read_vm(kBufferLimit);
  write_host();
}

void OutputStream::drain_vm() { read_vm(SIZE_MAX); }

void OutputStream::read_vm(std::size_t limit) {
  char bytes[65536];
  while (vm_ && buffer_.size() < limit) {
    const ssize_t count = ::recv(vm_.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && would_block(errno)) return;
    if (count <= 0) {
      vm_.reset();
      return;
    }
    saw_output_ = true;
    if (!has_lost_reader_) buffer_.append(bytes, static_cast<std::size_t>(count));
  }
}

void OutputStream::write_host() {
  while (wants_host()) {
    const long count = host_.write(buffer_);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && would_block(errno)) return;
    if (count < 0) return lose_reader();
    buffer_.erase(0, static_cast<std::size_t>(count));
  }
}

void OutputStream::append(std::string_view text) {
  if (!has_lost_reader_ && buffer_.size() < 4 * kBufferLimit) buffer_ += text;
  write_host();
}

void OutputStream::lose_reader() {
  has_lost_reader_ = true;
  buffer_.clear();
  // QEMU tells the guest that the port's other end is closed, and throws away what still comes.
  vm_.reset();
}

}  // namespace moka
