// SPDX-License-Identifier: Apache-2.0
//
// Where the answer to a tool's question goes.
#pragma once

#include <cstddef>

#include "base/result.h"

namespace mokapot {

class ToolStream {
 public:
  // Sends all, as the host lets it; blocks meanwhile. kECANCELED once nobody waits for the answer any more; the calling
  // thread is interrupted then, too, so that its other waits end.
  virtual Result<void> send(const void* bytes, std::size_t size) = 0;
  virtual bool cancelled() = 0;

 protected:
  ~ToolStream() = default;
};

}  // namespace mokapot
