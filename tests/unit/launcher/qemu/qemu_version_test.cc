// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/qemu/qemu_version.cc

#include "qemu/qemu_version.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

TEST(QemuVersion, IsReadFromWhatQemuSays) {
  EXPECT_EQ(parse_qemu_version("QEMU emulator version 7.2.18 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright"),
            (QemuVersion{7, 2}));
  EXPECT_EQ(parse_qemu_version("QEMU emulator version 10.0.2"), (QemuVersion{10, 0}));
  EXPECT_EQ(parse_qemu_version("QEMU emulator version 8.1.50 (v8.1.0-1-g0)"), (QemuVersion{8, 1}));
  for (const char* text : {"", "QEMU", " version ", " version 7", " version 7.", " version x.1", " version -1.0"})
    EXPECT_FALSE(parse_qemu_version(text)) << text;
  EXPECT_LT((QemuVersion{7, 2}), kFirstWithLockedFetch);
  EXPECT_LT((QemuVersion{8, 0}), kFirstWithLockedFetch);
  EXPECT_FALSE((QemuVersion{10, 0}) < kFirstWithLockedFetch);
}

}  // namespace
}  // namespace moka
