// SPDX-License-Identifier: Apache-2.0
#include "boot/archive_watch.h"

#include <atomic>

#include "base/format.h"
#include "contract/vm_contract.h"
#include "drivers/drivers.h"
#include "io/control_channel.h"
#include "process/signals.h"
#include "vm/address_space.h"

namespace mokapot {
namespace {

constinit std::string_view archive;                // constant once the program runs
constinit std::atomic<bool> has_looked{false};     // by exchange: one thread looks

// HotSpot handles SIGQUIT from then on that its archives are mapped, and not before.
bool jvm_is_up() {
  const std::uint64_t handler = signal_action(kSigQuit).handler;
  return handler != kHandlerDefault && handler != kHandlerIgnore;
}

bool is_mapped() {
  bool found = false;
  address_space().for_each_region(
      [](const AddressSpace::RegionInformation& region, void* context) {
        char path[128];
        if (region.source == nullptr) return;
        const std::size_t size = region.source->describe(path, sizeof(path));
        if (std::string_view(path, size < sizeof(path) ? size : sizeof(path)) == archive) *static_cast<bool*>(context) = true;
      },
      &found);
  return found;
}

}  // namespace

void watch_archive(std::string_view path) { archive = path; }

void look_at_archive() {
  if (archive.empty() || !jvm_is_up() || has_looked.exchange(true, std::memory_order_relaxed)) return;
  if (is_mapped()) return;
  const char* const log = archive.ends_with(".aot") ? "aot" : "cds";
  char line[160];
  const bool has_launcher = control_channel_present();
  format_to(line, sizeof(line), "%s the JVM rejected the archive that its image was trained for; -Xlog:%s says why",
            has_launcher ? contract::kGuestWarning : "mokapot:", log);
  if (has_launcher) send_control_line(line);
  else serial_log_sink(line);
}

}  // namespace mokapot
