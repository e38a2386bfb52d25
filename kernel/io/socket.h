// SPDX-License-Identifier: Apache-2.0
//
// What the socket system calls need of a socket, whatever its family. Addresses are in the application's
// form: a family, then bytes. Read and write are receive and send without flags. Thread context; all may block
// unless the socket or the call is non-blocking.
#pragma once

#include <cstdint>
#include <span>

#include "io/file.h"

namespace mokapot {

// Linux's values.
inline constexpr int kFamilyUnspecified = 0, kFamilyUnix = 1, kFamilyIpv4 = 2, kFamilyIpv6 = 10, kFamilyNetlink = 16;
inline constexpr int kSocketStream = 1, kSocketDatagram = 2, kSocketSequenced = 5;
inline constexpr std::uint32_t kMessageOutOfBand = 1, kMessagePeek = 2, kMessageTruncate = 0x20;
inline constexpr std::uint32_t kMessageDontWait = 0x40, kMessageWaitAll = 0x100, kMessageNoSignal = 0x4000;
inline constexpr int kLevelSocket = 1;

struct SocketAddress {
  static constexpr std::size_t kMost = 128;  // sockaddr_storage
  std::uint8_t bytes[kMost] = {};
  std::size_t size = 0;

  int family() const { return size >= 2 ? bytes[0] | bytes[1] << 8 : kFamilyUnspecified; }
};

enum class Shutdown : std::uint8_t { kRead = 0, kWrite = 1, kBoth = 2 };

class SocketFile : public File {
 public:
  explicit SocketFile(std::uint32_t flags) : File(kOpenReadWrite | flags) {}
  FileKind kind() const override { return FileKind::kSocket; }
  bool pollable() override { return true; }
  Result<FileStatus> status() override;
  std::size_t describe(char* buffer, std::size_t size) override;

  virtual int family() const = 0;
  virtual Result<void> listen(int backlog) = 0;
  // The new connection; kEAGAIN, kRestart, kEINVAL if it does not listen.
  virtual Result<RefPtr<SocketFile>> accept(std::uint32_t flags) = 0;
  virtual Result<std::size_t> send(IoBuffer& from, std::uint32_t message_flags) = 0;
  virtual Result<std::size_t> receive(IoBuffer& into, std::uint32_t message_flags) = 0;
  virtual Result<void> shut_down(Shutdown how) = 0;
  virtual Result<SocketAddress> local_address() = 0;
  virtual Result<SocketAddress> peer_address() = 0;
  // Option values as the application lays them out. kENOPROTOOPT, kEINVAL.
  virtual Result<void> set_option(int level, int name, std::span<const std::uint8_t> value) = 0;
  virtual Result<std::size_t> option(int level, int name, std::span<std::uint8_t> value) = 0;

  Result<std::size_t> read(IoBuffer& into) override { return receive(into, 0); }
  Result<std::size_t> write(IoBuffer& from) override { return send(from, 0); }

 private:
  std::atomic<std::uint64_t> inode_{0};  // given out when first asked for
};

}  // namespace mokapot
