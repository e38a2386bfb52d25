// SPDX-License-Identifier: Apache-2.0
//
// The whole of `moka run` against a stand-in for QEMU: streams, exit status, signals, terminal, and
// what is said when the VM fails.
//
// sources: launcher/cli/argument_file.cc launcher/cli/java_options.cc launcher/cli/run_options.cc
// sources: launcher/elf/elf_closure.cc launcher/elf/elf_file.cc launcher/elf/library_cache.cc
// sources: launcher/guest/environment.cc launcher/guest/initrd.cc launcher/guest/memory_plan.cc
// sources: launcher/image/application_image.cc launcher/image/image_cache.cc
// sources: launcher/image/materialise.cc launcher/image/runtime_image.cc
// sources: launcher/image/tree_plan.cc launcher/jar/class_path.cc launcher/jar/jar_manifest.cc
// sources: launcher/jar/zip_reader.cc launcher/jdk/jdk.cc launcher/qemu/accelerator_probe.cc launcher/qemu/device_probe.cc
// sources: launcher/image/kept_result.cc
// sources: launcher/qemu/kvm_speed.cc launcher/qemu/monitor.cc launcher/qemu/qemu_command.cc
// sources: launcher/support/process_statistics.cc
// sources: launcher/qemu/qemu_process.cc launcher/run/run_command.cc launcher/run/target.cc
// sources: launcher/cli/environment_file.cc launcher/guest/host_folder.cc
// sources: launcher/net/ip_address.cc launcher/net/network_options.cc launcher/net/tap.cc
// sources: launcher/publish/host_port.cc launcher/publish/listener_line.cc
// sources: launcher/publish/management_ports.cc launcher/publish/publisher.cc
// sources: launcher/publish/publishing_plan.cc launcher/publish/relay.cc
// sources: launcher/qemu/network_device.cc launcher/run/host_network.cc
// sources: launcher/disk/guid.cc launcher/disk/partition_table.cc launcher/guest/cpio.cc
// sources: launcher/image/bootable_image.cc launcher/image/disk_reader.cc
// sources: launcher/run/image_target.cc launcher/run/opened_libraries.cc launcher/check/opened_libraries.cc
// sources: launcher/check/bytecode.cc launcher/check/class_file.cc launcher/check/program.cc
// sources: launcher/run/kernel_file.cc launcher/support/scratch_directory.cc
// sources: launcher/session/messages.cc launcher/session/owner.cc
// sources: launcher/support/digest.cc launcher/cli/run_usage.cc
// sources: launcher/session/control_channel.cc launcher/session/exit_report.cc
// sources: launcher/session/serial_log.cc launcher/session/session.cc launcher/session/signals.cc
// sources: launcher/session/streams.cc launcher/session/terminal.cc launcher/session/watchdog.cc
// sources: launcher/support/command.cc launcher/support/files.cc launcher/support/hash.cc
// sources: launcher/support/interruption.cc launcher/support/gzip.cc
// libs: -lz
// sources: launcher/cli/artifact_options.cc launcher/registry/vm_name.cc launcher/registry/vm_record.cc
// sources: launcher/registry/vm_registry.cc launcher/run/artifacts.cc launcher/run/detachment.cc
// sources: launcher/run/registration.cc launcher/support/sizes.cc launcher/tools/tool_frame.cc
// sources: launcher/tools/tool_server.cc
// sources: launcher/image/direct_calls.cc launcher/direct/call_sites.cc launcher/direct/instructions.cc
// sources: launcher/direct/program_text.cc launcher/direct/frame_table.cc
// libs: $(ZYDIS)
// libs: -lz -lutil

#include <gtest/gtest.h>
#include <pty.h>
#include <termios.h>

#include <filesystem>
#include <thread>

#include "launcher/session/fake_guest.h"
#include "launcher/session/moka_process.h"
#include "launcher/temporary_directory.h"
#include "session/terminal.h"

namespace moka {
namespace {

using test::Ended;
using test::FakeGuest;
using test::MokaProcess;

// More than fits into all the buffers on the way.
constexpr std::size_t kMuchInput = 1000000;

const std::map<std::string, test::Scene> kScenes = {
    {"exit",
     [](FakeGuest& guest) {
       guest.say("ready");
       guest.write("stdout", "to out\n");
       guest.write("stderr", "to err\n");
       guest.exit("status=3 signal=0 by=application reason=");
     }},
    {"configuration",
     [](FakeGuest& guest) {
       guest.say("ready");
       guest.write("stdout", guest.configuration());
       guest.exit("status=0 signal=0 by=application reason=");
     }},
    {"echo",
     [](FakeGuest& guest) {
       guest.say("ready");
       // As a guest does it: the program reads while the kernel waits to hear where input ends.
       std::string text;
       while (text.size() < kMuchInput) text += guest.read_input(1000);
       guest.hear("eof " + std::to_string(kMuchInput));
       guest.write("stdout", text);
       guest.exit("status=0 signal=0 by=application reason=");
     }},
    {"greet",
     [](FakeGuest& guest) {
       guest.say("ready");
       guest.write("stdout", "hello " + guest.read_input(4));
       guest.hear("eof 4");
       guest.exit("status=0 signal=0 by=application reason=");
     }},
    {"signals",
     [](FakeGuest& guest) {
       guest.say("ready");
       guest.write("stdout", "waiting\n");
       for (;;) {
         const std::string line = guest.hear("signal ");
         guest.write("stdout", line + "\n");
         if (line == "signal 15") guest.exit("status=143 signal=15 by=application reason=");
         if (line == "signal 2") guest.exit("status=130 signal=2 by=application reason=");
       }
     }},
    {"deaf",
     [](FakeGuest& guest) {
       guest.answers_pings = false;
       guest.say("ready");
       guest.write("stdout", "waiting\n");
       for (;;) guest.hear();
     }},
    {"booting",
     [](FakeGuest& guest) {
       guest.write("serial", "still booting\n");
       for (;;) guest.hear();
     }},
    {"abort",
     [](FakeGuest& guest) {
       guest.say("ready");
       guest.exit("status=134 signal=6 by=application reason=");
     }},
    {"no memory",
     [](FakeGuest& guest) {
       guest.exit("status=2 signal=0 by=kernel reason=40 MiB are too little; give -m 64");
     }},
    {"panic",
     [](FakeGuest& guest) {
       guest.write("serial",
                   "boot line\nmokapot: PANIC: page fault at 0x10\r\n  in scheduler+0x20\n");
       ::_exit(125);
     }},
    {"triple fault",
     [](FakeGuest& guest) {
       guest.write("monitor",
                   "{\"QMP\": {}}\r\n{\"timestamp\": {\"seconds\": 1}, \"event\": \"SHUTDOWN\", "
                   "\"data\": {\"guest\": "
                   "true, \"reason\": \"guest-reset\"}}\r\n");
       ::_exit(0);
     }},
    {"hypervisor stops",
     [](FakeGuest& guest) {
       std::fprintf(stderr, "KVM internal error. Suberror: 1\nemulation failure\n");
       guest.write("monitor", "{\"QMP\": {}}\r\n{\"event\": \"STOP\"}\r\n");
       while (guest.hear_on("monitor").find("query-status") == std::string::npos) {
       }
       guest.write("monitor",
                   "{\"return\": {\"status\": \"internal-error\", \"running\": false}}\r\n");
       for (;;) guest.hear();
     }},
    {"power off", [](FakeGuest&) { ::_exit(0); }},
    {"broken",
     [](FakeGuest&) {
       std::fprintf(stderr, "qemu: no such option\n");
       ::_exit(1);
     }},
    {"nonsense",
     [](FakeGuest& guest) {
       guest.say("ready");
       guest.say("unheard-of verb");
       guest.exit("status=many");
     }},
    {"flood",
     [](FakeGuest& guest) {
       guest.say("ready");
       guest.write("stderr", "begun\n");
       guest.write("stdout", std::string(8 << 20, 'x'));
       guest.exit("status=0 signal=0 by=application reason=");
     }},
    {"flood and answer",
     [](FakeGuest& guest) {
       // As a guest does it: a stalled stream stops its writer, and the kernel goes on.
       guest.say("ready");
       std::thread([&] { guest.write("stdout", std::string(8 << 20, 'x')); }).detach();
       guest.hear("signal 10");
       guest.write("stderr", "answered\n");
       guest.exit("status=7 signal=0 by=application reason=");
     }},
    {"listens",
     [](FakeGuest& guest) {
       guest.say("ready");
       guest.say("listen tcp 0.0.0.0 47123");
       guest.answer_monitor(guest.hear_monitor("hostfwd_add network tcp:127.0.0.1:47123-:47123"),
                            "");
       guest.hear("signal 10");
       guest.say("unlisten tcp 0.0.0.0 47123");
       guest.answer_monitor(guest.hear_monitor("hostfwd_remove network tcp:127.0.0.1:47123"),
                            "host forwarding rule for tcp:127.0.0.1:47123 removed\r\n");
       guest.say("listen nonsense");
       guest.exit("status=0 signal=0 by=application reason=");
     }},
    {"command line",
     [](FakeGuest& guest) {
       guest.say("ready");
       for (const std::string& word : guest.command()) guest.write("stdout", word + "\n");
       guest.exit("status=0 signal=0 by=application reason=");
     }},
    {"raw terminal",
     [](FakeGuest& guest) {
       const std::string configuration = guest.configuration();
       const std::size_t at = configuration.find("termios=") + 8;
       termios settings{};
       settings =
           *decode_termios(configuration.substr(at, configuration.find('\n', at) - at), settings);
       settings.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
       guest.say("ready");
       guest.say("termios " + encode_termios(settings));
       guest.write("stdout", "raw\n");
       const std::string typed = guest.read_input(1);
       guest.write("stdout", typed == "\x03" ? "control c\n" : "other\n");
       guest.hear("winsize 33 99");
       guest.exit("status=0 signal=0 by=application reason=");
     }},
};

// As QEMU this process plays a scene and goes no further.
[[maybe_unused]] const bool kPlayed = test::play_if_asked(kScenes);

class SessionTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    directory_ = new test::TemporaryDirectory();
    ::setenv("XDG_CACHE_HOME", directory_->path().c_str(), 1);
    ::setenv("XDG_STATE_HOME", directory_->path().c_str(), 1);
    ::setenv("SECRET", "do not pass on", 1);
  }
  static void TearDownTestSuite() {
    delete directory_;
    directory_ = nullptr;
  }

  // Any readable file will do as the kernel, and any ELF program as the application.
  static std::vector<std::string> words(std::vector<std::string> more = {}) {
    std::vector<std::string> all{"--kernel", "/proc/self/exe", "--status-file", status_file()};
    all.insert(all.end(), more.begin(), more.end());
    all.insert(all.end(), {"/bin/true", "one", "two words"});
    return all;
  }
  static std::string status_file() { return directory_->path() + "/status"; }
  static std::string status_json() {
    std::stringstream text;
    text << std::ifstream(status_file()).rdbuf();
    return text.str();
  }
  static Ended run(const std::string& scene, std::vector<std::string> more = {}) {
    MokaProcess moka(scene, words(std::move(more)));
    moka.end_input();
    return moka.finish();
  }

  static test::TemporaryDirectory* directory_;
};

test::TemporaryDirectory* SessionTest::directory_ = nullptr;

TEST_F(SessionTest, PassesOutputErrorAndStatusApart) {
  const Ended ended = run("exit");
  EXPECT_EQ(ended.status, 3);
  EXPECT_EQ(ended.output, "to out\n");
  EXPECT_EQ(ended.error, "to err\n");
  EXPECT_EQ(status_json(), "{\"status\":3,\"by\":\"application\",\"signal\":0,\"reason\":\"\"}\n");
}

TEST_F(SessionTest, ConfiguresTheGuest) {
  const Ended ended = run("configuration", {"-e", "GREETING=hello world"});
  EXPECT_EQ(ended.status, 0);
  EXPECT_NE(
      ended.output.find("version=1\nprogram=/bin/true\narg=/bin/true\narg=one\narg=two words\n"),
      std::string::npos)
      << ended.output;
  EXPECT_NE(ended.output.find("\nenv=GREETING=hello world\n"), std::string::npos);
  EXPECT_NE(ended.output.find("\nlayer=runtime\nlayer=application\n"), std::string::npos);
  EXPECT_NE(ended.output.find("\nstdin=pipe\nstdout=pipe\nstderr=pipe\n"), std::string::npos);
  EXPECT_EQ(ended.output.find("SECRET"), std::string::npos);
}

TEST_F(SessionTest, SecretsReachTheGuestAndNobodyElse) {
  const std::string file = directory_->write("environment", "FROM_FILE='top secret'\n");
  const std::vector<std::string> more{"-e", "TOKEN=top secret", "--env-file", file};
  EXPECT_NE(run("configuration", more).output.find("\nenv=FROM_FILE=top secret\n"),
            std::string::npos);
  const Ended ended = run("command line", more);
  EXPECT_NE(ended.output.find("-initrd"), std::string::npos);
  EXPECT_EQ(ended.output.find("secret"), std::string::npos) << ended.output;
  EXPECT_EQ(ended.output.find("two words"), std::string::npos) << ended.output;
}

TEST_F(SessionTest, TellsWhereAListenerIsAndForHowLong) {
  MokaProcess moka("listens", words({"-v"}));
  std::string error;
  ASSERT_TRUE(MokaProcess::wait_for(moka.error, error, "moka: 127.0.0.1:47123 -> 47123 after "));
  moka.signal(SIGUSR1);
  const Ended ended = moka.finish();
  EXPECT_EQ(ended.status, 0);
  EXPECT_NE(ended.error.find("moka: 127.0.0.1:47123 is withdrawn\n"), std::string::npos)
      << ended.error;
}

TEST_F(SessionTest, SpeaksJsonWhereAsked) {
  MokaProcess moka("listens", words({"--output", "json"}));
  std::string error;
  const std::string published =
      "{\"event\":\"published\",\"protocol\":\"tcp\",\"address\":\"127.0.0.1\",\"port\":47123,"
      "\"guestPort\":47123,\"seconds\":";
  ASSERT_TRUE(MokaProcess::wait_for(moka.error, error, published)) << error;
  moka.signal(SIGUSR1);
  const Ended ended = moka.finish();
  EXPECT_NE(ended.error.find("{\"event\":\"withdrawn\""), std::string::npos);
  EXPECT_NE(ended.error.find("{\"event\":\"end\",\"status\":0,\"by\":\"application\","
                             "\"signal\":0,\"reason\":\"\"}\n"),
            std::string::npos)
      << ended.error;
  EXPECT_EQ(run("panic", {"--output", "json"}).error.find("{\"event\":\"error\",\"message\":"), 0u);
}

TEST_F(SessionTest, AFolderIsTheGuestsWorkingDirectory) {
  directory_->write("folder/data.txt", "data");
  const std::string folder = directory_->path() + "/folder";
  const Ended ended =
      run("configuration", {"--dir", folder, "--mount", folder + ":/data/here:ro", "-p", "47124"});
  EXPECT_NE(ended.output.find("\ncwd=" + folder + "\n"), std::string::npos) << ended.output;
  EXPECT_NE(ended.output.find("\nenv=PWD=" + folder + "\n"), std::string::npos);
  EXPECT_NE(ended.output.find("\nmount=mokapot0 rw /run/mokapot/artifacts\nmount=mokapot1 ro "
                              "/data/here\nexpose=47124\n"),
            std::string::npos);
}

TEST_F(SessionTest, CountsInputToItsEnd) {
  const std::string text(kMuchInput, 'i');
  MokaProcess moka("echo", words());
  std::thread writer([&] {
    moka.give(text);
    moka.end_input();
  });
  const Ended ended = moka.finish();
  writer.join();
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.output, text);
}

TEST_F(SessionTest, InputArrivesBeforeItsEnd) {
  MokaProcess moka("greet", words());
  moka.give("moka");
  EXPECT_TRUE(moka.wait_for_output("hello moka"));
  moka.end_input();
  EXPECT_EQ(moka.finish().status, 0);
}

TEST_F(SessionTest, ForwardsSignals) {
  MokaProcess moka("signals", words());
  ASSERT_TRUE(moka.wait_for_output("waiting"));
  moka.signal(SIGQUIT);
  ASSERT_TRUE(moka.wait_for_output("signal 3"));
  moka.signal(SIGUSR1);
  ASSERT_TRUE(moka.wait_for_output("signal 10"));
  moka.signal(SIGTERM);
  const Ended ended = moka.finish();
  EXPECT_EQ(ended.status, 143);
  EXPECT_NE(status_json().find("\"by\":\"application\",\"signal\":15"), std::string::npos);
}

TEST_F(SessionTest, InterruptGivesWhatTheGuestSays) {
  MokaProcess moka("signals", words());
  ASSERT_TRUE(moka.wait_for_output("waiting"));
  moka.signal(SIGINT);
  EXPECT_EQ(moka.finish().status, 130);
}

TEST_F(SessionTest, ASecondInterruptEndsADeafGuest) {
  MokaProcess moka("deaf", words());
  ASSERT_TRUE(moka.wait_for_output("waiting"));
  moka.signal(SIGINT);
  ::usleep(300000);
  moka.signal(SIGINT);
  const Ended ended = moka.finish(5);
  EXPECT_EQ(ended.status, 130);
  EXPECT_NE(status_json().find("\"by\":\"moka\",\"signal\":2"), std::string::npos);
}

TEST_F(SessionTest, AnInterruptBeforeTheProgramEndsAtOnce) {
  MokaProcess moka("booting", words({"-v"}));
  std::string error;
  ASSERT_TRUE(MokaProcess::wait_for(moka.error, error, "still booting"));
  moka.signal(SIGINT);
  EXPECT_EQ(moka.finish(5).status, 130);
}

TEST_F(SessionTest, TheKernelsRefusalIsOneLine) {
  const Ended ended = run("no memory");
  EXPECT_EQ(ended.status, 2);
  EXPECT_EQ(ended.error, "moka: 40 MiB are too little; give -m 64\n");
}

TEST_F(SessionTest, AbortOfANativeProgramIsItsOwn) {
  EXPECT_EQ(run("abort").status, 134);
  EXPECT_NE(status_json().find("\"by\":\"application\",\"signal\":6"), std::string::npos);
}

TEST_F(SessionTest, APanicIs125WithTheKernelsWords) {
  const Ended ended = run("panic");
  EXPECT_EQ(ended.status, 125);
  EXPECT_NE(ended.error.find("moka: kernel panic: page fault at 0x10\n"), std::string::npos)
      << ended.error;
  EXPECT_NE(ended.error.find("  in scheduler+0x20\n"), std::string::npos);
  EXPECT_NE(status_json().find("\"by\":\"kernel\""), std::string::npos);
}

TEST_F(SessionTest, ATripleFaultIs125) {
  const Ended ended = run("triple fault");
  EXPECT_EQ(ended.status, 125);
  EXPECT_NE(ended.error.find("triple fault"), std::string::npos) << ended.error;
}

TEST_F(SessionTest, AVmThatTheHypervisorStopsIs125AtOnce) {
  MokaProcess moka("hypervisor stops", words());
  const Ended ended = moka.finish(5);
  EXPECT_EQ(ended.status, 125);
  EXPECT_NE(ended.error.find("cannot go on with this VM: KVM internal error. Suberror: 1\n"),
            std::string::npos)
      << ended.error;
  EXPECT_NE(ended.error.find("emulation failure\n"), std::string::npos) << ended.error;
  EXPECT_NE(status_json().find("\"by\":\"moka\""), std::string::npos);
}

TEST_F(SessionTest, QemusOwnFailureIs125WithItsWords) {
  EXPECT_EQ(run("power off").status, 125);
  const Ended ended = run("broken");
  EXPECT_EQ(ended.status, 125);
  EXPECT_NE(ended.error.find("qemu: no such option"), std::string::npos) << ended.error;
  EXPECT_EQ(run("nonsense").status, 125);
}

TEST_F(SessionTest, AFloodArrivesWhole) {
  const Ended ended = run("flood");
  EXPECT_EQ(ended.status, 0);
  EXPECT_EQ(ended.output.size(), std::size_t{8} << 20);
}

TEST_F(SessionTest, AStalledReaderDoesNotStallTheControlChannel) {
  MokaProcess moka("flood and answer", words());
  ::usleep(500000);  // nobody reads; everything on the way fills up
  moka.signal(SIGUSR1);
  std::string error;
  EXPECT_TRUE(MokaProcess::wait_for(moka.error, error, "answered"));
  EXPECT_EQ(moka.finish().status, 7);
}

TEST_F(SessionTest, AReaderThatGoesAwayEndsNothing) {
  MokaProcess moka("exit", words());
  moka.output.reset();
  EXPECT_EQ(moka.finish().status, 3);
}

TEST_F(SessionTest, QemuDiesWithTheLauncher) {
  MokaProcess moka("deaf", words());
  ASSERT_TRUE(moka.wait_for_output("waiting"));
  moka.signal(SIGKILL);
  moka.reap();
  // Its end of the output closes only when the last holder is gone.
  char byte;
  pollfd item{moka.output.get(), POLLIN, 0};
  ASSERT_EQ(::poll(&item, 1, 5000), 1);
  EXPECT_EQ(::read(moka.output.get(), &byte, 1), 0);
}

// A process that does nothing, for as long as it is let.
class Idler {
 public:
  Idler() : pid_(::fork()) {
    if (pid_ != 0) return;
    for (;;) ::pause();
  }
  ~Idler() { end(); }
  void end() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
    pid_ = -1;
  }
  std::string pid() const { return std::to_string(pid_); }

 private:
  pid_t pid_;
};

TEST_F(SessionTest, AProgramEndsWithItsOwner) {
  Idler owner;
  MokaProcess moka("signals", words({"--owner", owner.pid()}));
  ASSERT_TRUE(moka.wait_for_output("waiting"));
  owner.end();
  const Ended ended = moka.finish();
  EXPECT_NE(ended.output.find("signal 15"), std::string::npos);
  EXPECT_EQ(ended.status, 143);
}

TEST_F(SessionTest, EvenADeafGuestEndsWithItsOwner) {
  Idler owner;
  MokaProcess moka("deaf", words({"--owner", owner.pid()}));
  ASSERT_TRUE(moka.wait_for_output("waiting"));
  owner.end();
  EXPECT_EQ(moka.finish(60).status, 143);
}

TEST_F(SessionTest, AnOwnerThatIsGoneIsRefused) {
  Idler owner;
  const std::string pid = owner.pid();
  owner.end();
  const Ended ended = run("exit", {"--owner", pid});
  EXPECT_EQ(ended.status, 2);
  EXPECT_NE(ended.error.find("--owner " + pid), std::string::npos);
}

class TerminalSessionTest : public SessionTest {
 protected:
  void SetUp() override {
    int master, slave;
    winsize size{24, 80, 0, 0};
    ASSERT_EQ(0, ::openpty(&master, &slave, nullptr, nullptr, &size));
    master_ = UniqueFd(master);
    slave_ = UniqueFd(slave);
  }
  termios settings() const {
    termios now{};
    EXPECT_EQ(0, ::tcgetattr(slave_.get(), &now));
    return now;
  }
  UniqueFd master_, slave_;
};

TEST_F(TerminalSessionTest, TheGuestGetsATerminalAndTheHostGetsItBack) {
  const std::string before = encode_termios(settings());
  MokaProcess moka("raw terminal", words(), slave_.get());
  std::string shown;
  ASSERT_TRUE(MokaProcess::wait_for(master_, shown, "raw"));
  EXPECT_EQ(settings().c_lflag & (ICANON | ECHO | ISIG), 0u);
  ASSERT_EQ(1, ::write(master_.get(), "\x03", 1));
  ASSERT_TRUE(MokaProcess::wait_for(master_, shown, "control c"));
  const winsize size{33, 99, 0, 0};
  ASSERT_EQ(0, ::ioctl(master_.get(), TIOCSWINSZ, &size));
  EXPECT_EQ(moka.reap(), 0);
  EXPECT_EQ(encode_termios(settings()), before);
}

TEST_F(TerminalSessionTest, EvenSigkillGivesTheTerminalBack) {
  const std::string before = encode_termios(settings());
  MokaProcess moka("raw terminal", words(), slave_.get());
  std::string shown;
  ASSERT_TRUE(MokaProcess::wait_for(master_, shown, "raw"));
  ASSERT_NE(encode_termios(settings()), before);
  moka.signal(SIGKILL);
  moka.reap();
  for (int tenths = 0; tenths < 50 && encode_termios(settings()) != before; ++tenths)
    ::usleep(100000);
  EXPECT_EQ(encode_termios(settings()), before);
}

TEST_F(TerminalSessionTest, ControlCInACookedTerminalIsASignal) {
  MokaProcess moka("signals", words(), slave_.get());
  std::string shown;
  ASSERT_TRUE(MokaProcess::wait_for(master_, shown, "waiting"));
  ASSERT_EQ(1, ::write(master_.get(), "\x03", 1));
  EXPECT_EQ(moka.reap(), 130);
}

}  // namespace
}  // namespace moka
