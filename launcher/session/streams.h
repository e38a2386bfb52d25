// SPDX-License-Identifier: Apache-2.0
//
// The application's three streams between the host's descriptors and the VM's sockets. Nothing here
// blocks: a reader that stalls fills one buffer, then QEMU's socket, then the guest's writers wait,
// and no other stream is touched.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "support/unique_fd.h"

namespace moka {

// A descriptor that someone else shares, made safe to use without blocking: pipes and terminals are
// opened again, since setting O_NONBLOCK would change them for the others too.
class HostStream {
 public:
  enum class Direction { kIn, kOut };
  HostStream(int fd, Direction direction);

  int fd() const { return own_ ? own_.get() : fd_; }
  // contract::kStreamTerminal, kStreamPipe or kStreamNull.
  const char* kind() const { return kind_; }
  bool is_terminal() const { return is_terminal_; }
  bool is_open() const { return is_open_; }

  // As read(2) and write(2), but never waiting: -1 with EAGAIN instead.
  long read(char* buffer, std::size_t size);
  long write(std::string_view data);

 private:
  int fd_;
  UniqueFd own_;
  const char* kind_;
  bool is_open_ = true;
  bool is_terminal_ = false;
  bool is_socket_ = false;
  // Neither opened again nor a socket nor a file: bytes that are sure not to block, after poll().
  bool is_guarded_ = false;
};

// Host to guest: standard input.
class InputStream {
 public:
  InputStream(int host_fd, UniqueFd vm);

  const HostStream& host() const { return host_; }
  // Whether to poll the host's or the VM's side.
  bool wants_host() const { return !is_ended_ && buffer_.empty(); }
  bool wants_vm() const { return !buffer_.empty(); }
  int vm_fd() const { return vm_.get(); }

  // Moves what can be moved. `has_line_editing`: 0 bytes from a terminal are its end-of-file.
  void pump(bool has_line_editing);

  // After the end of input is reached and all is sent, once: the bytes in all; else -1.
  std::int64_t take_end();
  // The guest reads no more.
  void close();

 private:
  void read_host(bool has_line_editing);
  void write_vm();

  HostStream host_;
  UniqueFd vm_;
  std::string buffer_;
  std::uint64_t total_ = 0;
  bool is_ended_ = false;
  bool has_pending_end_ = false;
};

// Guest to host: standard output or error.
class OutputStream {
 public:
  OutputStream(int host_fd, UniqueFd vm);

  const HostStream& host() const { return host_; }
  int vm_fd() const { return vm_.get(); }
  bool wants_vm() const { return vm_ && buffer_.size() < kBufferLimit; }
  bool wants_host() const { return !buffer_.empty() && !has_lost_reader_; }
  // Whether the reader's end may be watched for its going away (poll with no events asked).
  bool watches_reader() const { return vm_ && !has_lost_reader_; }

  void pump();
  // Reads all that the VM's side holds now, past the buffer's limit.
  void drain_vm();
  // Text of the launcher's own for the same host stream, dropped if the reader is far behind.
  void append(std::string_view text);
  // The reader is gone: the guest's writes shall fail as on the host.
  void lose_reader();
  bool has_lost_reader() const { return has_lost_reader_; }
  bool saw_output() const { return saw_output_; }

 private:
  static constexpr std::size_t kBufferLimit = 256 * 1024;

  void read_vm(std::size_t limit);
  void write_host();

  HostStream host_;
  UniqueFd vm_;
  std::string buffer_;
  bool has_lost_reader_ = false;
  bool saw_output_ = false;
};

}  // namespace moka
