// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/jar/zip_reader.cc launcher/support/files.cc
// libs: -lz

#include "jar/zip_reader.h"

#include <gtest/gtest.h>

#include "launcher/temporary_directory.h"
#include "launcher/zip_builder.h"

namespace moka {
namespace {

using test::TemporaryDirectory;
using test::ZipBuilder;

class ZipReaderTest : public testing::Test {
 protected:
  Result<ZipReader> open(const std::string& bytes) {
    return ZipReader::open(directory_.write("a.jar", bytes));
  }
  TemporaryDirectory directory_;
};

TEST_F(ZipReaderTest, ReadsStoredAndDeflatedEntries) {
  const std::string text(100000, 'x');
  const Result<ZipReader> zip = open(ZipBuilder()
                                         .add("plain", "content")
                                         .add("packed", text, ZipBuilder::Method::kDeflated)
                                         .build());
  ASSERT_TRUE(zip);
  EXPECT_EQ(zip.value().entry_count(), 2u);
  EXPECT_EQ(zip.value().read("plain", 100).value(), "content");
  EXPECT_EQ(zip.value().read("packed", text.size()).value(), text);
  EXPECT_EQ(zip.value().read_prefix("packed", 8).value(), "xxxxxxxx");
  EXPECT_FALSE(zip.value().read("packed", text.size() - 1));
  EXPECT_FALSE(zip.value().read("absent", 10));
}

TEST_F(ZipReaderTest, AcceptsBytesInFrontAndACommentThatLooksLikeAnEnd) {
  const std::string misleading = "PK\x05\x06 not the end";
  const Result<ZipReader> zip = open(ZipBuilder()
                                         .prefix("#!/bin/sh\nexec java -jar $0\n")
                                         .comment(misleading)
                                         .add("a", "b")
                                         .build());
  ASSERT_TRUE(zip);
  EXPECT_EQ(zip.value().read("a", 10).value(), "b");
}

TEST_F(ZipReaderTest, AnEmptyArchiveIsAnArchive) {
  const Result<ZipReader> zip = open(ZipBuilder().build());
  ASSERT_TRUE(zip);
  EXPECT_EQ(zip.value().entry_count(), 0u);
}

TEST_F(ZipReaderTest, SaysNotAJarForOtherFiles) {
  for (const std::string bytes : {"", "P", "hello, world, this is plain text and nothing else"}) {
    const Result<ZipReader> zip = open(bytes);
    ASSERT_FALSE(zip);
    EXPECT_NE(zip.error().message.find("is not a jar"), std::string::npos) << zip.error().message;
  }
}

TEST_F(ZipReaderTest, SaysCutShortAtEveryLength) {
  const std::string whole =
      ZipBuilder().add("META-INF/MANIFEST.MF", "Main-Class: A\n").add("A.class", "abc").build();
  for (std::size_t length = 4; length < whole.size(); ++length) {
    const Result<ZipReader> zip = open(whole.substr(0, length));
    ASSERT_FALSE(zip) << length;
    EXPECT_NE(zip.error().message.find("cut short"), std::string::npos) << zip.error().message;
  }
}

TEST_F(ZipReaderTest, SurvivesEveryDamagedByte) {
  const std::string whole =
      ZipBuilder().add("name", "some content", ZipBuilder::Method::kDeflated).build();
  for (std::size_t index = 0; index < whole.size(); ++index) {
    for (const char value : {'\0', '\x7f', '\xff'}) {
      std::string damaged = whole;
      damaged[index] = value;
      const Result<ZipReader> zip = open(damaged);
      // Either answer is fine; the sanitizers watch that nothing is read out of bounds.
      if (zip) (void)zip.value().read("name", 1000);
    }
  }
}

TEST_F(ZipReaderTest, RefusesADirectory) { EXPECT_FALSE(ZipReader::open(directory_.path())); }

}  // namespace
}  // namespace moka
