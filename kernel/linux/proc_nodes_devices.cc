// SPDX-License-Identifier: Apache-2.0
//
// What /proc and /sys tell of disks and interrupts: diskstats, partitions, interrupts, /sys/block. The formats are those
// of Linux's Documentation/admin-guide/iostats.rst and of proc(5).

#include <algorithm>
#include <iterator>

#include "base/assert.h"
#include "base/format.h"
#include "device/block_device.h"
#include "linux/proc_nodes_internal.h"

namespace mokapot::proc_nodes {
namespace {

constexpr std::uint64_t kSector = 512;  // the unit of all these files, whatever the disk's own
constexpr std::size_t kMostName = 8;

// How Linux names and numbers disks of a kind. virtio-blk's major number is the one that it is usually given.
struct DiskKind {
  std::string_view prefix;
  unsigned major, minors_of_disk;
  bool has_letters;  // or else a number
};
constexpr DiskKind kDiskKinds[] = {{"vd", 254, 16, true}, {"sd", 8, 16, true}, {"pmem", 259, 1, false}};

struct DiskName {
  char text[kMostName];
  unsigned major, minor;
};

// Disks of a kind are counted in the order in which they were found. There are fewer than 27 * 26 of them.
DiskName name_of(std::size_t index) {
  constexpr unsigned kLetters = 26;
  const BlockDevice& disk = *block_device(index);
  const std::string_view prefix = disk.name_prefix();
  unsigned place = 0;
  for (std::size_t other = 0; other < index; ++other) place += block_device(other)->name_prefix() == prefix ? 1 : 0;
  const auto* kind = std::find_if(std::begin(kDiskKinds), std::end(kDiskKinds),
                                  [&](const DiskKind& known) { return known.prefix == prefix; });
  ASSERT(kind != std::end(kDiskKinds));
  DiskName name{{}, kind->major, place * kind->minors_of_disk};
  if (!kind->has_letters) {
    format_to(name.text, sizeof name.text, "%s%u", disk.name_prefix(), place);
    return name;
  }
  char letters[3] = {static_cast<char>('a' + place % kLetters), 0, 0};
  if (place >= kLetters) {
    letters[1] = letters[0];
    letters[0] = static_cast<char>('a' + place / kLetters - 1);
  }
  format_to(name.text, sizeof name.text, "%s%s", disk.name_prefix(), letters);
  return name;
}

unsigned long milliseconds(Duration time) {
  constexpr std::int64_t kMillisecond = 1'000'000;
  return number(static_cast<std::uint64_t>(time.nanoseconds() / kMillisecond));
}

// The fields that diskstats and /sys/block/DISK/stat have in common. Nothing is merged or discarded here.
void print_counters(TextSink& out, const BlockStatistics& s) {
  out.print("%lu 0 %lu %lu %lu 0 %lu %lu %u %lu %lu 0 0 0 0 %lu %lu\n", number(s.read.requests),
            number(s.read.bytes / kSector), milliseconds(s.read.time), number(s.write.requests),
            number(s.write.bytes / kSector), milliseconds(s.write.time), s.in_flight, milliseconds(s.busy),
            milliseconds(s.read.time + s.write.time + s.flush.time), number(s.flush.requests), milliseconds(s.flush.time));
}

// context.a: the disk's place in the registry.
const BlockDevice& disk_of(PseudoContext context) { return *block_device(static_cast<std::size_t>(context.a)); }

Result<void> print_disk_size(TextSink& out, PseudoContext context) {
  out.print("%lu\n", number(disk_of(context).size() / kSector));
  return {};
}
Result<void> print_disk_counters(TextSink& out, PseudoContext context) {
  print_counters(out, disk_of(context).statistics());
  return {};
}
Result<void> print_disk_is_read_only(TextSink& out, PseudoContext context) {
  out.print("%d\n", disk_of(context).read_only() ? 1 : 0);
  return {};
}
Result<void> print_disk_device(TextSink& out, PseudoContext context) {
  const DiskName name = name_of(static_cast<std::size_t>(context.a));
  out.print("%u:%u\n", name.major, name.minor);
  return {};
}
Result<void> print_disk_in_flight(TextSink& out, PseudoContext context) {
  out.print("%8u %8u\n", disk_of(context).statistics().in_flight, 0u);
  return {};
}
Result<void> print_disk_sector(TextSink& out, PseudoContext context) {
  out.print("%u\n", disk_of(context).sector_size());
  return {};
}
Result<void> print_disk_serial(TextSink& out, PseudoContext context) {
  out.write(disk_of(context).serial());
  return {};
}

Result<void> print_disk_event(TextSink& out, PseudoContext context) {
  const DiskName name = name_of(static_cast<std::size_t>(context.a));
  out.print("MAJOR=%u\nMINOR=%u\nDEVNAME=%s\nDEVTYPE=disk\n", name.major, name.minor, name.text);
  return {};
}

Result<void> print_disk_place(TextSink& out, PseudoContext context) {
  out.print("../../block/%s", name_of(static_cast<std::size_t>(context.a)).text);
  return {};
}

Result<PseudoContext> find_disk(std::string_view name, PseudoContext) {
  for (std::size_t index = 0; block_device(index) != nullptr; ++index) {
    if (name_of(index).text == name) return PseudoContext{index, 0};
  }
  return Errno::kENOENT;
}

Result<void> list_disks(PseudoContext, std::uint64_t first,
                        bool (*visit)(std::uint64_t number, std::string_view name, void* context), void* visitor) {
  for (auto index = static_cast<std::size_t>(first); block_device(index) != nullptr; ++index) {
    if (!visit(index, name_of(index).text, visitor)) break;
  }
  return {};
}

constexpr PseudoEntry kQueueEntries[] = {
    pseudo_file("hw_sector_size", print_disk_sector),
    pseudo_file("logical_block_size", print_disk_sector),
    pseudo_file("physical_block_size", print_disk_sector),
    pseudo_text("rotational", "0\n"),
    pseudo_text("scheduler", "[none]\n"),
    kPseudoEnd,
};
constexpr PseudoEntry kDiskEntries[] = {
    pseudo_file("dev", print_disk_device),
    pseudo_file("inflight", print_disk_in_flight),
    pseudo_directory("queue", kQueueEntries),
    pseudo_text("removable", "0\n"),
    pseudo_file("ro", print_disk_is_read_only),
    pseudo_file("serial", print_disk_serial),
    pseudo_file("size", print_disk_size),
    pseudo_file("stat", print_disk_counters),
    pseudo_text_link("subsystem", "../../class/block"),
    pseudo_file("uevent", print_disk_event),
    kPseudoEnd,
};
constexpr PseudoEntry kDisk = pseudo_directory("", kDiskEntries);
constexpr PseudoEntry kDiskLink = pseudo_link("", print_disk_place);

// One row of /proc/interrupts, of vectors that some CPU has taken.
void print_interrupt(TextSink& out, std::string_view label, InterruptVector vector, std::string_view what) {
  out.print("%.*s:", static_cast<int>(label.size()), label.data());
  for (unsigned cpu = 0; cpu < cpu_count(); ++cpu) out.print(" %10u", interrupt_count(CpuId(cpu), vector));
  out.print("%.*s\n", static_cast<int>(what.size()), what.data());
}

}  // namespace

constexpr PseudoDynamic kDisks{find_disk, list_disks, &kDisk};
constexpr PseudoDynamic kDiskLinks{find_disk, list_disks, &kDiskLink};

Result<void> print_disk_statistics(TextSink& out, PseudoContext) {
  for (std::size_t index = 0; const BlockDevice* disk = block_device(index); ++index) {
    const DiskName name = name_of(index);
    out.print("%4u %7u %s ", name.major, name.minor, name.text);
    print_counters(out, disk->statistics());
  }
  return {};
}

Result<void> print_partitions(TextSink& out, PseudoContext) {
  out.write("major minor  #blocks  name\n\n");
  for (std::size_t index = 0; const BlockDevice* disk = block_device(index); ++index) {
    const DiskName name = name_of(index);
    out.print("%4u  %7u %10lu %s\n", name.major, name.minor, number(disk->size() / 1024), name.text);
  }
  return {};
}

std::uint64_t interrupt_total() {
  std::uint64_t total = 0;
  for (unsigned cpu = 0; cpu < cpu_count(); ++cpu) {
    for (unsigned vector = kFirstDeviceVector; vector <= kSpuriousVector; ++vector)
      total += interrupt_count(CpuId(cpu), static_cast<InterruptVector>(vector));
  }
  return total;
}

Result<void> print_interrupts(TextSink& out, PseudoContext) {
  out.write("    ");
  for (unsigned cpu = 0; cpu < cpu_count(); ++cpu) {
    char name[16];
    format_to(name, sizeof name, "CPU%u", cpu);
    out.print(" %-10s", name);
  }
  out.write("\n");
  for (unsigned vector = kFirstDeviceVector; vector <= kLastDeviceVector; ++vector) {
    const char* name = interrupt_name(static_cast<InterruptVector>(vector));
    if (*name == '\0') continue;
    char label[8], what[64];
    const std::size_t label_size = format_to(label, sizeof label, "%3u", vector);
    const std::size_t size = format_to(what, sizeof what, "   vector  %s", name);
    print_interrupt(out, {label, label_size}, static_cast<InterruptVector>(vector), {what, size});
  }
  print_interrupt(out, "LOC", kTimerVector, "   Local timer interrupts");
  print_interrupt(out, "RES", kRescheduleVector, "   Rescheduling interrupts");
  print_interrupt(out, "CAL", kCallVector, "   Function call interrupts");
  print_interrupt(out, "SPU", kSpuriousVector, "   Spurious interrupts");
  return {};
}

}  // namespace mokapot::proc_nodes
