// SPDX-License-Identifier: Apache-2.0
//
// What the socket system calls need of a socket, whatever its family. Addresses and control messages are in the
// application's form. Read and write are receive and send without flags. Thread context; all may block
// unless the socket or the call is non-blocking.
#pragma once

#include <cstdint>
#include <span>

#include "io/file.h"

namespace mokapot {

// Linux's values.
inline constexpr int kFamilyUnspecified = 0, kFamilyUnix = 1, kFamilyIpv4 = 2, kFamilyIpv6 = 10, kFamilyNetlink = 16;
inline constexpr int kSocketStream = 1, kSocketDatagram = 2, kSocketRaw = 3, kSocketSequenced = 5;
inline constexpr std::uint32_t kMessageOutOfBand = 1, kMessagePeek = 2, kMessageDontRoute = 4;
inline constexpr std::uint32_t kMessageControlTruncated = 8, kMessageTruncate = 0x20, kMessageDontWait = 0x40;
inline constexpr std::uint32_t kMessageEndOfRecord = 0x80, kMessageWaitAll = 0x100, kMessageNoSignal = 0x4000;
inline constexpr std::uint32_t kMessageErrorQueue = 0x2000, kMessageMore = 0x8000;
inline constexpr int kLevelSocket = 1;

struct SocketAddress {
  static constexpr std::size_t kMost = 128;  // sockaddr_storage
  std::uint8_t bytes[kMost] = {};
  std::size_t size = 0;

  int family() const { return size >= 2 ? bytes[0] | bytes[1] << 8 : kFamilyUnspecified; }
};

class SocketFile;
class PassedFiles;

// struct ucred. Whoever did not say has none: Linux shows process 0 and its overflow ids.
struct Credentials {
  std::int32_t process = 0;
  std::uint32_t user = 65534, group = 65534;
  bool operator==(const Credentials&) const = default;
};
// There is one process and one user.
inline constexpr Credentials kOwnCredentials{1, 0, 0};

// What goes with the bytes of one message that is sent.
struct OutgoingMessage {
  std::uint32_t flags = 0;                // MSG_
  const SocketAddress* to = nullptr;      // null: to the peer
  SocketFile* target = nullptr;           // AF_UNIX: the socket that `to` names
  std::span<const std::uint8_t> control;  // struct cmsghdr, one after the other
  PassedFiles* files = nullptr;              // AF_UNIX: SCM_RIGHTS
  const Credentials* credentials = nullptr;  // AF_UNIX: SCM_CREDENTIALS
};

// What comes with the bytes of one message that is received.
struct IncomingMessage {
  IncomingMessage();
  ~IncomingMessage();
  std::uint32_t flags = 0;           // MSG_ of the call
  std::uint32_t result_flags = 0;    // msg_flags
  SocketAddress* from = nullptr;     // filled in if the caller wants to know; size 0: not said
  std::span<std::uint8_t> control;   // room for struct cmsghdr
  std::size_t control_size = 0;      // filled of it
  RefPtr<PassedFiles> files;         // AF_UNIX: SCM_RIGHTS, for the caller to turn into descriptors
  bool has_credentials = false;      // AF_UNIX: SO_PASSCRED
  Credentials credentials;

  // Appends one control message; what does not fit sets MSG_CTRUNC.
  void add_control(int level, int type, const void* data, std::size_t size);
};

// Goes through control messages that an application has given: kEINVAL if they are not well formed.
struct ControlMessage {
  int level = 0, type = 0;
  std::span<const std::uint8_t> data;
};
Result<void> for_each_control_message(std::span<const std::uint8_t> control,
                                      Result<void> (*visit)(const ControlMessage& message, void* context), void* context);

enum class Shutdown : std::uint8_t { kRead = 0, kWrite = 1, kBoth = 2 };

class SocketFile : public File {
 public:
  explicit SocketFile(std::uint32_t flags) : File(kOpenReadWrite | flags) {}
  FileKind kind() const override { return FileKind::kSocket; }
  bool pollable() override { return true; }
  Result<FileStatus> status() override;
  std::size_t describe(char* buffer, std::size_t size) override;

  virtual int family() const = 0;
  // AF_UNIX names lead through file systems: its sockets are bound and connected by the layers above.
  virtual Result<void> bind(const SocketAddress&) { return Errno::kEOPNOTSUPP; }
  virtual Result<void> connect(const SocketAddress&) { return Errno::kEOPNOTSUPP; }
  virtual Result<void> listen(int backlog) = 0;
  // The new connection; kEAGAIN, kRestart, kEINVAL if it does not listen.
  virtual Result<RefPtr<SocketFile>> accept(std::uint32_t flags) = 0;
  // kEPIPE does not raise a signal: that is the caller's.
  virtual Result<std::size_t> send(IoBuffer& from, const OutgoingMessage& message) = 0;
  // For datagrams that were cut, result_flags says so, and the whole size is returned where MSG_TRUNC asked for it.
  virtual Result<std::size_t> receive(IoBuffer& into, IncomingMessage& message) = 0;
  // Sends pages of a file without copying them, as far as they are in memory, and waits for room as send does.
  // Returns how many bytes; 0: the caller is to copy. `size` ends within the file.
  virtual Result<std::size_t> send_pages(PageSource&, std::uint64_t, std::size_t) { return std::size_t{0}; }
  virtual Result<void> shut_down(Shutdown how) = 0;
  virtual Result<SocketAddress> local_address() = 0;
  virtual Result<SocketAddress> peer_address() = 0;
  // Option values as the application lays them out. kENOPROTOOPT, kEINVAL.
  virtual Result<void> set_option(int level, int name, std::span<const std::uint8_t> value) = 0;
  virtual Result<std::size_t> option(int level, int name, std::span<std::uint8_t> value) = 0;

  Result<std::size_t> read(IoBuffer& into) override;
  Result<std::size_t> write(IoBuffer& from) override;

 private:
  std::atomic<std::uint64_t> inode_{0};  // given out when first asked for
};

}  // namespace mokapot
