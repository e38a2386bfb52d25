// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/guest/host_folder.cc launcher/support/files.cc

#include "guest/host_folder.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "launcher/temporary_directory.h"

namespace moka {
namespace {

TEST(HostFolder, LeadsFromTheHostToTheGuest) {
  test::TemporaryDirectory directory;
  const std::string host = directory.path() + "/a:b";
  std::filesystem::create_directory(host);
  const Result<HostFolder> folder = parse_host_folder(host + ":/data/./x/../y:ro");
  ASSERT_TRUE(folder) << folder.error().message;
  EXPECT_EQ(folder.value().host, host);
  EXPECT_EQ(folder.value().guest, "/data/y");
  EXPECT_TRUE(folder.value().is_read_only);
  EXPECT_FALSE(parse_host_folder(host + ":/data").value().is_read_only);
  EXPECT_FALSE(parse_host_folder(host + ":/data:rw").value().is_read_only);
}

TEST(HostFolder, RefusesWhatCannotBeShared) {
  for (const char* text : {"", ":", "/tmp", "/tmp:", ":/x", "/tmp:x", "/tmp:/", "/tmp:/x/..",
                           "/no/such/folder:/x", "/etc/passwd:/x", "/tmp:ro"})
    EXPECT_FALSE(parse_host_folder(text)) << text;
}

}  // namespace
}  // namespace moka
