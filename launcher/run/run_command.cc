// SPDX-License-Identifier: Apache-2.0
#include "run/run_command.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>

#include "cli/run_options.h"
#include "contract/vm_contract.h"
#include "guest/cpio.h"
#include "guest/environment.h"
#include "guest/initrd.h"
#include "guest/memory_plan.h"
#include "image/image_cache.h"
#include "image/runtime_image.h"
#include "publish/publishing_plan.h"
#include "qemu/accelerator_probe.h"
#include "qemu/device_probe.h"
#include "qemu/qemu_command.h"
#include "run/detachment.h"
#include "run/host_network.h"
#include "run/image_target.h"
#include "run/kernel_file.h"
#include "run/opened_libraries.h"
#include "run/registration.h"
#include "run/target.h"
#include "session/messages.h"
#include "session/owner.h"
#include "session/session.h"
#include "support/command.h"
#include "support/files.h"

namespace moka {
namespace {

// More virtual CPUs than this by default would cost each small program more than they bring.
constexpr unsigned kMostDefaultCpus = 8;
constexpr const char* kRuntimeSerial = "runtime";
constexpr const char* kApplicationSerial = "application";
constexpr const char* kImageSerial = "image";

unsigned usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(std::max(1, CPU_COUNT(&set)));
}

Result<std::string> find_qemu() {
  // MOKA_QEMU: another QEMU, or a stand-in for tests.
  const char* chosen = std::getenv("MOKA_QEMU");
  const std::string name = chosen != nullptr && *chosen != '\0' ? chosen : "qemu-system-x86_64";
  std::string program = find_program(name);
  if (program.empty())
    return Error{name + " is not installed: install it (Debian: qemu-system-x86)"};
  return program;
}

Result<MemoryPlan> plan_memory(std::optional<std::uint64_t> wish_mib) {
  const std::uint64_t host = host_memory_mib();
  if (!wish_mib) return default_memory(host);
  if (*wish_mib < kLeastMemoryMiB)
    return Error{"-m " + std::to_string(*wish_mib) + " is too little memory; give at least " +
                 std::to_string(kLeastMemoryMiB) + " MiB"};
  return MemoryPlan{*wish_mib, false, host};
}

// A trace is part of the kernel's log, and useless where that is not shown.
bool shows_log(const RunOptions& options) {
  return options.is_verbose || !options.trace.empty();
}

std::string kernel_options(const RunOptions& options, const std::vector<Layer>& layers) {
  namespace contract = mokapot::contract;
  std::string text;
  const auto add = [&text](const std::string& word) { text += (text.empty() ? "" : " ") + word; };
  if (shows_log(options)) add(contract::kOptionVerbose);
  if (!options.trace.empty()) add(std::string(contract::kOptionTrace) + "=" + options.trace);
  if (options.forgoes_direct_calls) add(std::string(contract::kOptionDirectCalls) + "=off");
  for (const std::string& word : address_words(options.network)) add(word);
  for (const std::string& word : memory_layer_words(layers)) add(word);
  if (const char* more = std::getenv("MOKA_KERNEL_OPTIONS"); more != nullptr && *more != '\0')
    add(more);
  return text;
}

// A file system layer each for runtime and application, built where the cache lacks them.
Result<std::vector<Layer>> prepare_layers(const Target& target, const ImageCache& cache,
                                          const std::string& qemu) {
  ApplicationFiles files = target.files;
  files.boundary = cache.directory();
  const TreePlan runtime = MOKA_TRY(plan_runtime(target.jdk));
  TreePlan application = MOKA_TRY(plan_application(files));
  MOKA_TRY(add_libraries_opened_by_name(application, target, cache));
  // The runtime's times mean nothing to anyone; an application may look at those of its own files,
  // and class-data archives check them.
  // What stands in for QEMU (find_qemu) is not asked: it may do anything when it is started.
  const char* stand_in = std::getenv("MOKA_QEMU");
  const bool offers_memory =
      (stand_in != nullptr && *stand_in != '\0') || offers_memory_layers(cache, qemu);
  const auto layer = [&](const TreePlan& plan, const char* serial,
                         FileTimes times) -> Result<Layer> {
    const std::string image =
        MOKA_TRY(cache.image_of(plan, serial, times, Compression::kNone,
                                offers_memory ? Extent::kMemory : Extent::kFileSystem));
    return Layer{serial, image, DiskFormat::kRaw, offers_memory && has_size_of_memory(image)};
  };
  return std::vector<Layer>{MOKA_TRY(layer(runtime, kRuntimeSerial, FileTimes::kZero)),
                            MOKA_TRY(layer(application, kApplicationSerial, FileTimes::kKept))};
}

// Which of the three streams is a terminal, to speak for all: the guest has one terminal at most.
int terminal_fd() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::isatty(fd) != 0) return fd;
  return STDIN_FILENO;
}

std::string stream_kind(int fd, HostStream::Direction direction) {
  return HostStream(fd, direction).kind();
}

// moka's own files are named absolutely by now; from here on relative paths are the program's.
Result<void> enter_folder(const std::string& folder) {
  if (folder.empty() || ::chdir(folder.c_str()) == 0) return {};
  return Error{"--dir " + folder + ": " + error_text(errno)};
}

// A connection is a descriptor of QEMU's, and may be two of ours.
void take_all_descriptors() {
  rlimit descriptors;
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return;
  descriptors.rlim_cur = descriptors.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &descriptors);
}

struct Prepared {
  QemuSpec qemu;
  UniqueFd kernel;  // out of an image
  std::vector<std::string> jvm_options;
  GuestConfig config;
  bool is_java = false;
  bool is_watched = true;  // a VM that does not answer is ended
  Owner owner;
  HostNetwork network;
  std::optional<PublisherPlan> publishing;
};

// What is in the files that the command line names, as layers of this VM's own.
Result<MemoryPlan> use_files(const RunOptions& options, const Terminal& terminal,
                             Registration& registration, Prepared& prepared) {
  prepared.qemu.kernel = MOKA_TRY(find_kernel(options.kernel));
  const MemoryPlan memory = MOKA_TRY(plan_memory(options.memory_mib));
  MOKA_TRY(enter_folder(options.folder));
  GuestConfig& config = prepared.config;
  config.working_directory = absolute_path(".");
  config.environment = guest_environment(host_environment(), terminal.is_terminal(),
                                         config.working_directory, options.environment);
  std::optional<ArtifactPlace> place;
  if (const std::optional<Artifacts>& artifacts = registration.artifacts()) {
    config.mounts.push_back(artifacts->mount());
    place = artifacts->place(options.mounts, config.working_directory);
    artifacts->make_subfolders(artifact_subfolders(options.jvm_options, *place));
  }
  const Target target = MOKA_TRY(
      resolve_target(options, memory, config.environment, config.working_directory, place));
  prepared.is_java = target.jdk.has_value();
  prepared.jvm_options = target.jvm_options;
  const ImageCache cache = MOKA_TRY(ImageCache::open());
  prepared.qemu.layers = MOKA_TRY(prepare_layers(target, cache, prepared.qemu.program));
  config.program = target.program;
  config.arguments = target.arguments;
  for (const Layer& layer : prepared.qemu.layers) config.layers.push_back(layer.serial);
  return memory;
}

// A bootable image: its kernel, its configuration, and itself as the one disk.
Result<MemoryPlan> use_image(const RunOptions& options, Prepared& prepared) {
  BootableImage image = MOKA_TRY(open_bootable_image(absolute_path(options.name)));
  const MemoryPlan memory = MOKA_TRY(plan_memory(memory_wish(options, image)));
  ImageTarget target = MOKA_TRY(resolve_image(options, memory, std::move(image)));
  prepared.is_java = target.is_java;
  prepared.jvm_options = std::move(target.jvm_options);
  prepared.config = std::move(target.config);
  prepared.kernel = MOKA_TRY(memory_file("mokapot-kernel", target.image.kernel));
  prepared.qemu.channels.kernel = prepared.kernel.get();
  prepared.qemu.layers = {{kImageSerial, absolute_path(options.name), target.image.format}};
  return memory;
}

Result<Prepared> prepare(const RunOptions& options, const Terminal& terminal,
                         Registration& registration, const Messages& messages,
                         std::chrono::steady_clock::time_point start) {
  Prepared prepared;
  if (options.owner) prepared.owner = MOKA_TRY(Owner::of(*options.owner));
  prepared.qemu.program = MOKA_TRY(find_qemu());
  const MemoryPlan memory =
      MOKA_TRY(names_image(options) ? use_image(options, prepared)
                                    : use_files(options, terminal, registration, prepared));

  GuestConfig& config = prepared.config;
  config.mounts.insert(config.mounts.end(), options.mounts.begin(), options.mounts.end());

  QemuSpec& qemu = prepared.qemu;
  const ImageCache cache = MOKA_TRY(ImageCache::open());
  qemu.kernel_options = kernel_options(options, qemu.layers);
  qemu.machine = options.machine;
  qemu.memory_mib = memory.mib;
  qemu.cpus = options.cpus.value_or(std::min(usable_cpus(), kMostDefaultCpus));
  qemu.mounts = config.mounts;
  qemu.waits_for_gdb = options.waits_for_gdb;
  qemu.monitor_socket = options.monitor_socket;
  if (options.network.kind != NetworkOptions::Kind::kNone)
    prepared.publishing = MOKA_TRY(plan_publishing(options.network, prepared.jvm_options, start));
  prepared.network = MOKA_TRY(HostNetwork::open(options.network, qemu.cpus));
  qemu.network = prepared.network.device();
  const char* wish = std::getenv("MOKA_ACCELERATOR");
  const AcceleratorChoice choice =
      MOKA_TRY(choose_accelerator(cache.directory(), wish != nullptr ? wish : ""));
  qemu.accelerator = choice.accelerator;
  prepared.is_watched = !options.waits_for_gdb && !choice.is_forced;
  std::fputs(messages.note(choice.reason).c_str(), stderr);
  MOKA_TRY(registration.describe(options, prepared.is_java, prepared.jvm_options, qemu.memory_mib,
                                 qemu.cpus));

  for (const PortMapping& mapping : options.network.mappings)
    if (mapping.protocol == Protocol::kTcp) config.exposed_ports.push_back(mapping.guest_port);
  config.standard_input = stream_kind(STDIN_FILENO, HostStream::Direction::kIn);
  config.standard_output = stream_kind(STDOUT_FILENO, HostStream::Direction::kOut);
  config.standard_error = stream_kind(STDERR_FILENO, HostStream::Direction::kOut);
  if (terminal.is_terminal()) {
    config.termios = terminal.termios_text();
    config.window_size = terminal.window_size();
  }
  return prepared;
}

Result<ExitReport> start_and_watch(Prepared& prepared, const RunOptions& options,
                                   Terminal& terminal, Registration& registration,
                                   std::optional<Detachment>& detachment) {
  const std::string records = MOKA_TRY(encode_config(prepared.config));
  const UniqueFd initrd = MOKA_TRY(
      memory_file("mokapot-initrd", cpio_archive({{mokapot::contract::kConfigFile, records}})));
  QemuChannels& channels = prepared.qemu.channels;
  channels.initrd = initrd.get();
  std::vector<UniqueFd> theirs;
  SessionSockets ours = MOKA_TRY(Session::make_sockets(channels, theirs));
  HostSignals signals = MOKA_TRY(HostSignals::take_over());
  std::vector<int> inherited{
      channels.initrd,  channels.standard_input, channels.standard_output, channels.standard_error,
      channels.control, channels.serial,         channels.monitor,         channels.tools};
  const std::vector<int> of_network = prepared.network.descriptors();
  inherited.insert(inherited.end(), of_network.begin(), of_network.end());
  if (channels.kernel >= 0) inherited.push_back(channels.kernel);
  if (options.waits_for_gdb)
    std::fprintf(stderr, "moka: waiting for gdb: target remote localhost:1234\n");
  QemuProcess qemu = MOKA_TRY(QemuProcess::start(qemu_command(prepared.qemu), inherited));
  // Only QEMU may hold its ends, or its death would not close the channels.
  theirs.clear();
  prepared.network.close();
  SessionOptions session_options{shows_log(options),
                                 prepared.is_java,
                                 prepared.is_watched,
                                 options.output,
                                 std::move(prepared.publishing),
                                 registration.take_tool_listener(),
                                 nullptr,
                                 nullptr,
                                 nullptr,
                                 std::move(prepared.owner)};
  session_options.last_words = [&] {
    return registration.last_words(Messages(options.output, options.is_verbose));
  };
  session_options.on_port = [&](const PortNotice& notice) {
    registration.note_port(notice);
    if (options.is_debugged && notice.kind == PortNotice::Kind::kPublished &&
        notice.guest_port == options.debug_port)
      std::fputs(Messages(options.output, true).debugger(notice.host_port).c_str(), stderr);
  };
  Session* running = nullptr;
  session_options.on_ready = [&] {
    if (!detachment || detachment->say_started(registration.entry().name())) return;
    running->cancel(128 + SIGINT, "moka run -d was interrupted before the program began");
  };
  Session session(std::move(session_options), std::move(ours), std::move(qemu), terminal, signals);
  running = &session;
  return session.run();
}

// Before the program runs: what it did must not end in a file that cannot be written.
Result<void> check_status_file(const std::string& path) {
  if (path.empty()) return {};
  const std::string::size_type slash = path.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (is_directory(path)) return Error{"--status-file " + path + ": that is a folder; give a file"};
  if (!is_directory(folder)) return Error{"--status-file " + path + ": no such folder: " + folder};
  if (::access(folder.c_str(), W_OK | X_OK) != 0)
    return Error{"--status-file " + path + ": cannot write in " + folder + ": " +
                 error_text(errno)};
  return {};
}

int refuse(const Messages& messages, const std::string& status_file, const std::string& message,
           const std::optional<Detachment>& detachment = std::nullopt) {
  std::fputs(messages.error(message).c_str(), stderr);
  if (detachment) detachment->say_error(messages.error(message));
  const ExitReport report{kStatusBadInput, 0, ExitReport::By::kMoka, message};
  if (!status_file.empty()) (void)write_file_atomically(status_file, report.json(), 0644);
  return kStatusBadInput;
}

}  // namespace

int run_command_line(const std::vector<std::string>& words) {
  const auto start = std::chrono::steady_clock::now();
  for (const std::string& word : words) {
    if (word.empty() || word.front() != '-') break;
    if (word == "--help" || word == "-h") {
      std::fputs(kRunUsage, stdout);
      return 0;
    }
  }
  const Result<RunOptions> options = parse_run_options(words);
  if (!options) return refuse(Messages(OutputFormat::kText, false), "", options.error().message);
  const Messages messages(options.value().output, options.value().is_verbose);
  const std::string& status_file = options.value().status_file;
  if (const Result<void> possible = check_status_file(status_file); !possible)
    return refuse(messages, "", possible.error().message);
  // A closed pipe is an error value to us, never our death.
  std::signal(SIGPIPE, SIG_IGN);
  std::optional<Detachment> detachment;
  if (options.value().is_detached && !(detachment = Detachment::detach()))
    return refuse(messages, status_file, "cannot detach: " + error_text(errno));
  Result<Registration> registration = Registration::make(options.value(), messages);
  if (!registration) return refuse(messages, status_file, registration.error().message);
  if (detachment) {
    Result<void> redirected = detachment->redirect(registration.value().entry().log_file());
    if (!redirected) return refuse(messages, status_file, redirected.error().message);
  }
  Terminal terminal(terminal_fd());
  take_all_descriptors();
  Result<Prepared> prepared =
      prepare(options.value(), terminal, registration.value(), messages, start);
  if (!prepared) return refuse(messages, status_file, prepared.error().message, detachment);
  Result<ExitReport> report = start_and_watch(prepared.value(), options.value(), terminal,
                                              registration.value(), detachment);
  if (!report) return refuse(messages, status_file, report.error().message, detachment);
  if (detachment && detachment->is_awaited())
    detachment->say_error(messages.error("the VM ended before its program began; moka logs " +
                                         registration.value().entry().name() +
                                         " shows what it said"));
  registration.value().end(report.value());
  if (!status_file.empty()) {
    Result<void> written = write_file_atomically(status_file, report.value().json(), 0644);
    if (!written) std::fputs(messages.error(written.error().message).c_str(), stderr);
  }
  return report.value().status;
}

}  // namespace moka
