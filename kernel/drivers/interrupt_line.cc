// SPDX-License-Identifier: Apache-2.0

#include "drivers/interrupt_line.h"

namespace mokapot {

Result<void> connect_line(std::uint32_t line, Trigger trigger, Polarity polarity,
                          InterruptHandler handler, void* context, const char* name) {
  const InterruptVector vector = TRY(allocate_vector(handler, context, name));
  TRY(line_controller().route(line, vector, CpuId(0), trigger, polarity));
  line_controller().unmask(line);
  return {};
}

Result<void> connect_isa_line(const Platform& platform, std::uint8_t isa_interrupt,
                              InterruptHandler handler, void* context, const char* name) {
  for (const LineOverride& entry : platform.overrides) {
    if (entry.isa_interrupt == isa_interrupt) {
      return connect_line(entry.line, entry.trigger, entry.polarity, handler, context, name);
    }
  }
  return connect_line(isa_interrupt, Trigger::kEdge, Polarity::kActiveHigh, handler, context, name);
}

}  // namespace mokapot
