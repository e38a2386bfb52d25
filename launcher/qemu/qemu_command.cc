// SPDX-License-Identifier: Apache-2.0
#include "qemu/qemu_command.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include "contract/vm_contract.h"

namespace moka {
namespace {

// A comma in a value is doubled in QEMU's option syntax.
std::string quoted(const std::string& value) {
  std::string text;
  for (const char letter : value) text += letter == ',' ? ",," : std::string(1, letter);
  return text;
}

// PCI devices of that number and on, far behind those to which QEMU gives numbers by itself.
constexpr unsigned kFirstMemoryDevice = 16;

std::string device_number(std::size_t layer) {
  char text[8];
  std::snprintf(text, sizeof(text), "0x%zx", kFirstMemoryDevice + layer);
  return text;
}

class Builder {
 public:
  explicit Builder(const QemuSpec& spec)
      : spec_(spec), is_mmio_(spec.machine == RunOptions::Machine::kMicrovm) {}

  std::vector<std::string> run() {
    words_ = {spec_.program, "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"};
    machine();
    add({"-m", std::to_string(spec_.memory_mib), "-smp", processors()});
    const int kernel = spec_.channels.kernel;
    add({"-kernel", kernel < 0 ? spec_.kernel : "/proc/self/fd/" + std::to_string(kernel),
         "-initrd", "/proc/self/fd/" + std::to_string(spec_.channels.initrd)});
    if (!spec_.kernel_options.empty()) add({"-append", spec_.kernel_options});
    // How the kernel ends QEMU after a panic.
    add({"-device", "isa-debug-exit,iobase=" + std::to_string(mokapot::contract::kDebugExitPort) +
                        ",iosize=4"});
    socket("serial", spec_.channels.serial);
    add({"-serial", "chardev:serial"});
    socket("monitor", spec_.channels.monitor);
    add({"-mon", "chardev=monitor,mode=control"});
    disks();
    ports();
    device("virtio-rng", "");
    for (const std::string& word :
         network_words(spec_.network, device_kind("virtio-net"), !is_mmio_))
      words_.push_back(word);
    mounts();
    if (!spec_.monitor_socket.empty())
      add({"-qmp", "unix:" + quoted(spec_.monitor_socket) + ",server=on,wait=off"});
    if (spec_.waits_for_gdb) add({"-gdb", "tcp:127.0.0.1:1234", "-S"});
    return std::move(words_);
  }

 private:
  void add(std::initializer_list<std::string> words) { words_.insert(words_.end(), words); }

  void machine() {
    switch (spec_.machine) {
      // The clock chip gives the time of day where there is no kvm-clock.
      case RunOptions::Machine::kMicrovm:
        add({"-machine", has_memory_layer() ? "microvm,rtc=on,pcie=on" : "microvm,rtc=on"});
        break;
      case RunOptions::Machine::kQ35:
        add({"-machine", "q35"});
        break;
      case RunOptions::Machine::kPc:
        add({"-machine", "pc"});
        break;
    }
    // Without this QEMU offers virtio-mmio in its legacy form only.
    if (is_mmio_) add({"-global", "virtio-mmio.force-legacy=false"});
    if (spec_.accelerator == Accelerator::kKvm) {
      // Some hypervisors below refuse to set IA32_ARCH_CAPABILITIES, on which QEMU aborts; it only
      // describes flaws. QEMU puts PCI's memory at the top of the physical addresses, of which the
      // kernel maps 2^46 bytes.
      add({"-accel", "kvm", "-cpu", "host,-arch-capabilities,host-phys-bits-limit=46"});
    } else {
      add({"-accel", "tcg,thread=multi", "-cpu", "max"});
    }
  }

  // Told that a machine can have one processor at most, QEMU's translator leaves out barriers and
  // makes locked instructions ordinary ones, although the devices' threads run beside it: then a
  // ring's owner can miss a request, or its completion, for ever.
  std::string processors() const {
    const std::string count = std::to_string(spec_.cpus);
    return spec_.accelerator == Accelerator::kTcg && spec_.cpus == 1 ? count + ",maxcpus=2" : count;
  }

  std::string device_kind(const std::string& kind) const {
    return kind + (is_mmio_ ? "-device" : "-pci,disable-legacy=on");
  }

  void device(const std::string& kind, const std::string& options) {
    add({"-device", device_kind(kind) + options});
  }

  void socket(const std::string& name, int fd) {
    add({"-chardev", "socket,id=" + name + ",fd=" + std::to_string(fd)});
  }

  bool has_memory_layer() const {
    return std::any_of(spec_.layers.begin(), spec_.layers.end(),
                       [](const Layer& layer) { return layer.is_memory; });
  }

  void memory_layer(const Layer& layer, std::size_t number) {
    std::error_code error;
    const std::uint64_t size = std::filesystem::file_size(layer.image, error);
    add({"-object", "memory-backend-file,id=" + layer.serial + ",share=on,readonly=on,size=" +
                        std::to_string(error ? 0 : size) + ",mem-path=" + quoted(layer.image),
         "-device", "ivshmem-plain,memdev=" + layer.serial + ",addr=" + device_number(number)});
  }

  void disks() {
    for (std::size_t number = 0; number < spec_.layers.size(); ++number) {
      const Layer& layer = spec_.layers[number];
      if (layer.is_memory) {
        memory_layer(layer, number);
        continue;
      }
      // The host's page cache serves all VMs that share an image.
      add({"-drive", "if=none,id=" + layer.serial +
                         ",format=" + (layer.format == DiskFormat::kQcow2 ? "qcow2" : "raw") +
                         ",readonly=on,file=" + quoted(layer.image)});
      device("virtio-blk", ",drive=" + layer.serial + ",serial=" + layer.serial);
    }
  }

  void ports() {
    const struct {
      const char* id;
      const char* name;
      int fd;
    } ports[] = {{"stdin", mokapot::contract::kPortStdin, spec_.channels.standard_input},
                 {"stdout", mokapot::contract::kPortStdout, spec_.channels.standard_output},
                 {"stderr", mokapot::contract::kPortStderr, spec_.channels.standard_error},
                 {"control", mokapot::contract::kPortControl, spec_.channels.control},
                 {"tools", mokapot::contract::kPortTools, spec_.channels.tools}};
    // One more than we use: QEMU keeps port 0 for an old-style console.
    device("virtio-serial", ",max_ports=" + std::to_string(std::size(ports) + 1));
    for (const auto& port : ports) {
      socket(port.id, port.fd);
      add({"-device", std::string("virtserialport,chardev=") + port.id + ",name=" + port.name});
    }
  }

  void mounts() {
    for (std::size_t number = 0; number < spec_.mounts.size(); ++number) {
      const HostFolder& folder = spec_.mounts[number];
      const std::string tag = mount_tag(number);
      // Files are this user's, on both sides: to set an owner needs privilege, so it is not tried.
      // Inode numbers of several file systems below one folder are kept apart.
      add({"-fsdev", "local,id=" + tag + ",path=" + quoted(folder.host) +
                         ",security_model=none,multidevs=remap" +
                         (folder.is_read_only ? ",readonly=on" : "")});
      device("virtio-9p", ",fsdev=" + tag + ",mount_tag=" + tag);
    }
  }

  const QemuSpec& spec_;
  const bool is_mmio_;
  std::vector<std::string> words_;
};

}  // namespace

std::vector<std::string> qemu_command(const QemuSpec& spec) { return Builder(spec).run(); }

std::vector<std::string> memory_layer_words(const std::vector<Layer>& layers) {
  std::vector<std::string> words;
  for (std::size_t number = 0; number < layers.size(); ++number) {
    if (layers[number].is_memory)
      words.push_back(std::string(mokapot::contract::kOptionMappedDisk) + "=" +
                      layers[number].serial + "@" + device_number(number));
  }
  return words;
}

}  // namespace moka
