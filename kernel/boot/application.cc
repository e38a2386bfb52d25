// SPDX-License-Identifier: Apache-2.0
#include "boot/application.h"

#include <cstring>

#include "api/tool_channel.h"
#include "base/format.h"
#include "base/global.h"
#include "boot/archive_watch.h"
#include "boot/configuration.h"
#include "boot/machine_id.h"
#include "boot/network.h"
#include "contract/vm_contract.h"
#include "device/block_device.h"
#include "device/partition.h"
#include "drivers/drivers.h"
#include "exec/program.h"
#include "fs/cpio.h"
#include "fs/device_node.h"
#include "fs/host_folder.h"
#include "fs/page_cache.h"
#include "fs/vfs.h"
#include "io/console.h"
#include "io/control_channel.h"
#include "io/epoll.h"
#include "io/in_flight.h"
#include "io/record_lock.h"
#include "linux/fifo.h"
#include "linux/proc_nodes.h"
#include "linux/terminal_node.h"
#include "net/exposed_ports.h"
#include "net/inet_boot.h"
#include "net/listen_report.h"
#include "memory/frames.h"
#include "memory/page_table.h"
#include "memory/poison.h"
#include "process/descriptor_table.h"
#include "process/process.h"
#include "process/signals.h"
#include "sched/thread.h"
#include "sched/work_queue.h"
#include "time/clock.h"
#include "time/wall_clock_watch.h"
#include "trace/log.h"

namespace mokapot {
namespace {

Global<WorkItem> tell_of_set_clock;

// How long the end waits for the launcher to take the output and the exit line: a reader that stalls must not
// keep the VM for ever.
constexpr Duration kPatienceAtEnd = Duration::seconds(60);
// An end that the kernel itself reports, before or instead of the program's.
constexpr int kKernelStatus = 125;

[[maybe_unused]] void report_stack_depth() {
  std::uint64_t deepest = deepest_kernel_stack();
  for_each_thread(
      [](Thread& thread, void* context) {
        auto& most = *static_cast<std::uint64_t*>(context);
        const std::uint64_t depth = used_depth(thread.kernel_stack());
        // The boot thread's stack was never painted.
        if (depth < kKernelStackSize && depth > most) most = depth;
      },
      &deepest);
  LOG_INFO("mokapot: kernel stacks were used to a depth of %lu of %lu bytes", deepest, kKernelStackSize);
}

// Nobody reads exit lines, so whoever reads the serial port is told, as a cloud's console is by a host.
void tell_end_on_serial(const ProcessEnd& end) {
  char line[sizeof(end.reason) + 80];
  if (end.reason[0] == '\0') format_to(line, sizeof(line), "%s%d", contract::kEndPrefix, end.status);
  else format_to(line, sizeof(line), "%s%d (%s)", contract::kEndPrefix, end.status, end.reason);
  serial_log_sink(line);
}

[[noreturn]] void end_vm(const ProcessEnd& end) {
  const Instant deadline = now() + kPatienceAtEnd;
  drain_console(deadline);
  ExitLine line;
  line.status = end.status;
  line.signal = end.signal;
  line.by = end.by == EndedBy::kKernel ? "kernel" : "application";
  line.reason = end.reason;
  if constexpr (kPoisonFreed) report_stack_depth();
  if (!control_channel_present()) {
    tell_end_on_serial(end);
  } else {
    LOG_INFO("mokapot: the program ended with status %d %s", end.status, end.reason);
    if (!send_exit(line, deadline)) LOG_WARNING("the launcher did not acknowledge the end");
  }
  power_off();
}

// The VM cannot run the program: say so, on the log and to the launcher.
[[noreturn]] __attribute__((format(printf, 1, 2))) void give_up(const char* format, ...) {
  ProcessEnd end;
  end.status = kKernelStatus;
  end.by = EndedBy::kKernel;
  va_list arguments;
  va_start(arguments, format);
  format_to_v(end.reason, sizeof(end.reason), format, arguments);
  va_end(arguments);
  LOG_ERROR("mokapot: %s", end.reason);
  end_vm(end);
}

// The configuration is copied out of the initrd, whose memory then goes to the frame allocator.
Configuration read_configuration(const BootInfo& info, Vector<char>& storage) {
  const std::size_t size = info.initrd.end - info.initrd.begin;
  if (size == 0) give_up("no initrd: the launcher passes %s in one", contract::kConfigFile);
  // SAFETY: the initrd lies in RAM, which the direct map covers.
  const auto* bytes = static_cast<const std::byte*>(direct_map(info.initrd.begin));
  const auto file = find_in_cpio({bytes, size}, contract::kConfigFile);
  if (!file.ok()) give_up("the initrd is damaged or has no %s (%s)", contract::kConfigFile, errno_name(file.error()));
  if (!storage.resize(file.value().size()).ok()) give_up("no memory for the configuration");
  std::memcpy(storage.data(), file.value().data(), storage.size());
  auto configuration = parse_configuration({storage.data(), storage.size()});
  if (!configuration.ok()) give_up("%s is not of version %d or is damaged", contract::kConfigFile, contract::kVersion);
  return configuration.take();
}

StreamKind stream_kind(std::string_view word) {
  if (word == contract::kStreamTerminal) return StreamKind::kTerminal;
  return word == contract::kStreamNull ? StreamKind::kNull : StreamKind::kPipe;
}

void start_console(const Configuration& configuration) {
  ConsoleConfiguration console;
  console.streams[0] = stream_kind(configuration.standard_input);
  console.streams[1] = stream_kind(configuration.standard_output);
  console.streams[2] = stream_kind(configuration.standard_error);
  const auto termios = parse_termios(configuration.termios);
  console.termios = termios.ok() ? termios.value() : usual_termios();
  unsigned rows = 0, columns = 0;
  if (parse_window_size(configuration.window_size, rows, columns))
    console.window = {static_cast<std::uint16_t>(rows), static_cast<std::uint16_t>(columns), 0, 0};
  if (!initialise_console(console).ok()) give_up("no memory for the console");
  ControlHandlers handlers;
  handlers.signal = [](int signal) {
    SignalInfo signal_info;
    signal_info.signal = signal;
    (void)send_signal_to_process(signal_info).ok();  // fails for want of memory only; the host may send again
  };
  handlers.window_changed = [] {
    SignalInfo signal_info;
    signal_info.signal = kSigWinch;
    signal_info.code = kCodeKernel;
    (void)send_signal_to_process(signal_info).ok();
  };
  tell_of_set_clock.construct([](WorkItem&) { tell_wall_clock_watches(); });
  handlers.wall_clock_changed = [] {
    refresh_vdso_clock();
    // Who waits for a moment of it is told by a thread: here locks are held.
    enqueue_work(*tell_of_set_clock);
  };
  if (!initialise_control_channel(handlers).ok()) give_up("no memory for the control channel");
  for (const auto& [major, minor] : {std::pair{5u, 0u}, std::pair{5u, 1u}, std::pair{136u, 0u}})
    (void)register_char_device(major, minor, [](std::uint32_t flags, Vnode&) { return open_terminal(flags); }).ok();
}

BlockDevice* find_layer(std::string_view name) {
  const std::string_view prefix = contract::kPartitionPrefix;
  if (name.starts_with(prefix)) return find_partition(name.substr(prefix.size()));
  char serial[32] = {};
  std::memcpy(serial, name.data(), name.size() < sizeof(serial) - 1 ? name.size() : sizeof(serial) - 1);
  return find_block_device(serial);
}

void mount_layers(const Configuration& configuration) {
  initialise_page_cache();
  initialise_vfs();
  Vector<BlockDevice*> layers;
  for (std::string_view serial : configuration.layers) {
    BlockDevice* device = find_layer(serial);
    if (device == nullptr)
      give_up("no disk is or holds \"%.*s\"", static_cast<int>(serial.size()), serial.data());
    if (!layers.push_back(device).ok()) give_up("no memory to mount the root");
  }
  const auto mounted = mount_root(layers.span());
  if (!mounted.ok()) give_up("the root image cannot be mounted: %s", errno_name(mounted.error()));
  const auto pseudo = mount_pseudo_file_systems();
  if (!pseudo.ok()) give_up("/dev, /proc and /sys cannot be mounted: %s", errno_name(pseudo.error()));
  if (!install_proc_nodes().ok()) give_up("no memory for /proc");
}

void mount_folders(const Configuration& configuration) {
  for (const FolderRecord& folder : configuration.folders) {
    const auto mounted = vfs_mount_host_folder(folder.tag, folder.path,
                                               folder.read_only ? FolderAccess::kReadOnly : FolderAccess::kReadWrite);
    if (mounted.ok()) continue;
    give_up("the host's folder cannot be mounted at %.*s: %s", static_cast<int>(folder.path.size()), folder.path.data(),
            mounted.error() == Errno::kEOPNOTSUPP ? "that lies in another one of its folders" : errno_name(mounted.error()));
  }
}

void open_standard_streams(const Configuration& configuration) {
  const std::string_view kinds[] = {configuration.standard_input, configuration.standard_output, configuration.standard_error};
  for (int i = 0; i < 3; ++i) {
    auto file = stream_kind(kinds[i]) == StreamKind::kNull ? vfs_open(nullptr, "/dev/null", kOpenReadWrite, 0)
                                                          : console_file(static_cast<StandardStream>(i));
    if (!file.ok()) give_up("standard stream %d cannot be opened: %s", i, errno_name(file.error()));
    if (!install_descriptor(file.take(), CloseOnExec::kNo).ok()) give_up("no memory for the standard streams");
  }
}

}  // namespace

void run_application(const BootInfo& info) {
  static Global<Vector<char>> storage;  // the views in configuration live as long as the VM
  Configuration configuration = read_configuration(info, storage.construct());
  const std::uint64_t memory_mib = frame_statistics().total_frames * kPageSize >> 20;
  if (!choose_memory_argument(configuration, memory_mib).ok()) give_up("no memory for the arguments");
  if (info.initrd.end > info.initrd.begin) {
    const MemoryRange initrd{PhysAddr(align_up(info.initrd.begin.value(), kPageSize)), PhysAddr(align_down(info.initrd.end.value(), kPageSize))};
    if (initrd.begin < initrd.end) add_memory(initrd);
  }
  initialise_epoll();
  initialise_in_flight();
  initialise_record_locks();
  install_fifo_opener();
  start_console(configuration);
  // Before the file systems, so that a lease may come while they are mounted.
  char problem[120];
  if (!start_network_as_told(info.command_line, configuration.hostname, problem, sizeof(problem))) give_up("%s", problem);
  initialise_inet_sockets();
  for (const std::uint16_t port : configuration.exposed_ports) expose_port(port);
  watch_archive(configuration.archive);
  set_listen_reporter([](ListenEvent event, InetProtocol protocol, const InetEndpoint& local, V6Only v6_only) {
    look_at_archive();
    report_to_launcher(event, protocol, local, v6_only);
  });
  mount_layers(configuration);
  publish_machine_id();  // not into a folder of the host's
  mount_folders(configuration);
  publish_resolver_configuration();
  for (const auto kind : {configuration.standard_input, configuration.standard_output, configuration.standard_error}) {
    if (stream_kind(kind) != StreamKind::kTerminal) continue;
    if (!make_terminal_node().ok()) give_up("/dev/pts/0 cannot be made");
    break;
  }
  open_standard_streams(configuration);
  if (!vfs_make_directories(configuration.directory, 0755).ok()) give_up("the working directory cannot be made");
  auto directory = vfs_resolve(nullptr, configuration.directory);
  if (!directory.ok() || !set_current_directory(directory.take()).ok()) give_up("the working directory cannot be entered");

  ProgramRequest request;
  request.path = configuration.program;
  request.arguments = {configuration.arguments.data(), configuration.arguments.size()};
  request.environment = {configuration.environment.data(), configuration.environment.size()};
  request.hostname = configuration.hostname;
  std::string_view failed;
  auto task = load_program(request, failed);
  if (!task.ok())
    give_up("%.*s cannot be started: %s", static_cast<int>(failed.size()), failed.data(), errno_name(task.error()));
  LOG_INFO("mokapot: starting %.*s after %ld us", static_cast<int>(request.path.size()), request.path.data(),
           now().nanoseconds() / 1000);
  if (!initialise_tool_channel().ok()) give_up("no memory for the tools' channel");
  send_control_line(contract::kGuestReady);  // the program's first instruction is next
  task.value()->start();
  const ProcessEnd end = wait_for_process_end();
  look_at_archive();
  end_vm(end);
}

}  // namespace mokapot
