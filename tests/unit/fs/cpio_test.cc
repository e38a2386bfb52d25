// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/fs/cpio.cc
//
// Archives as cpio(1) makes them, cut off at every length.

#include "fs/cpio.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace mokapot {
namespace {

void pad(std::string& archive) { archive.resize((archive.size() + 3) / 4 * 4, '\0'); }

void add(std::string& archive, const std::string& name, const std::string& data, unsigned mode = 0100644) {
  char header[111];
  std::snprintf(header, sizeof header, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1u, mode, 0u, 0u, 1u,
                0u, static_cast<unsigned>(data.size()), 0u, 0u, 0u, 0u, static_cast<unsigned>(name.size() + 1), 0u);
  archive += header;
  archive += name;
  archive += '\0';
  pad(archive);
  archive += data;
  pad(archive);
}

std::string sample() {
  std::string archive;
  add(archive, ".", "", 040755);
  add(archive, "./mokapot.conf", "version=1");
  add(archive, "other", std::string(1000, 'o'));
  add(archive, "TRAILER!!!", "");
  archive.resize((archive.size() + 511) / 512 * 512, '\0');
  return archive;
}

std::span<const std::byte> bytes(const std::string& text) { return std::as_bytes(std::span(text.data(), text.size())); }

std::string text(std::span<const std::byte> data) { return {reinterpret_cast<const char*>(data.data()), data.size()}; }

TEST(Cpio, FindsFilesByNameWithoutTheLeadingDot) {
  const std::string archive = sample();
  EXPECT_EQ(text(find_in_cpio(bytes(archive), "mokapot.conf").value()), "version=1");
  EXPECT_EQ(find_in_cpio(bytes(archive), "other").value().size(), 1000u);
  EXPECT_EQ(find_in_cpio(bytes(archive), "missing").error(), Errno::kENOENT);
}

TEST(Cpio, ArchivesMayFollowEachOther) {
  std::string archive = sample(), second;
  add(second, "late", "x");
  add(second, "TRAILER!!!", "");
  EXPECT_EQ(text(find_in_cpio(bytes(archive + second), "late").value()), "x");
}

TEST(Cpio, RefusesWhatIsNoArchive) {
  EXPECT_EQ(find_in_cpio({}, "a").error(), Errno::kEINVAL);
  EXPECT_EQ(find_in_cpio(bytes(std::string(200, 'x')), "a").error(), Errno::kEINVAL);
  std::string archive = sample();
  archive[6 + 6 * 8] = 'z';  // not a digit in the size
  EXPECT_EQ(find_in_cpio(bytes(archive), "other").error(), Errno::kEINVAL);
}

TEST(Cpio, NoLengthOfItIsReadBeyondItsEnd) {
  const std::string archive = sample();
  for (std::size_t size = 0; size < archive.size(); ++size) {
    // A copy of exactly that size, for AddressSanitizer to guard.
    const std::vector<std::byte> cut(bytes(archive).begin(), bytes(archive).begin() + static_cast<std::ptrdiff_t>(size));
    auto found = find_in_cpio(cut, "other");
    EXPECT_EQ(found.ok() ? found.value().size() : 1000, 1000u) << size;
  }
}

}  // namespace
}  // namespace mokapot
