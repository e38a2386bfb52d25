// SPDX-License-Identifier: Apache-2.0
//
// A file that the JVM of a VM writes and that ends up at a path of the host's: it is written into a
// folder of its own among the VM's artifacts, which the VM shares, and moved when it is whole.
// Until then nothing is at that path, and whatever happens nothing is left half-written: SIGINT,
// SIGTERM and SIGHUP end the wait, not the process, while a Delivery lives. Blocks.
#pragma once

#include <chrono>
#include <csignal>
#include <string>

#include "registry/vm_registry.h"
#include "support/result.h"

namespace moka {

enum class Overwrite { kNo, kYes };

class Delivery {
 public:
  // Finds out beforehand whether `path` could be written.
  static Result<Delivery> prepare(const VmView& vm, const std::string& path, Overwrite overwrite);
  Delivery(Delivery&& other) noexcept;
  Delivery& operator=(Delivery&&) = delete;
  ~Delivery();

  // The name for the JVM.
  std::string guest_path() const;
  const std::string& path() const { return path_; }
  bool has_file() const;
  // To be called while the JVM writes: shows how far it is, in one line on a terminal. False: give
  // up.
  bool show_progress();
  // Moves the file to its path; its size.
  Result<std::uint64_t> finish();

 private:
  Delivery(std::string path, std::string scratch);
  std::string shared_path() const;
  Result<void> copy(const std::string& from);
  void show(const char* verb, std::uint64_t size);
  void clear_line();

  std::string path_;     // absolute
  std::string scratch_;  // the folder on the host
  bool has_line_ = false;
  std::chrono::steady_clock::time_point shown_;
  struct sigaction before_[3]{};
};

}  // namespace moka
