// SPDX-License-Identifier: Apache-2.0
#include "doctor/doctor_command.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "guest/memory_plan.h"
#include "image/image_cache.h"
#include "jdk/jdk.h"
#include "qemu/device_probe.h"
#include "qemu/kvm_speed.h"
#include "run/kernel_file.h"
#include "session/exit_report.h"
#include "support/command.h"
#include "support/files.h"
#include "support/json.h"

namespace moka {

const char* const kDoctorUsage =
    "usage: moka doctor [--output json]\n"
    "\n"
    "What this host can do, and what to install for the rest.\n"
    "\n"
    "  --output FORMAT    text or json\n";

namespace {

enum class State { kGood, kOptional, kMissing };

struct Finding {
  State state;
  std::string subject;
  std::string text;
};

const char* word_of(State state) {
  switch (state) {
    case State::kGood:
      return "ok";
    case State::kOptional:
      return "without";
    case State::kMissing:
      return "missing";
  }
  return "";
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

Finding program(const char* name, const char* package, const char* purpose) {
  const std::string path = find_program(name);
  if (!path.empty()) return {State::kGood, name, path + ", " + purpose};
  return {State::kMissing, name, std::string(purpose) + ": apt-get install " + package};
}

Finding qemu() {
  const std::string path = find_program("qemu-system-x86_64");
  if (path.empty()) return program("qemu-system-x86_64", "qemu-system-x86", "runs VMs");
  return {State::kGood, "qemu", first_line(run_command({path, "--version"}).output)};
}

Finding kvm() {
  const std::optional<double> rounds = measure_kvm_rounds_per_second();
  if (!rounds)
    return {State::kOptional, "kvm",
            "/dev/kvm makes no VM for this user; VMs run under TCG, which is slower. Is "
            "virtualisation on in the firmware, and this user in the group kvm?"};
  const bool is_fast = *rounds >= kLeastKvmRoundsPerSecond;
  char text[160];
  std::snprintf(text, sizeof text, "%.2f million rounds a second at CPL 0%s", *rounds / 1e6,
                is_fast ? "" : "; below one million TCG is faster, and is used");
  return {is_fast ? State::kGood : State::kOptional, "kvm", text};
}

Finding jdk() {
  const char* java_home = std::getenv("JAVA_HOME");
  const Result<Jdk> found = find_jdk("", java_home != nullptr ? java_home : "");
  if (!found) return {State::kMissing, "jdk", found.error().message};
  const Jdk& jdk = found.value();
  const std::string name = "Java " + jdk.version + " in " + jdk.home;
  const bool trims = is_regular_file(jdk.home + "/bin/jlink") && is_directory(jdk.home + "/jmods");
  return {State::kGood, "jdk",
          name + (trims ? "" : "; without jlink and jmods images hold all of it")};
}

Finding grub(const char* platform, const char* package) {
  const bool is_there = is_regular_file(std::string("/usr/lib/grub/") + platform + "/moddep.lst");
  return {is_there ? State::kGood : State::kMissing, std::string("grub ") + platform,
          is_there ? "images boot by it"
                   : std::string("images boot by it: apt-get install ") + package};
}

Finding tap() {
  const bool opens = ::access("/dev/net/tun", R_OK | W_OK) == 0;
  return {opens ? State::kGood : State::kOptional, "tap",
          opens ? "/dev/net/tun opens: --net tap:NAME"
                : "/dev/net/tun does not open; user networking works without"};
}

Finding bridge() {
  const bool is_there = ::access("/usr/lib/qemu/qemu-bridge-helper", X_OK) == 0 &&
                        is_regular_file("/etc/qemu/bridge.conf");
  return {is_there ? State::kGood : State::kOptional, "bridge",
          is_there ? "qemu-bridge-helper: --net bridge:NAME"
                   : "no /etc/qemu/bridge.conf; user networking works without"};
}

Finding kernel() {
  const Result<std::string> found = find_kernel("");
  if (!found) return {State::kMissing, "kernel", found.error().message};
  return {State::kGood, "kernel", found.value()};
}

Finding cache() {
  const Result<ImageCache> opened = ImageCache::open();
  if (!opened) return {State::kMissing, "cache", opened.error().message};
  std::uint64_t bytes = 0;
  for (const ImageCache::Entry& entry : opened.value().list()) bytes += entry.bytes;
  return {State::kGood, "cache",
          opened.value().directory() + ", " + std::to_string(bytes >> 20) + " MiB"};
}

Finding shared_images() {
  const std::string qemu = find_program("qemu-system-x86_64");
  const Result<ImageCache> opened = ImageCache::open();
  if (!opened || qemu.empty())
    return {State::kOptional, "ivshmem", "without QEMU or a cache nobody can tell"};
  const bool is_there = offers_memory_layers(opened.value(), qemu);
  return {is_there ? State::kGood : State::kOptional, "ivshmem",
          is_there ? "VMs share the memory of their images"
                   : "this QEMU was built without it; each VM reads its images into its own memory"};
}

std::vector<Finding> examine() {
  return {kernel(),
          qemu(),
          kvm(),
          shared_images(),
          {State::kGood, "memory",
           std::to_string(default_memory(host_memory_mib()).mib) +
               " MiB for a VM unless -m says otherwise"},
          jdk(),
          cache(),
          program("mkfs.erofs", "erofs-utils", "makes file systems"),
          program("qemu-img", "qemu-utils", "makes and reads qcow2"),
          program("grub-mkimage", "grub-common", "makes images bootable"),
          grub("i386-pc", "grub-pc-bin"),
          grub("x86_64-efi", "grub-efi-amd64-bin"),
          program("mformat", "mtools", "makes images bootable"),
          tap(),
          bridge()};
}

}  // namespace

int doctor_command_line(const std::vector<std::string>& words) {
  using Words = std::vector<std::string>;
  if (words == Words{"--help"} || words == Words{"-h"}) {
    std::fputs(kDoctorUsage, stdout);
    return 0;
  }
  const bool is_json = words == Words{"--output", "json"} || words == Words{"--output=json"};
  if (!is_json && !words.empty() && words != Words{"--output", "text"}) {
    std::fputs("moka: doctor knows --output text and json\n", stderr);
    return kStatusBadInput;
  }
  int status = 0;
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const Finding& finding : examine()) {
    if (finding.state == State::kMissing) status = 1;
    if (is_json) {
      all.push_back({{"subject", finding.subject},
                     {"state", word_of(finding.state)},
                     {"text", finding.text}});
    } else {
      std::printf("%-8s %-18s %s\n", word_of(finding.state), finding.subject.c_str(),
                  finding.text.c_str());
    }
  }
  if (is_json) std::printf("%s\n", json_text(all).c_str());
  return status;
}

}  // namespace moka
