// SPDX-License-Identifier: Apache-2.0
//
// What grub-install does for a BIOS beside copying files is in GRUB's include/grub/i386/pc/boot.h
// and util/setup.c: the boot sector is told where the core's first sector lies, and that sector
// where the others do. grub-install itself wants root and a device.
#include "disk/boot_loader.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <vector>

#include "disk/partition_table.h"
#include "support/command.h"
#include "support/files.h"

namespace moka {
namespace {

constexpr const char* kBootSector = "/usr/lib/grub/i386-pc/boot.img";
constexpr const char* kBiosModules = "/usr/lib/grub/i386-pc/moddep.lst";
constexpr const char* kEfiModules = "/usr/lib/grub/x86_64-efi/moddep.lst";
constexpr std::size_t kMostBytes = 16u << 20;

// In the boot sector.
constexpr std::size_t kBootCodeSize = 440;
constexpr std::size_t kKernelSectorAt = 0x5c;
constexpr std::size_t kBootDriveCheckAt = 0x66;
// In the core's first sector: the list of where the others are, growing downwards from its end.
constexpr std::size_t kFirstBlockListAt = 0x1f4;
// The file system's own, with clusters of one sector: boot sector, two tables of twelve bits a cluster, the root directory's
// sector, two directories, and what is left of the last cluster.
constexpr std::uint64_t kFatBytes = 8u << 10;
constexpr std::uint64_t kFatGranule = 4u << 10;

// Time stamps of mtools and volume ids are the clock's unless they are told.
const std::vector<std::string> kFixedTime = {"SOURCE_DATE_EPOCH=315532800", "TZ=UTC",
                                             "MTOOLSRC=/dev/null", "MTOOLS_SKIP_CHECK=1"};

Result<void> run(const std::vector<std::string>& command, const char* package) {
  const CommandOutcome outcome = run_command(command, kFixedTime);
  if (outcome.status == kCommandNotFound)
    return Error{command.front() + " is not installed: install it (Debian: " + package + ")"};
  if (outcome.status != 0)
    return Error{command.front() +
                 " could not make the boot loader: " + std::string(trim(outcome.output))};
  return {};
}

void put64(std::string& bytes, std::size_t at, std::uint64_t value) {
  for (std::size_t index = 0; index < 8; ++index)
    bytes[at + index] = static_cast<char>(value >> (8 * index) & 0xff);
}

std::string boot_commands(const std::string& kernel_options) {
  return std::string("multiboot2 /") + kKernelMember + " " + kernel_options + "\nmodule2 /" +
         kInitrdMember + "\nboot\n";
}

Result<std::string> make_core(const char* platform, const std::string& prefix,
                              const std::string& commands, std::vector<std::string> modules,
                              const char* package, const std::string& scratch) {
  const std::string configuration = scratch + "/" + platform + ".cfg";
  const std::string core = scratch + "/" + platform + ".img";
  MOKA_TRY(write_file_atomically(configuration, commands, 0600));
  std::vector<std::string> command{"grub-mkimage", "-O",   platform, "-o",         core,
                                   "-p",           prefix, "-c",     configuration};
  command.insert(command.end(), modules.begin(), modules.end());
  MOKA_TRY(run(command, package));
  return read_file(core, kMostBytes);
}

// Where GRUB looks for files: the boot partition of whatever disk it was started from, which the
// firmware tells it and GRUB puts in front of the comma.
const std::string kPrefix = "(,gpt" + std::to_string(kBootPartition) + ")/";

Result<void> check_packages() {
  if (!is_regular_file(kBootSector) || !is_regular_file(kBiosModules))
    return Error{"GRUB for BIOS is not installed: install it (Debian: grub-pc-bin)"};
  if (!is_regular_file(kEfiModules))
    return Error{"GRUB for UEFI is not installed: install it (Debian: grub-efi-amd64-bin)"};
  return {};
}

// An error of GRUB's shows where the application's output would.
constexpr const char* kSerialConsole =
    "serial --unit=0 --speed=115200\nterminal_output --append serial\n";
Result<void> make_bios_core(std::uint64_t core_offset, const std::string& kernel_options,
                            const std::string& scratch, BootLoader& loader) {
  loader.boot_code = MOKA_TRY(read_file(kBootSector, kMostBytes));
  if (loader.boot_code.size() < kBootCodeSize)
    return Error{std::string(kBootSector) + " is cut short"};
  loader.boot_code.resize(kBootCodeSize);
  const std::uint64_t sector = core_offset / kBlockSize;
  put64(loader.boot_code, kKernelSectorAt, sector);
  // As GRUB's own installer on hard disks: do not believe a BIOS that says it booted a floppy.
  loader.boot_code.replace(kBootDriveCheckAt, 2, "\x90\x90");
  loader.core = MOKA_TRY(make_core(
      "i386-pc", kPrefix, kSerialConsole + boot_commands(kernel_options),
      {"biosdisk", "part_gpt", "newc", "gzio", "multiboot2", "boot", "serial", "terminal"}, "grub-common",
      scratch));
  if (loader.core.size() < kBlockSize) return Error{"grub-mkimage made no core image"};
  put64(loader.core, kFirstBlockListAt, sector + 1);
  return {};
}

}  // namespace

Result<BootLoader> make_boot_loader(std::uint64_t core_offset, const std::string& kernel_options,
                                    const std::string& scratch) {
  MOKA_TRY(check_packages());
  BootLoader loader;
  MOKA_TRY(make_bios_core(core_offset, kernel_options, scratch, loader));
  const std::string efi_core = MOKA_TRY(
      make_core("x86_64-efi", kPrefix, boot_commands(kernel_options),
                {"part_gpt", "newc", "gzio", "multiboot2", "boot"}, "grub-common", scratch));
  loader.efi_system_path = scratch + "/efi-system";
  const std::string& file = loader.efi_system_path;
  const std::uint64_t bytes = (efi_core.size() + kFatBytes + kFatGranule - 1) / kFatGranule * kFatGranule;
  MOKA_TRY(run({"mformat", "-i", file, "-C", "-T", std::to_string(bytes / kBlockSize),
                "-h", "16", "-s", "63", "-c", "1", "-r", "1", "-N", "4d4f4b41", "-v", "MOKAPOT", "::"},
               "mtools"));
  MOKA_TRY(run({"mmd", "-i", file, "::/EFI", "::/EFI/BOOT"}, "mtools"));
  MOKA_TRY(
      run({"mcopy", "-i", file, scratch + "/x86_64-efi.img", "::/EFI/BOOT/BOOTX64.EFI"}, "mtools"));
  return loader;
}

Result<std::string> boot_loader_state() {
  MOKA_TRY(check_packages());
  std::vector<std::string> files{"/usr/bin/grub-mkimage", "/usr/bin/mtools"};
  for (const char* list : {kBiosModules, kEfiModules}) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(parent_path(list), error), end;
         !error && entry != end; entry.increment(error))
      files.push_back(entry->path().string());
  }
  std::sort(files.begin(), files.end());
  std::string state;
  for (const std::string& file : files) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) continue;
    state += file;
    for (const auto number : {std::int64_t{status.st_size}, std::int64_t{status.st_mtim.tv_sec},
                              std::int64_t{status.st_mtim.tv_nsec}})
      state += " " + std::to_string(number);
    state += "\n";
  }
  return state;
}

std::string boot_loader_version() {
  const CommandOutcome outcome =
      run_command({"dpkg-query", "-W", "-f", "${Version}", "grub-efi-amd64-bin"});
  return outcome.status == 0 ? std::string(trim(outcome.output)) : std::string();
}

}  // namespace moka
