// SPDX-License-Identifier: Apache-2.0
//
// Devices on the kernel command line.
//   virtio_mmio.device=SIZE[K|M]@ADDRESS:LINE[:ID]    as Linux has it; QEMU's microvm and Firecracker append such words
//   mokapot.mapped-disk=SERIAL@DEVICE                 moka's: an ivshmem on PCI bus 0 has no serial of its own

#include <cstring>
#include <limits>

#include "contract/vm_contract.h"
#include "drivers/platform.h"

namespace mokapot {
namespace {

constexpr std::string_view kVirtioMmio = "virtio_mmio.device";
constexpr std::string_view kMappedDisk = contract::kOptionMappedDisk;

// A number in C notation at the front of text, which it is taken off. False if there is none or it
// is too large.
bool take_number(std::string_view& text, std::uint64_t& value) {
  unsigned base = 10;
  if (text.starts_with("0x") || text.starts_with("0X")) {
    base = 16;
    text.remove_prefix(2);
  }
  bool any = false;
  value = 0;
  while (!text.empty()) {
    const char c = text.front();
    unsigned digit = 0;
    if (c >= '0' && c <= '9')
      digit = static_cast<unsigned>(c - '0');
    else if (c >= 'a' && c <= 'f')
      digit = static_cast<unsigned>(c - 'a') + 10;
    else if (c >= 'A' && c <= 'F')
      digit = static_cast<unsigned>(c - 'A') + 10;
    else
      break;
    if (digit >= base) break;
    if (value > (std::numeric_limits<std::uint64_t>::max() - digit) / base) return false;
    value = value * base + digit;
    any = true;
    text.remove_prefix(1);
  }
  return any;
}

bool take_character(std::string_view& text, char wanted) {
  if (text.empty() || text.front() != wanted) return false;
  text.remove_prefix(1);
  return true;
}

bool parse_device(std::string_view text, VirtioMmioDescription& device) {
  std::uint64_t size = 0, address = 0, line = 0, ignored_id = 0;
  if (!take_number(text, size)) return false;
  if (size > UINT32_MAX) return false;
  if (take_character(text, 'K') || take_character(text, 'k'))
    size <<= 10;
  else if (take_character(text, 'M') || take_character(text, 'm'))
    size <<= 20;
  if (!take_character(text, '@') || !take_number(text, address)) return false;
  if (!take_character(text, ':') || !take_number(text, line)) return false;
  if (take_character(text, ':') && !take_number(text, ignored_id)) return false;
  if (!text.empty() || size == 0 || size > UINT32_MAX || address == 0 || line > UINT32_MAX)
    return false;
  // Edge: what the words leave unsaid, and what both monitors that write them mean.
  device = {PhysAddr(address), static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(line),
            Trigger::kEdge, Polarity::kActiveHigh};
  return true;
}

bool parse_mapped_disk(std::string_view text, MappedDiskDescription& disk) {
  constexpr std::uint64_t kDevicesOnBus = 32;
  const std::size_t at = text.find('@');
  if (at == 0 || at == std::string_view::npos || at >= MappedDiskDescription::kSerialSize) return false;
  std::string_view number = text.substr(at + 1);
  std::uint64_t device = 0;
  if (!take_number(number, device) || !number.empty() || device >= kDevicesOnBus) return false;
  std::memcpy(disk.serial, text.data(), at);
  disk.serial[at] = '\0';
  disk.device = static_cast<std::uint8_t>(device);
  return true;
}

// The value of a word `name=value`; empty if it is another.
std::string_view value_of(std::string_view word, std::string_view name) {
  if (!word.starts_with(name) || !word.substr(name.size()).starts_with('=')) return {};
  return word.substr(name.size() + 1);
}

}  // namespace

void add_virtio_mmio(Platform& platform, const VirtioMmioDescription& device) {
  for (const VirtioMmioDescription& known : platform.virtio_mmio) {
    if (known.address == device.address) return;
  }
  platform.virtio_mmio.add(device);
}

void parse_device_words(std::string_view command_line, Platform& platform) {
  while (!command_line.empty()) {
    const std::size_t end = command_line.find(' ');
    const std::string_view word = command_line.substr(0, end);
    command_line.remove_prefix(end == std::string_view::npos ? command_line.size() : end + 1);
    VirtioMmioDescription device{};
    if (parse_device(value_of(word, kVirtioMmio), device)) add_virtio_mmio(platform, device);
    MappedDiskDescription disk{};
    if (parse_mapped_disk(value_of(word, kMappedDisk), disk)) platform.mapped_disks.add(disk);
  }
}

}  // namespace mokapot
