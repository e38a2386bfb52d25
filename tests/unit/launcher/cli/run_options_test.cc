// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/cli/run_options.cc launcher/cli/argument_file.cc launcher/cli/java_options.cc
// sources: launcher/cli/environment_file.cc launcher/guest/host_folder.cc
// sources: launcher/net/ip_address.cc launcher/net/network_options.cc
// sources: launcher/elf/elf_file.cc launcher/guest/memory_plan.cc launcher/jar/class_path.cc
// sources: launcher/jar/jar_manifest.cc launcher/jar/zip_reader.cc launcher/support/files.cc
// sources: launcher/registry/vm_name.cc
// libs: -lz

#include "cli/run_options.h"

#include <gtest/gtest.h>

#include "launcher/temporary_directory.h"

namespace moka {
namespace {

using Words = std::vector<std::string>;

RunOptions parse(const Words& words) {
  Result<RunOptions> options = parse_run_options(words);
  EXPECT_TRUE(options) << options.error().message;
  return options ? std::move(options).value() : RunOptions();
}

std::string error_of(const Words& words) {
  const Result<RunOptions> options = parse_run_options(words);
  return options ? "" : options.error().message;
}

TEST(RunOptions, EverythingBehindTheJarIsTheApplications) {
  const RunOptions options =
      parse({"-m", "512", "-c", "2", "-v", "app.jar", "-m", "1", "@file", "--", "-v"});
  EXPECT_EQ(options.memory_mib, 512u);
  EXPECT_EQ(options.cpus, 2u);
  EXPECT_TRUE(options.is_verbose);
  EXPECT_EQ(options.target, RunOptions::Target::kFile);
  EXPECT_EQ(options.name, "app.jar");
  EXPECT_EQ(options.arguments, (Words{"-m", "1", "@file", "--", "-v"}));
}

TEST(RunOptions, AClassPathMakesAMainClass) {
  const RunOptions options = parse({"-cp", "a.jar:b", "com.example.Main", "x"});
  EXPECT_EQ(options.target, RunOptions::Target::kMainClass);
  EXPECT_EQ(options.class_path, "a.jar:b");
  EXPECT_EQ(options.name, "com.example.Main");
}

TEST(RunOptions, NamesAndDetachment) {
  const RunOptions options = parse({"--name", "my-vm.2", "-d", "--artifacts", "out", "app.jar"});
  EXPECT_EQ(options.vm_name, "my-vm.2");
  EXPECT_TRUE(options.is_detached);
  EXPECT_TRUE(options.artifacts.ends_with("/out"));
  EXPECT_EQ(parse({"--artifacts=none", "app.jar"}).artifacts, "none");
  for (const char* name : {"", "-x", ".x", "a b", "a/b", "\xc3\xa4"})
    EXPECT_NE(error_of({"--name", name, "app.jar"}).find("--name"), std::string::npos) << name;
}

TEST(RunOptions, ADebuggerGetsAPortAndTheJvmItsAgent) {
  const RunOptions plain = parse({"--debug", "app.jar"});
  EXPECT_EQ(plain.name, "app.jar");
  ASSERT_EQ(plain.network.mappings.size(), 1u);
  EXPECT_EQ(plain.network.mappings[0].host_port, 5005);
  EXPECT_EQ(
      plain.jvm_options,
      (Words{
          "-agentlib:jdwp=transport=dt_socket,server=y,quiet=y,suspend=n,address=127.0.0.1:5005"}));
  const RunOptions chosen = parse({"--suspend", "--debug=8000", "app.jar"});
  EXPECT_EQ(chosen.network.mappings[0].guest_port, 8000);
  EXPECT_NE(chosen.jvm_options[0].find("suspend=y,address=127.0.0.1:8000"), std::string::npos);
  EXPECT_NE(error_of({"--suspend", "app.jar"}).find("--debug"), std::string::npos);
  EXPECT_NE(error_of({"--debug=x", "app.jar"}).find("port"), std::string::npos);
  EXPECT_NE(error_of({"--debug", "--net", "none", "app.jar"}).find("user networking"),
            std::string::npos);
  EXPECT_NE(error_of({"--debug", "-J-agentlib:jdwp=server=y", "app.jar"}).find("both"),
            std::string::npos);
}

TEST(RunOptions, ValuesMayBeJoined) {
  const RunOptions options = parse({"-m1G", "-c4", "-J-Xss1m", "-J", "-ea", "-eA=B C", "--jdk=/x",
                                    "--status-file=s", "--owner=7", "p"});
  EXPECT_EQ(options.memory_mib, 1024u);
  EXPECT_EQ(options.cpus, 4u);
  EXPECT_EQ(options.jvm_options, (Words{"-Xss1m", "-ea"}));
  EXPECT_EQ(options.environment, (Words{"A=B C"}));
  EXPECT_EQ(options.jdk, "/x");
  EXPECT_EQ(options.owner, 7);
  EXPECT_TRUE(options.status_file.ends_with("/s"));
}

TEST(RunOptions, NetworkOptionsMayBeJoinedToo) {
  const RunOptions options =
      parse({"-p9000:8080", "-p", "53/udp", "--publish-all=0.0.0.0", "--no-publish", "--net",
             "user", "--mtu=1400", "--dns", "10.0.2.3", "--output=json", "app.jar"});
  ASSERT_EQ(options.network.mappings.size(), 2u);
  EXPECT_EQ(options.network.mappings[0].guest_port, 8080);
  EXPECT_FALSE(options.network.publishes);
  EXPECT_EQ(options.network.mtu, 1400u);
  EXPECT_EQ(options.output, OutputFormat::kJson);
  EXPECT_NE(error_of({"--no-publish=yes", "app.jar"}), "");
  EXPECT_NE(error_of({"--mtu", "9000", "app.jar"}), "");
  EXPECT_NE(error_of({"-p"}), "");
}

TEST(RunOptions, EnvironmentFilesAndVariablesGoInTheirOrder) {
  test::TemporaryDirectory directory;
  const std::string file = directory.write("env", "A=2\nB=2\n");
  EXPECT_EQ(parse({"-e", "A=1", "--env-file", file, "-e", "B=3", "app.jar"}).environment,
            (Words{"A=1", "A=2", "B=2", "B=3"}));
  EXPECT_NE(error_of({"--env-file", directory.write("bad", "x y\n"), "app.jar"}), "");
}

TEST(RunOptions, AFolderMustBeOne) {
  test::TemporaryDirectory directory;
  EXPECT_EQ(parse({"--dir", directory.path() + "/./", "app.jar"}).folder, directory.path());
  EXPECT_NE(error_of({"--dir", directory.write("file", ""), "app.jar"}), "");
}

TEST(RunOptions, ArgumentFilesFollowJavasGrammar) {
  test::TemporaryDirectory directory;
  const std::string file = directory.write(
      "args", "-Xmx64m --add-opens java.base/java.lang=ALL-UNNAMED\n-cp 'a b.jar' Main one");
  const RunOptions options = parse({"-m", "256", "@" + file, "two"});
  EXPECT_EQ(options.memory_mib, 256u);
  EXPECT_EQ(options.jvm_options,
            (Words{"-Xmx64m", "--add-opens", "java.base/java.lang=ALL-UNNAMED"}));
  EXPECT_EQ(options.class_path, "a b.jar");
  EXPECT_EQ(options.name, "Main");
  EXPECT_EQ(options.arguments, (Words{"one", "two"}));
}

TEST(RunOptions, InAnArgumentFileMIsAModule) {
  test::TemporaryDirectory directory;
  const std::string file = directory.write("args", "-p mods -m my.module/my.Main arg");
  const RunOptions options = parse({"@" + file});
  EXPECT_EQ(options.target, RunOptions::Target::kModule);
  EXPECT_EQ(options.name, "my.module/my.Main");
  EXPECT_EQ(options.jvm_options, (Words{"-p", "mods"}));
  EXPECT_EQ(options.arguments, (Words{"arg"}));
}

TEST(RunOptions, NamesWhatIsWrong) {
  EXPECT_NE(error_of({}).find("nothing to run"), std::string::npos);
  EXPECT_NE(error_of({"-m"}).find("-m needs a value"), std::string::npos);
  EXPECT_NE(error_of({"-m", "lots", "a.jar"}).find("is no size"), std::string::npos);
  EXPECT_NE(error_of({"-c", "0", "a.jar"}).find("is no number of CPUs"), std::string::npos);
  EXPECT_NE(error_of({"-Xmx1g", "a.jar"}).find("-J -Xmx1g"), std::string::npos);
  EXPECT_NE(error_of({"--owner", "me", "a.jar"}).find("--owner me is no process"),
            std::string::npos);
  EXPECT_NE(error_of({"-e", "=x", "a.jar"}).find("NAME=VALUE"), std::string::npos);
  EXPECT_NE(error_of({"@/no/such/file"}).find("/no/such/file"), std::string::npos);
}

TEST(RunOptions, MachinesForDevelopers) {
  EXPECT_TRUE(parse({"--no-direct-calls", "a"}).forgoes_direct_calls);
  EXPECT_FALSE(parse({"a"}).forgoes_direct_calls);
  EXPECT_EQ(parse({"--trace", "scheduler", "a"}).trace, "scheduler");
  EXPECT_NE(error_of({"--trace", "everything", "a"}), "");
  EXPECT_EQ(parse({"--machine", "q35", "--kernel", "k", "--trace=syscalls", "--gdb", "a"}).machine,
            RunOptions::Machine::kQ35);
  EXPECT_NE(error_of({"--machine", "vax", "a"}), "");
}

}  // namespace
}  // namespace moka
