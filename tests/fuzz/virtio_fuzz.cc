// SPDX-License-Identifier: Apache-2.0
//
// What a device tells its driver: the used ring of a virtqueue, written with anything at any time,
// and the capabilities of a PCI function. The driver's own record must stay whole.
//
// sources: kernel/drivers/virtqueue.cc kernel/drivers/pci_layout.cc

#include <algorithm>
#include <array>
#include <cstring>

#include "drivers/dma_memory.h"
#include "drivers/pci_layout.h"
#include "drivers/virtqueue.h"

namespace {

using namespace mokapot;

constexpr std::uint16_t kSize = 8;

void require(bool condition) {
  if (!condition) __builtin_trap();
}

// Each byte of the input is a step of driver or device.
void run_queue(Virtqueue::EventIndex event_index, std::span<const std::uint8_t> steps) {
  const DmaMemory memory = DmaMemory::allocate(Virtqueue::memory_size(kSize)).take();
  Virtqueue queue =
      Virtqueue::create(kSize, memory.at<std::uint8_t>(), memory.address(), event_index).take();
  auto* used = memory.at<std::uint8_t>(queue.rings().used - memory.address());
  const std::size_t used_size = 4 + 8 * kSize + 2;
  std::size_t in_flight = 0;
  for (std::size_t i = 0; i + 1 < steps.size(); i += 2) {
    const std::uint8_t value = steps[i + 1];
    switch (steps[i] % 6) {
      case 0: {
        const std::array<DmaBuffer, 3> buffers{};
        const std::size_t count = 1 + value % 3;
        if (queue.add(std::span(buffers).first(count), value).ok()) in_flight += count;
        break;
      }
      case 1:
        (void)queue.publish();
        break;
      case 2:
        if (queue.take()) {
          require(in_flight > 0);
          in_flight = kSize - queue.free_descriptors();
        }
        break;
      case 3:
        (void)queue.enable_interrupt();
        break;
      case 4:
        queue.disable_interrupt();
        break;
      default:  // the device writes a byte somewhere in its ring
        if (i + 2 < steps.size()) used[value % used_size] = steps[i + 2];
        break;
    }
    require(queue.free_descriptors() + in_flight == kSize);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span input(data, size);
  run_queue(Virtqueue::EventIndex::kNo, input);
  run_queue(Virtqueue::EventIndex::kYes, input);

  std::array<std::uint8_t, 256> configuration{};
  std::copy_n(data, std::min(size, configuration.size()), configuration.begin());
  (void)pci::virtio_type(configuration);
  (void)pci::find_msix(configuration);
  if (const auto layout = pci::find_virtio_layout(configuration)) {
    // Whatever it found is in a BAR that exists.
    require(pci::memory_bar(configuration, layout->common.bar).has_value());
    require(pci::memory_bar(configuration, layout->notify.bar).has_value());
  }
  return 0;
}
