// SPDX-License-Identifier: Apache-2.0
//
// QEMU's command line. Nothing secret may get in here: any user of the host can read it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/run_options.h"
#include "guest/host_folder.h"
#include "image/bootable_image.h"
#include "qemu/network_device.h"

namespace moka {

enum class Accelerator { kTcg, kKvm };

struct Layer {
  std::string serial;  // by which the guest finds the disk
  std::string image;   // path of the EROFS file, or of a disk image
  DiskFormat format = DiskFormat::kRaw;
  // Shown to the guest as memory, whose pages it maps where they lie and which all VMs that use the
  // image share. A raw file whose size is a power of two.
  bool is_memory = false;
};

// The descriptors that QEMU inherits; each a connected socket except the initrd.
struct QemuChannels {
  int initrd = -1;
  int standard_input = -1;
  int standard_output = -1;
  int standard_error = -1;
  int control = -1;
  int serial = -1;
  int monitor = -1;
  int tools = -1;
  int kernel = -1;  // no socket either; -1: QemuSpec names a file
};

struct QemuSpec {
  std::string program;
  std::string kernel;
  std::string kernel_options;  // the kernel's command line
  RunOptions::Machine machine = RunOptions::kDefaultMachine;
  Accelerator accelerator = Accelerator::kTcg;
  std::uint64_t memory_mib = 0;
  unsigned cpus = 1;
  std::vector<Layer> layers;
  std::vector<HostFolder> mounts;
  NetworkDevice network;
  QemuChannels channels;
  bool waits_for_gdb = false;
  std::string monitor_socket;  // "" for none
};

std::vector<std::string> qemu_command(const QemuSpec& spec);

// What the kernel's command line has to say of the layers that are memory.
std::vector<std::string> memory_layer_words(const std::vector<Layer>& layers);

}  // namespace moka
