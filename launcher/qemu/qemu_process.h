// SPDX-License-Identifier: Apache-2.0
//
// QEMU as a child process: it starts with the descriptors that it needs and no others, in a session
// of its own (so that Ctrl-C reaches the launcher only), and the host's kernel kills it when the
// launcher dies, however that happens.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

class QemuProcess {
 public:
  // `inherited` descriptors keep their numbers in the child. What QEMU itself prints comes out of
  // output().
  static Result<QemuProcess> start(const std::vector<std::string>& command,
                                   const std::vector<int>& inherited);

  QemuProcess(QemuProcess&& other) noexcept;
  QemuProcess& operator=(QemuProcess&&) = delete;
  // Kills and reaps a process that still runs.
  ~QemuProcess();

  // The end, if it has come: exit status, or 128 + signal. Does not block.
  std::optional<int> poll_end();
  void kill();

  // A signal has stopped it (SIGSTOP).
  bool is_stopped() const;
  // Processor time that all its threads have used, in milliseconds; 0 where that is not known.
  long cpu_milliseconds() const;

  int output() const { return output_.get(); }
  pid_t pid() const { return pid_; }

 private:
  QemuProcess(pid_t pid, UniqueFd output) : pid_(pid), output_(std::move(output)) {}

  pid_t pid_;
  UniqueFd output_;
  std::optional<int> end_;
};

}  // namespace moka
