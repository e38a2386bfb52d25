// SPDX-License-Identifier: Apache-2.0
//
// The state directory after somebody's hand was in it: each kind of damage, beside a VM that runs
// and before one that starts.
//
// sources: launcher/registry/vm_name.cc launcher/registry/vm_record.cc
// sources: launcher/registry/vm_registry.cc launcher/support/files.cc

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "launcher/temporary_directory.h"
#include "registry/vm_registry.h"

namespace moka {
namespace {

namespace fs = std::filesystem;
using Description = VmView::Description;

void write(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

// Another process that holds the name "app" with a record, as a `moka run` does. Record locks are a
// process's own, so this process would not see one of itself.
class RunningVm {
 public:
  explicit RunningVm(const std::string& directory) {
    int out[2];
    EXPECT_EQ(0, ::pipe(out));
    pid_ = ::fork();
    if (pid_ == 0) {
      Result<VmEntry> entry = VmRegistry::open_at(directory).value().claim("app");
      if (entry) entry.value().record.program = "app.jar";
      const char letter = entry && entry.value().save() ? 'y' : 'n';
      (void)!::write(out[1], &letter, 1);
      ::pause();
    }
    ::close(out[1]);
    const UniqueFd said(out[0]);
    char letter = 0;
    EXPECT_EQ(1, ::read(said.get(), &letter, 1));
    EXPECT_EQ(letter, 'y');
  }
  ~RunningVm() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

class DamagedRegistryTest : public testing::Test {
 protected:
  // A test that waits for a pipe's other end would never end.
  void SetUp() override { ::alarm(240); }
  void TearDown() override { ::alarm(0); }
  VmRegistry registry() { return VmRegistry::open_at(directory_.path()).value(); }
  std::string path(const std::string& name) { return directory_.path() + "/" + name; }
  // The name is free, and what was there is gone.
  void expect_claimable(const std::string& name) {
    Result<VmEntry> entry = registry().claim(name);
    ASSERT_TRUE(entry) << entry.error().message;
    entry.value().record.program = "next.jar";
    const Result<void> saved = entry.value().save();
    EXPECT_TRUE(saved) << saved.error().message;
    EXPECT_FALSE(fs::exists(path(name + "/log")));
    EXPECT_FALSE(fs::exists(fs::symlink_status(path(name + "/socket"))));
    EXPECT_TRUE(fs::is_regular_file(path(name + "/vm.json")));
  }
  test::TemporaryDirectory directory_;
};

TEST_F(DamagedRegistryTest, ARunningVmWhoseRecordIsDamagedIsStillThere) {
  const RunningVm vm(directory_.path());
  const std::string record = path("app/vm.json");
  const std::string nested(1u << 16, '[');
  for (const std::string& text :
       {std::string(), std::string("{\"name\":\"app\""), std::string("{\"name\":\"other\"}"),
        std::string("{\"name\":\"app\xff\"}"), std::string("[7]"), std::string(2u << 20, ' '),
        nested + std::string(nested.size(), ']')}) {
    write(record, text);
    const std::vector<VmView> views = registry().list();
    ASSERT_EQ(views.size(), 1u) << text.substr(0, 40);
    EXPECT_TRUE(views[0].is_running);
    EXPECT_EQ(views[0].description, Description::kDamaged);
    const Result<VmView> found = registry().find_running("app");
    ASSERT_TRUE(found);
    EXPECT_EQ(found.value().record.pid, vm.pid());
    EXPECT_FALSE(found.value().check_described());
  }
  fs::remove(record);
  EXPECT_TRUE(registry().list().empty()) << "it is only just starting";
  const Result<VmView> starting = registry().find_running("app");
  ASSERT_TRUE(starting);
  EXPECT_EQ(starting.value().description, Description::kNotYet);
  EXPECT_EQ(starting.value().record.pid, vm.pid());
}

TEST_F(DamagedRegistryTest, FilesOfAnotherKindAreNotRead) {
  const RunningVm vm(directory_.path());
  const std::string record = path("app/vm.json");
  const auto expect_damaged = [&](const char* what) {
    const Result<VmView> found = registry().find("app");
    ASSERT_TRUE(found) << what;
    EXPECT_EQ(found.value().description, Description::kDamaged) << what;
  };
  fs::remove(record);
  ASSERT_EQ(0, ::mkfifo(record.c_str(), 0600));
  expect_damaged("a pipe");
  fs::remove(record);
  fs::create_directory(record);
  expect_damaged("a folder");
  fs::remove(record);
  fs::create_symlink("/dev/zero", record);
  expect_damaged("a link to what never ends");
  fs::remove(record);
  fs::create_symlink("vm.json", record);
  expect_damaged("a link to itself");
}

TEST_F(DamagedRegistryTest, NumbersOutOfRangeCountAsMissing) {
  const std::optional<VmRecord> record = parse_record(
      "{\"name\":\"app\",\"pid\":99999999999,\"cpus\":-1,\"memoryMiB\":-5,\"started\":1e300,"
      "\"ports\":[{\"port\":65536,\"guestPort\":-1},{\"port\":65535}]}");
  ASSERT_TRUE(record);
  EXPECT_EQ(record->pid, 0);
  EXPECT_EQ(record->cpus, 0u);
  EXPECT_EQ(record->memory_mib, 0u);
  EXPECT_EQ(record->started, 0);
  EXPECT_EQ(record->ports[0].port, 0);
  EXPECT_EQ(record->ports[0].guest_port, 0);
  EXPECT_EQ(record->ports[1].port, 65535);
}

TEST_F(DamagedRegistryTest, ANameOfAFileNeedsNoUtf8) {
  Result<VmEntry> entry = registry().claim("app");
  ASSERT_TRUE(entry);
  entry.value().record.program = "caf\xe9.jar";
  EXPECT_TRUE(entry.value().save());
}

TEST_F(DamagedRegistryTest, WhateverLiesAtANameGoesWhenTheNameIsTaken) {
  write(path("a-file"), "x");
  fs::create_symlink("/", path("a-link"));
  fs::create_symlink("nowhere", path("a-dangling-link"));
  ASSERT_EQ(0, ::mkfifo(path("a-pipe").c_str(), 0600));
  fs::create_directory(path("all-folders"));
  for (const char* name : {"lock", "vm.json", "end.json", "log", "socket"})
    fs::create_directories(path("all-folders/") + name + "/deeper");
  fs::create_directory(path("all-pipes"));
  for (const char* name : {"lock", "vm.json", "end.json", "log", "socket"})
    ASSERT_EQ(0, ::mkfifo((path("all-pipes/") + name).c_str(), 0600));
  // What a link leads to is somebody's, and stays.
  write(path(".precious"), "x");
  fs::create_directory(path("all-links"));
  for (const char* name : {"lock", "vm.json", "end.json", "log", "socket"})
    fs::create_symlink("../.precious", path("all-links/") + name);
  EXPECT_TRUE(registry().list().empty());
  for (const char* name : {"a-file", "a-link", "a-dangling-link", "a-pipe", "all-folders",
                           "all-pipes", "all-links"}) {
    SCOPED_TRACE(name);
    expect_claimable(name);
  }
  std::ifstream precious(path(".precious"));
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(precious), {}), "x");
}

TEST_F(DamagedRegistryTest, AnEndedVmsLogIsFoundWithoutItsRecord) {
  fs::create_directory(path("app"));
  write(path("app/log"), "said this\n");
  for (const char* text : {"", "nonsense"}) {
    if (*text != 0) write(path("app/vm.json"), text);
    const Result<VmView> found = registry().find("app");
    ASSERT_TRUE(found);
    EXPECT_FALSE(found.value().is_running);
    EXPECT_TRUE(found.value().record.is_detached);
    EXPECT_EQ(registry().list().size(), 1u);
  }
  ASSERT_EQ(0, ::mkfifo(path("app/end.json").c_str(), 0600));
  EXPECT_EQ(registry().find("app").value().end, "");
}

TEST_F(DamagedRegistryTest, AVmWhoseFolderWasRemovedLeavesThatOfALaterOneAlone) {
  Result<VmEntry> first = registry().claim("app");
  ASSERT_TRUE(first);
  fs::remove_all(path("app"));
  const RunningVm second(directory_.path());
  first.value().record.program = "first.jar";
  EXPECT_FALSE(first.value().save());
  first.value().end("{\"status\":3}");
  const Result<VmView> found = registry().find_running("app");
  ASSERT_TRUE(found);
  EXPECT_EQ(found.value().record.pid, second.pid());
  EXPECT_EQ(found.value().record.program, "app.jar");
}

TEST_F(DamagedRegistryTest, WhatCannotBeUsedSaysWhatToDo) {
  write(path("vms"), "x");
  const Result<VmRegistry> on_a_file = VmRegistry::open_at(path("vms"));
  ASSERT_FALSE(on_a_file);
  EXPECT_NE(on_a_file.error().message.find("is no folder: remove it"), std::string::npos);
  fs::create_directory(path(".lock"));
  const Result<VmEntry> entry = registry().claim("app");
  ASSERT_FALSE(entry);
  EXPECT_NE(entry.error().message.find("/.lock: Is a directory; remove it"), std::string::npos);
}

}  // namespace
}  // namespace moka
