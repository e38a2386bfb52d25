// SPDX-License-Identifier: Apache-2.0
//
// sources: kernel/fs/ninep_message.cc kernel/fs/ninep_client.cc kernel/fs/ninep_requests.cc
// sources: kernel/fs/inotify.cc kernel/io/anonymous.cc kernel/fs/page_cluster.cc
// sources: kernel/fs/erofs_clusters.cc kernel/fs/erofs_cluster_index.cc kernel/fs/lz4.cc
// sources: kernel/fs/ninep_node.cc kernel/fs/ninep_file.cc kernel/fs/ninep_mount.cc kernel/device/message_channel.cc
// sources: kernel/fs/erofs_volume.cc kernel/fs/erofs_inode.cc kernel/fs/erofs_directory.cc
// sources: kernel/fs/erofs_xattr.cc kernel/fs/page_cache.cc kernel/fs/page_read.cc kernel/fs/page_write.cc kernel/fs/page_block.cc
// sources: kernel/fs/page_recency.cc kernel/fs/dentry.cc kernel/fs/vnode.cc kernel/fs/vnode_file.cc
// sources: kernel/fs/path_walk.cc kernel/fs/mount.cc kernel/fs/vfs_open.cc kernel/fs/vfs_names.cc
// sources: kernel/fs/vfs_attributes.cc kernel/fs/memory_node.cc kernel/fs/memory_directory.cc
// sources: kernel/fs/device_node.cc kernel/fs/memory_devices.cc kernel/fs/pseudo.cc
// sources: kernel/fs/file_systems.cc kernel/io/file.cc kernel/vm/user_access.cc
// sources: tests/unit/fs/fake_kernel.cc tests/unit/fs/ninep_server.cc
//
// Shared folders, through the VFS, with a server that reads a folder of the build host's.

#include <gtest/gtest.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>

#include "fs/fake_kernel.h"
#include "fs/host_folder.h"
#include "fs/ninep_server.h"
#include "fs/vfs.h"
#include "memory/frames.h"

namespace mokapot {
namespace {

namespace stdfs = std::filesystem;

// Servers are registered for good, and mounts stay: one of each a test.
class Ninep : public testing::Test {
 protected:
  static void SetUpTestSuite() { fake::start_kernel(); }
  void SetUp() override {
    char path[] = "/tmp/ninep_test.XXXXXX";
    folder_ = mkdtemp(path);
    static int number = 0;
    static auto& tags = *new std::vector<std::unique_ptr<std::string>>;
    tag_ = tags.emplace_back(std::make_unique<std::string>("t" + std::to_string(++number)))->c_str();
    static auto& servers = *new std::vector<std::unique_ptr<fake::NinepServer>>;
    server_ = servers.emplace_back(std::make_unique<fake::NinepServer>(tag_, folder_)).get();
    ASSERT_TRUE(register_message_channel(server_).ok());
    mount_ = std::string("/mnt/") + tag_;
  }
  void TearDown() override {
    server_->spoil = [](std::vector<std::uint8_t>&) {};
    stdfs::remove_all(folder_);
  }
  Result<void> mount(FolderAccess access = FolderAccess::kReadWrite) {
    return vfs_mount_host_folder(tag_, mount_, access);
  }
  std::string host(const std::string& name) const { return folder_ + "/" + name; }
  void write_on_host(const std::string& name, const std::string& text) { std::ofstream(host(name)) << text; }
  std::string read_on_host(const std::string& name) {
    std::ifstream file(host(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  Result<RefPtr<File>> open(const std::string& name, std::uint32_t flags, std::uint32_t mode = 0644) {
    return vfs_open(nullptr, mount_ + "/" + name, flags, mode);
  }
  std::string read(File& file, std::size_t size = 1 << 20) {
    std::string text(size, '\0');
    IoBuffer into(text.data(), text.size());
    auto moved = file.read(into);
    EXPECT_TRUE(moved.ok());
    text.resize(moved.ok() ? moved.value() : 0);
    return text;
  }
  static Result<std::size_t> write(File& file, std::string text) {
    IoBuffer from(text.data(), text.size());
    return file.write(from);
  }
  Result<FileStatus> status(const std::string& name) {
    auto found = vfs_resolve(nullptr, mount_ + "/" + name, LastLink::kNoFollow);
    if (!found.ok()) return found.error();
    return vfs_status(*found.value());
  }

  std::string folder_, mount_;
  const char* tag_ = nullptr;
  fake::NinepServer* server_ = nullptr;
};

TEST_F(Ninep, WhatTheHostHasIsThereAtOnce) {
  ASSERT_TRUE(mount().ok());
  EXPECT_EQ(status("a").error(), Errno::kENOENT);
  write_on_host("a", "one");
  EXPECT_EQ(status("a").value().size, 3u);
  auto file = open("a", kOpenReadOnly);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(read(*file.value()), "one");
  write_on_host("a", "another");
  ASSERT_TRUE(file.value()->seek(0, Whence::kSet).ok());
  EXPECT_EQ(read(*file.value()), "another");
  stdfs::remove(host("a"));
  EXPECT_EQ(status("a").error(), Errno::kENOENT);
}

TEST_F(Ninep, WritesReachTheHost) {
  ASSERT_TRUE(mount().ok());
  std::string big(100'000, '\0');  // several messages
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>('a' + i % 23);
  {
    auto file = open("new", kOpenWriteOnly | kOpenCreate, 0400);  // no permission to open it again for writing
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(write(*file.value(), big).value(), big.size());
    EXPECT_EQ(read_on_host("new"), big);
    EXPECT_TRUE(file.value()->synchronise(false).ok());
  }
  auto log = open("log", kOpenWriteOnly | kOpenCreate | kOpenAppend);
  ASSERT_TRUE(log.ok());
  EXPECT_EQ(write(*log.value(), "1").value(), 1u);
  std::ofstream(host("log"), std::ios::app) << "2";
  EXPECT_EQ(write(*log.value(), "3").value(), 1u);
  EXPECT_EQ(read_on_host("log"), "123");
  log.value()->set_status_flags(0);
  ASSERT_TRUE(log.value()->seek(0, Whence::kSet).ok());
  EXPECT_EQ(write(*log.value(), "x").value(), 1u);
  EXPECT_EQ(read_on_host("log"), "x23");
  EXPECT_TRUE(log.value()->truncate(1).ok());
  EXPECT_EQ(read_on_host("log"), "x");
}

TEST_F(Ninep, NamesAreMadeMovedAndRemoved) {
  ASSERT_TRUE(mount().ok());
  EXPECT_TRUE(vfs_mkdir(nullptr, mount_ + "/d", 0755).ok());
  EXPECT_EQ(vfs_mkdir(nullptr, mount_ + "/d", 0755).error(), Errno::kEEXIST);
  EXPECT_TRUE(vfs_symlink("d/f", nullptr, mount_ + "/l").ok());
  EXPECT_TRUE(open("d/f", kOpenWriteOnly | kOpenCreate).ok());
  EXPECT_TRUE(open("l", kOpenReadOnly).ok());
  EXPECT_EQ(vfs_rmdir(nullptr, mount_ + "/d").error(), Errno::kENOTEMPTY);
  write_on_host("e", "old");
  EXPECT_TRUE(vfs_rename(nullptr, mount_ + "/d/f", nullptr, mount_ + "/e", 0).ok());
  EXPECT_EQ(read_on_host("e"), "");
  EXPECT_TRUE(vfs_rmdir(nullptr, mount_ + "/d").ok());
  auto file = open("e", kOpenReadWrite);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(vfs_unlink(nullptr, mount_ + "/e").ok());
  EXPECT_FALSE(stdfs::exists(host("e")));
  // Without a name it goes on.
  EXPECT_EQ(write(*file.value(), "still").value(), 5u);
  ASSERT_TRUE(file.value()->seek(0, Whence::kSet).ok());
  EXPECT_EQ(read(*file.value()), "still");
  EXPECT_EQ(file.value()->status().value().links, 0u);
}

TEST_F(Ninep, ExtendedAttributesAreTheHosts) {
  ASSERT_TRUE(mount().ok());
  write_on_host("a", "");
  if (setxattr(host("a").c_str(), "user.there", "1", 1, 0) != 0) GTEST_SKIP() << "the host's file system has none";
  RefPtr<Dentry> file = vfs_resolve(nullptr, mount_ + "/a").take();
  char value[64];
  EXPECT_EQ(vfs_get_xattr(*file, "user.there", value, sizeof value).value_or(0), 1u);
  EXPECT_EQ(value[0], '1');
  EXPECT_EQ(vfs_get_xattr(*file, "user.none", value, sizeof value).error(), Errno::kENODATA);
  std::string big(3000, 'b');  // several messages, below
  server_->message_size = 20'000;
  EXPECT_TRUE(vfs_set_xattr(*file, "user.big", big.data(), big.size(), kXattrCreate).ok());
  EXPECT_EQ(vfs_set_xattr(*file, "user.big", "x", 1, kXattrCreate).error(), Errno::kEEXIST);
  EXPECT_EQ(vfs_set_xattr(*file, "user.none", "x", 1, kXattrReplace).error(), Errno::kENODATA);
  EXPECT_EQ(vfs_get_xattr(*file, "user.big", value, sizeof value).error(), Errno::kERANGE);
  EXPECT_EQ(vfs_get_xattr(*file, "user.big", nullptr, 0).value_or(0), big.size());
  std::string got(4000, 0);
  got.resize(vfs_get_xattr(*file, "user.big", got.data(), got.size()).value_or(0));
  EXPECT_EQ(got, big);
  EXPECT_EQ(vfs_set_xattr(*file, "user.empty", "", 0, 0).error(), Errno::kEOPNOTSUPP);
  EXPECT_TRUE(vfs_remove_xattr(*file, "user.there").ok());
  EXPECT_EQ(vfs_remove_xattr(*file, "user.there").error(), Errno::kENODATA);
  char names[64];
  EXPECT_EQ(std::string(names, vfs_list_xattrs(*file, names, sizeof names).value_or(0)), std::string("user.big\0", 9));
  EXPECT_EQ(lgetxattr(host("a").c_str(), "user.big", nullptr, 0), 3000);
}

TEST_F(Ninep, DirectoriesAreReadInPieces) {
  ASSERT_TRUE(mount().ok());
  std::set<std::string> names = {".", ".."};
  for (int i = 0; i < 500; ++i) {
    write_on_host("entry-number-" + std::to_string(i), "");
    names.insert("entry-number-" + std::to_string(i));
  }
  auto directory = open("", kOpenReadOnly | kOpenDirectory);
  ASSERT_TRUE(directory.ok());
  struct Seen {
    std::set<std::string> names;
    int left = 0;
  } seen;
  // As getdents does: a few at a time.
  do {
    seen.left = 7;
    const auto visit = [](const DirectoryEntry& entry, void* context) {
      auto& s = *static_cast<Seen*>(context);
      if (s.left == 0) return false;
      --s.left;
      EXPECT_TRUE(s.names.emplace(entry.name).second) << entry.name << " comes twice";
      return true;
    };
    ASSERT_TRUE(vfs_read_directory(*directory.value(), visit, &seen).ok());
  } while (seen.left < 7);
  EXPECT_EQ(seen.names, names);
}

TEST_F(Ninep, AFileThatVanishesWhileItIsListedIsNoErrorOfTheDirectory) {
  ASSERT_TRUE(mount().ok());
  write_on_host("a", "");
  auto directory = open("", kOpenReadOnly | kOpenDirectory);
  ASSERT_TRUE(directory.ok());
  int errors = 0;
  server_->spoil = [&errors](std::vector<std::uint8_t>& answer) {
    if (answer[4] != 41 || errors == 3) return;
    ++errors;
    answer = {11, 0, 0, 0, 7, answer[5], answer[6], 2, 0, 0, 0};  // ENOENT
  };
  int entries = 0;
  const auto count = [](const DirectoryEntry&, void* context) { return ++*static_cast<int*>(context) > 0; };
  EXPECT_TRUE(vfs_read_directory(*directory.value(), count, &entries).ok());
  EXPECT_EQ(errors, 3);
  EXPECT_EQ(entries, 3);
}

TEST_F(Ninep, MappingsShowWhatWasWrittenHere) {
  ASSERT_TRUE(mount().ok());
  write_on_host("m", std::string(3 * kPageSize + 100, 'a'));
  auto file = open("m", kOpenReadWrite);
  ASSERT_TRUE(file.ok());
  RefPtr<PageSource> source = file.value()->page_source().take();
  EXPECT_FALSE(source->writable());
  const auto byte_of = [&](std::uint64_t page, std::size_t offset) {
    auto frame = source->frame_for_mapping(page, false);
    EXPECT_TRUE(frame.ok());
    if (!frame.ok()) return '?';
    const char byte = static_cast<const char*>(direct_map(frame.value()))[offset];
    source->release_frame(frame.value(), false);
    return byte;
  };
  EXPECT_EQ(byte_of(0, 0), 'a');
  EXPECT_EQ(byte_of(3, 99), 'a');
  EXPECT_EQ(byte_of(3, 100), '\0');  // behind the end
  EXPECT_EQ(source->frame_for_mapping(4, false).error(), Errno::kENXIO);
  fake::take_unmapped();
  EXPECT_EQ(write(*file.value(), "b").value(), 1u);
  EXPECT_FALSE(fake::take_unmapped().empty());
  EXPECT_EQ(byte_of(0, 0), 'b');
  EXPECT_TRUE(file.value()->truncate(10).ok());
  EXPECT_EQ(source->frame_for_mapping(1, false).error(), Errno::kENXIO);
  // Two opens of one file are one file.
  auto again = open("m", kOpenReadOnly);
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(again.value()->page_source().value().get(), source.get());
}

TEST_F(Ninep, NothingIsWrittenToAReadOnlyFolder) {
  ASSERT_TRUE(mount(FolderAccess::kReadOnly).ok());
  write_on_host("a", "one");
  EXPECT_TRUE(open("a", kOpenReadOnly).ok());
  EXPECT_EQ(open("a", kOpenReadWrite).error(), Errno::kEROFS);
  EXPECT_EQ(open("b", kOpenWriteOnly | kOpenCreate).error(), Errno::kEROFS);
  EXPECT_EQ(vfs_mkdir(nullptr, mount_ + "/d", 0755).error(), Errno::kEROFS);
  EXPECT_EQ(vfs_unlink(nullptr, mount_ + "/a").error(), Errno::kEROFS);
}

TEST_F(Ninep, TheServerIsToldWhatIsNoLongerNeeded) {
  ASSERT_TRUE(mount().ok());
  write_on_host("a", "one");
  const std::size_t before = server_->fids();
  for (int i = 0; i < 1000; ++i) {
    auto file = open("a", kOpenReadOnly);
    ASSERT_TRUE(file.ok());
    EXPECT_EQ(open("none", kOpenReadOnly).error(), Errno::kENOENT);
  }
  EXPECT_LE(server_->fids(), before + 1);
}

TEST_F(Ninep, AFolderInAFolderIsRefused) {
  ASSERT_TRUE(mount().ok());
  EXPECT_EQ(vfs_mount_host_folder(tag_, mount_ + "/inner", FolderAccess::kReadOnly).error(), Errno::kEOPNOTSUPP);
  EXPECT_EQ(vfs_mount_host_folder("nobody", "/mnt/x", FolderAccess::kReadOnly).error(), Errno::kENODEV);
}

TEST_F(Ninep, ADeadChannelIsAnError) {
  ASSERT_TRUE(mount().ok());
  write_on_host("a", "one");
  auto file = open("a", kOpenReadOnly);
  ASSERT_TRUE(file.ok());
  server_->dead = true;
  char byte = 0;
  IoBuffer into(&byte, 1);
  EXPECT_EQ(file.value()->read(into).error(), Errno::kEIO);
  EXPECT_EQ(status("a").error(), Errno::kEIO);
}

TEST_F(Ninep, AnswersThatMakeNoSenseAreErrors) {
  ASSERT_TRUE(mount().ok());
  write_on_host("a", std::string(1000, 'x'));
  auto file = open("a", kOpenReadOnly);
  ASSERT_TRUE(file.ok());
  auto directory = open("", kOpenReadOnly | kOpenDirectory);
  ASSERT_TRUE(directory.ok());
  // Any byte of any answer wrong, or any number of them missing: an error, or another value, and nothing worse.
  for (std::size_t at = 0; at < 200; ++at) {
    for (const int kind : {0, 1, 2}) {
      server_->spoil = [at, kind](std::vector<std::uint8_t>& answer) {
        if (at >= answer.size()) return;
        if (kind == 0) answer[at] ^= 0xff;
        if (kind == 1) answer[at] += 1;
        if (kind == 2) answer.resize(at);
      };
      char bytes[100];
      IoBuffer into(bytes, sizeof bytes);
      (void)file.value()->read_at(into, 0).ok();
      (void)status("a").ok();
      (void)file.value()->page_source().ok();
      (void)directory.value()->seek(0, Whence::kSet).ok();
      int entries = 0;
      (void)vfs_read_directory(
          *directory.value(),
          [](const DirectoryEntry&, void* context) { return ++*static_cast<int*>(context) < 100; }, &entries)
          .ok();
    }
  }
  server_->spoil = [](std::vector<std::uint8_t>&) {};
  ASSERT_TRUE(file.value()->seek(0, Whence::kSet).ok());
  EXPECT_EQ(read(*file.value()), std::string(1000, 'x'));
}

}  // namespace
}  // namespace mokapot
