// SPDX-License-Identifier: Apache-2.0
//
// GRUB as it goes onto a disk, for BIOS and for UEFI, made by Debian's packages without root and
// without a device: grub-mkimage for the two core images, mtools for the EFI system partition.
//
// Both cores read kernel and initrd from the newc archive in the boot partition (kBootPartition)
// of the disk that they were started from, and start the kernel by Multiboot2.
#pragma once

#include <cstdint>
#include <string>

#include "support/result.h"

namespace moka {

// Numbers of partitions, counted from 1: the cores name the boot archive's by number.
inline constexpr int kBiosBootPartition = 1;
inline constexpr int kEfiPartition = 2;
inline constexpr int kBootPartition = 3;

// Members of the boot archive. Kernel, bill and licences are compressed by gzip, which GRUB undoes.
inline constexpr const char* kKernelMember = "kernel.elf";
inline constexpr const char* kInitrdMember = "initrd";
inline constexpr const char* kManifestMember = "manifest.json";
inline constexpr const char* kSbomMember = "sbom.cdx.json";
inline constexpr const char* kLicensesMember = "licenses.txt";

struct BootLoader {
  std::string boot_code;        // for the MBR; knows where the core lies
  std::string core;             // for the BIOS boot partition
  std::string efi_system_path;  // a file, the EFI system partition
};

// `core_offset`: where on the disk the BIOS boot partition begins. `kernel_options`: the kernel's
// command line. `scratch`: an empty directory. Fails where a package is missing, with its name.
Result<BootLoader> make_boot_loader(std::uint64_t core_offset, const std::string& kernel_options,
                                    const std::string& scratch);

// What the result depends on beside the arguments: which GRUB and mtools are installed, as text.
// Fails where GRUB is not.
Result<std::string> boot_loader_state();

// GRUB's version as Debian counts it, or "" where that is not known.
std::string boot_loader_version();

}  // namespace moka
