// SPDX-License-Identifier: Apache-2.0

#include "fs/process_info.h"

#include <cstring>
#include <memory>

#include "base/global.h"
#include "time/clock.h"

namespace mokapot {
namespace {

struct Stored {
  ProcessInfo info;
  std::unique_ptr<std::uint64_t[]> vector;
  std::unique_ptr<char[]> hostname;
};
// Never destroyed; empty until exec fills it.
Global<Stored> stored;

Stored& storage() {
  if (!stored.constructed()) stored.construct();
  return *stored;
}

}  // namespace

Result<void> set_process_info(const ProcessInfo& info) {
  const std::size_t words = info.auxiliary_vector.size();
  std::unique_ptr<std::uint64_t[]> vector(new (std::nothrow) std::uint64_t[words + 1]);
  std::unique_ptr<char[]> hostname(new (std::nothrow) char[info.hostname.size() + 1]);
  if (!vector || !hostname) return Errno::kENOMEM;
  std::memcpy(vector.get(), info.auxiliary_vector.data(), words * sizeof(std::uint64_t));
  std::memcpy(hostname.get(), info.hostname.data(), info.hostname.size());
  hostname[info.hostname.size()] = '\0';
  Stored& s = storage();
  s.info = info;
  s.info.auxiliary_vector = {vector.get(), words};
  s.info.hostname = {hostname.get(), info.hostname.size()};
  if (info.hostname.empty()) s.info.hostname = "localhost";
  s.info.started = now();
  s.vector = std::move(vector);
  s.hostname = std::move(hostname);
  return {};
}

const ProcessInfo& process_info() { return storage().info; }

}  // namespace mokapot
