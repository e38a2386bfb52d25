// SPDX-License-Identifier: Apache-2.0
//
// `newc` cpio archives, cpio(5) "New ASCII Format": what an initrd is, and what a disk image keeps
// its kernel in, since GRUB reads such an archive as a file system. Owners and times are zero, so
// that equal members make equal archives.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "support/result.h"

namespace moka {

struct CpioMember {
  std::string name;
  std::string content;
};

// Regular files, mode 0600, in this order.
std::string cpio_archive(const std::vector<CpioMember>& members);

// The members of an archive that may hold anything; what is behind its end does not count. Fails
// where it is cut short or is none.
Result<std::vector<CpioMember>> read_cpio(std::string_view archive);

// The content of the member with that name; nullptr where there is none.
const std::string* find_member(const std::vector<CpioMember>& members, std::string_view name);

}  // namespace moka
