// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/guest/host_folder.cc launcher/guest/initrd.cc launcher/guest/cpio.cc
// sources: launcher/support/files.cc

#include "guest/initrd.h"

#include "guest/cpio.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace moka {
namespace {

TEST(CpioArchive, HasTheHeaderNameAndContentAtTheRightPlaces) {
  const std::string archive = cpio_archive({{"mokapot.conf", "hello"}});
  EXPECT_EQ(archive.substr(0, 6), "070701");
  EXPECT_EQ(archive.substr(14, 8), "00008180");          // a regular file, 0600
  EXPECT_EQ(archive.substr(6 + 6 * 8, 8), "00000005");   // size
  EXPECT_EQ(archive.substr(6 + 11 * 8, 8), "0000000d");  // name with its NUL
  EXPECT_EQ(archive.substr(110, 13), std::string("mokapot.conf\0", 13));
  EXPECT_EQ(archive.substr(124, 5), "hello");
  EXPECT_EQ(archive.substr(132, 6), "070701");  // aligned to four
  EXPECT_NE(archive.find("TRAILER!!!"), std::string::npos);
  EXPECT_EQ(archive.size() % 4, 0u);
}

TEST(CpioArchive, IsReadAsItWasWritten) {
  const std::string archive =
      cpio_archive({{"a", "one"}, {"empty", ""}, {"b", std::string(5, '\0')}}) + "what follows";
  const auto members = read_cpio(archive);
  ASSERT_TRUE(members);
  ASSERT_EQ(members.value().size(), 3u);
  EXPECT_EQ(*find_member(members.value(), "a"), "one");
  EXPECT_EQ(*find_member(members.value(), "b"), std::string(5, '\0'));
  EXPECT_EQ(find_member(members.value(), "c"), nullptr);
}

TEST(CpioArchive, ThatIsCutShortIsRefused) {
  const std::string archive = cpio_archive({{"name", "content"}});
  const std::size_t end = archive.find("TRAILER!!!");
  for (std::size_t size = 0; size < end; ++size)
    EXPECT_FALSE(read_cpio(std::string_view(archive).substr(0, size))) << size;
  std::string huge = archive;
  huge.replace(6 + 6 * 8, 8, "ffffffff");
  EXPECT_FALSE(read_cpio(huge));
}

TEST(EncodeConfig, IsReadAsItWasWritten) {
  GuestConfig config;
  config.program = "/p";
  config.arguments = {"p", "", "a=b"};
  config.arguments_by_memory = {{256, "-x"}, {512, "-y z"}};
  config.environment = {"A=1"};
  config.working_directory = "/app";
  config.layers = {"PARTUUID=x"};
  config.exposed_ports = {80, 65535};
  const std::string records = encode_config(config).value();
  const auto read = decode_config(records);
  ASSERT_TRUE(read);
  EXPECT_EQ(read.value().arguments, config.arguments);
  EXPECT_EQ(read.value().arguments_by_memory, config.arguments_by_memory);
  EXPECT_EQ(read.value().environment, config.environment);
  EXPECT_EQ(read.value().working_directory, "/app");
  EXPECT_EQ(read.value().layers, config.layers);
  EXPECT_EQ(read.value().exposed_ports, config.exposed_ports);
  EXPECT_FALSE(decode_config(records.substr(1)));
  EXPECT_FALSE(decode_config(records.substr(0, records.size() - 1)));
  EXPECT_FALSE(decode_config(""));
}

TEST(DecodeConfig, KnowsWhatThereWasAndNotWhatIsToCome) {
  GuestConfig config;
  config.program = "/bin/x";
  config.arguments = {"x"};
  config.version = 0;
  const auto old = decode_config(encode_config(config).value());
  ASSERT_TRUE(old);
  EXPECT_EQ(old.value().version, 0);
  for (const int version : {mokapot::contract::kVersion + 1, -1}) {
    config.version = version;
    EXPECT_FALSE(decode_config(encode_config(config).value()));
  }
}

TEST(EncodeConfig, WritesRecordsInOrder) {
  GuestConfig config;
  config.program = "/bin/java";
  config.arguments = {"java", "a b", "line\nend", ""};
  config.environment = {"A=1"};
  config.working_directory = "/home";
  config.hostname = "";
  config.archive = "/a.jsa";
  config.layers = {"runtime", "application"};
  config.standard_input = "tty";
  config.standard_output = "pipe";
  config.standard_error = "null";
  const Result<std::string> records = encode_config(config);
  ASSERT_TRUE(records);
  std::string text = records.value();
  for (char& letter : text) letter = letter == '\0' ? '|' : letter;
  EXPECT_EQ(text,
            "version=1|program=/bin/java|arg=java|arg=a "
            "b|arg=line\nend|arg=|env=A=1|cwd=/home|archive=/a.jsa|layer=runtime|"
            "layer=application|stdin=tty|stdout=pipe|stderr=null|");
}

TEST(EncodeConfig, RefusesANulThatWouldSmuggleARecord) {
  GuestConfig config;
  config.arguments = {std::string("a\0program=/evil", 15)};
  EXPECT_FALSE(encode_config(config));
}

TEST(MemoryFile, IsPrivateAndCannotBeChanged) {
  const Result<UniqueFd> file = memory_file("test", "secret");
  ASSERT_TRUE(file);
  struct stat status {};
  ASSERT_EQ(0, ::fstat(file.value().get(), &status));
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(status.st_size, 6);
  EXPECT_EQ(-1, ::pwrite(file.value().get(), "x", 1, 0));
  EXPECT_EQ(errno, EPERM);
  EXPECT_NE(::fcntl(file.value().get(), F_GETFD) & FD_CLOEXEC, 0);
}

}  // namespace
}  // namespace moka
