// SPDX-License-Identifier: Apache-2.0
//
// The address of the socket in a VM's folder. A socket's address has room for 107 characters, and
// the folder's path may be longer: it is named through a descriptor of the folder.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdio>
#include <string>

#include "support/unique_fd.h"

namespace moka {

class SocketPath {
 public:
  explicit SocketPath(const std::string& folder)
      : folder_(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
    address_.sun_family = AF_UNIX;
    std::snprintf(address_.sun_path, sizeof address_.sun_path, "/proc/self/fd/%d/socket",
                  folder_.get());
  }
  explicit operator bool() const { return static_cast<bool>(folder_); }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t size() const { return sizeof address_; }

 private:
  UniqueFd folder_;
  sockaddr_un address_{};
};

}  // namespace moka
