// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/registry/vm_name.cc launcher/registry/vm_record.cc
// sources: launcher/registry/vm_registry.cc launcher/support/files.cc

#include "registry/vm_registry.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "launcher/temporary_directory.h"

namespace moka {
namespace {

std::string error_of(const Result<VmEntry>& result) { return result ? "" : result.error().message; }

// A process that holds a name until it is told to end, or killed.
class Holder {
 public:
  Holder(const std::string& directory, const std::string& name, bool is_detached = false) {
    int out[2], in[2];
    EXPECT_EQ(0, ::pipe(out) | ::pipe(in));
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(in[1]);
      Result<VmRegistry> registry = VmRegistry::open_at(directory);
      Result<VmEntry> entry = registry.value().claim_any(name);
      char letter = entry ? 'y' : 'n';
      if (entry) {
        entry.value().record.program = "app.jar";
        entry.value().record.is_detached = is_detached;
        if (is_detached) std::ofstream(entry.value().log_file()) << "said this\n";
        if (!entry.value().save()) letter = 's';
      }
      (void)!::write(out[1], &letter, 1);
      if (::read(in[0], &letter, 1) == 1 && entry) entry.value().end("{\"status\":3}");
      ::_exit(0);
    }
    ::close(out[1]);
    ::close(in[0]);
    go_on_ = UniqueFd(in[1]);
    const UniqueFd said(out[0]);
    char letter = 0;
    EXPECT_EQ(1, ::read(said.get(), &letter, 1));
    EXPECT_EQ(letter, 'y');
  }
  ~Holder() {
    if (pid_ > 0) kill();
  }
  void end() {
    (void)!::write(go_on_.get(), "e", 1);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  void kill() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
  UniqueFd go_on_;
};

class VmRegistryTest : public testing::Test {
 protected:
  VmRegistry registry() { return VmRegistry::open_at(directory_.path()).value(); }
  bool has_folder(const std::string& name) { return is_folder(directory_.path() + "/" + name); }
  static bool is_folder(const std::string& path) { return std::filesystem::is_directory(path); }
  test::TemporaryDirectory directory_;
};

TEST(VmName, TakesWhatMakesAFolderAndNothingElse) {
  EXPECT_TRUE(is_vm_name("a"));
  EXPECT_TRUE(is_vm_name("7.web_server-2"));
  EXPECT_FALSE(is_vm_name(""));
  EXPECT_FALSE(is_vm_name("."));
  EXPECT_FALSE(is_vm_name("../x"));
  EXPECT_FALSE(is_vm_name("a/b"));
  EXPECT_FALSE(is_vm_name(std::string(64, 'a')));
  EXPECT_EQ(default_vm_name("/x/y/app.jar"), "app");
  EXPECT_EQ(default_vm_name("com.example.Main"), "com.example.Main");
  EXPECT_EQ(default_vm_name("./My App (1).jar"), "My-App--1-");
  EXPECT_EQ(default_vm_name("--"), "vm");
  EXPECT_TRUE(is_vm_name(default_vm_name(std::string(500, 'x')) + "-10000"));
}

TEST(VmRecord, ComesBackAsItWas) {
  VmRecord record;
  record.name = "x";
  record.program = "a \"b\".jar";
  record.is_java = true;
  record.can_attach = false;
  record.started = 1234567890123;
  record.ports = {{"tcp", "127.0.0.1", 8081, 8080}};
  const std::optional<VmRecord> back = parse_record(to_json(record).dump());
  ASSERT_TRUE(back);
  EXPECT_EQ(to_json(*back), to_json(record));
  for (const char* text : {"", "{", "[]", "{}", "{\"name\":7}", "{\"name\":\"\"}"})
    EXPECT_FALSE(parse_record(text)) << text;
  EXPECT_TRUE(
      parse_record("{\"name\":\"x\",\"pid\":\"seven\",\"ports\":[3,{\"port\":true}],\"new\":1}"));
}

TEST_F(VmRegistryTest, ANameIsHeldByOneProcess) {
  Holder holder(directory_.path(), "app");
  EXPECT_NE(error_of(registry().claim("app")).find("process " + std::to_string(holder.pid())),
            std::string::npos);
  Result<VmEntry> second = registry().claim_any("app");
  ASSERT_TRUE(second);
  EXPECT_EQ(second.value().name(), "app-2");
}

TEST_F(VmRegistryTest, AVmIsSeenWhileItsProcessLives) {
  EXPECT_TRUE(registry().list().empty());
  Holder holder(directory_.path(), "app");
  const std::vector<VmView> views = registry().list();
  ASSERT_EQ(views.size(), 1u);
  EXPECT_TRUE(views[0].is_running);
  EXPECT_EQ(views[0].record.pid, holder.pid());
  EXPECT_EQ(views[0].record.program, "app.jar");
  const Result<VmView> none = registry().find_running("other");
  ASSERT_FALSE(none);
  EXPECT_NE(none.error().message.find("running: app"), std::string::npos);
  EXPECT_FALSE(registry().find("../app"));
  holder.end();
  EXPECT_TRUE(registry().list().empty());
  EXPECT_FALSE(has_folder("app"));
}

TEST_F(VmRegistryTest, WhatACrashLeftVanishes) {
  Holder first(directory_.path(), "app");
  first.kill();
  EXPECT_TRUE(registry().list().empty());
  Holder other(directory_.path(), "other");  // claiming sweeps
  EXPECT_FALSE(has_folder("app"));
  Result<VmEntry> again = registry().claim("app");
  EXPECT_TRUE(again);
}

TEST_F(VmRegistryTest, ADetachedVmLeavesItsLogAndEnd) {
  Holder ended(directory_.path(), "ended", true);
  Holder crashed(directory_.path(), "crashed", true);
  ended.end();
  crashed.kill();
  Holder other(directory_.path(), "other");
  const std::vector<VmView> views = registry().list();
  ASSERT_EQ(views.size(), 3u);
  EXPECT_EQ(views[0].record.name, "crashed");
  EXPECT_FALSE(views[0].is_running);
  EXPECT_EQ(views[0].end, "");
  EXPECT_EQ(views[1].end, "{\"status\":3}");
  EXPECT_FALSE(registry().find_running("ended"));
  EXPECT_TRUE(registry().find("ended"));
  // The name is free, and what was left goes when it is taken.
  Result<VmEntry> again = registry().claim("ended");
  ASSERT_TRUE(again);
  EXPECT_FALSE(std::filesystem::exists(again.value().log_file()));
}

TEST_F(VmRegistryTest, OldLogsGo) {
  Holder ended(directory_.path(), "ended", true);
  ended.end();
  const timespec times[2] = {{1000, 0}, {1000, 0}};
  ASSERT_EQ(0, ::utimensat(AT_FDCWD, (directory_.path() + "/ended/log").c_str(), times, 0));
  Holder other(directory_.path(), "other");
  EXPECT_FALSE(has_folder("ended"));
}

TEST_F(VmRegistryTest, ManyAtOnceGetNamesOfTheirOwn) {
  constexpr int kCount = 20;
  int ends[2];
  ASSERT_EQ(0, ::pipe(ends));
  std::vector<pid_t> children;
  for (int number = 0; number < kCount; ++number) {
    children.push_back(::fork());
    if (children.back() != 0) continue;
    Result<VmEntry> entry = registry().claim_any("app");
    const std::string line = (entry ? entry.value().name() : "failed") + "\n";
    (void)!::write(ends[1], line.data(), line.size());
    ::pause();
  }
  ::close(ends[1]);
  std::string all;
  char bytes[4096];
  while (std::count(all.begin(), all.end(), '\n') < kCount) {
    const ssize_t count = ::read(ends[0], bytes, sizeof bytes);
    ASSERT_GT(count, 0);
    all.append(bytes, static_cast<std::size_t>(count));
  }
  std::vector<std::string> names;
  std::istringstream lines(all);
  for (std::string line; std::getline(lines, line);) names.push_back(line);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::unique(names.begin(), names.end()), names.end()) << all;
  EXPECT_EQ(std::count(names.begin(), names.end(), "failed"), 0);
  for (const pid_t child : children) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
  }
}

TEST_F(VmRegistryTest, IsPrivate) {
  Result<VmEntry> entry = registry().claim("app");
  ASSERT_TRUE(entry);
  ASSERT_TRUE(entry.value().save());
  for (const char* name : {"app", "app/lock", "app/vm.json", ".lock"}) {
    struct stat status {};
    ASSERT_EQ(0, ::stat((directory_.path() + "/" + name).c_str(), &status)) << name;
    EXPECT_EQ(status.st_mode & 077, 0u) << name;
  }
}

}  // namespace
}  // namespace moka
