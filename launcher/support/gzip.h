// SPDX-License-Identifier: Apache-2.0
//
// gzip (RFC 1952), the same bytes each time: no name, no time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "support/result.h"

namespace moka {

// `level`: 1 (fast) to 9 (small).
std::string gzip(std::string_view bytes, int level = 9);

// What gzip made, or `bytes` as they are if they are nothing of the kind. Fails where they are
// damaged or hold more than `limit`.
Result<std::string> gunzip(std::string bytes, std::size_t limit);

// For what is too large to be held: writes to `sink` as it goes.
class GzipStream {
 public:
  using Sink = std::function<Result<void>(std::string_view compressed)>;
  GzipStream(int level, Sink sink);
  ~GzipStream();
  Result<void> add(std::string_view bytes);
  Result<void> finish();

 private:
  struct State;
  Result<void> run(int flush);
  const std::unique_ptr<State> state_;
  const Sink sink_;
};

}  // namespace moka
