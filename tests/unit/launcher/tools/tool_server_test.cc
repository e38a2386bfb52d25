// SPDX-License-Identifier: Apache-2.0
//
// The server of tools with a guest that the test plays, and clients that speak frames; and the
// client of it.
//
// sources: launcher/registry/vm_name.cc launcher/registry/vm_record.cc
// sources: launcher/registry/vm_registry.cc launcher/support/files.cc
// sources: launcher/tools/tool_client.cc launcher/tools/tool_frame.cc
// sources: launcher/tools/tool_server.cc

#include "tools/tool_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <thread>

#include "launcher/temporary_directory.h"
#include "tools/socket_path.h"
#include "tools/tool_client.h"

namespace moka {
namespace {

namespace contract = mokapot::contract;
const std::string kQuestion = encode_words({"attach", "jcmd", "help"});

TEST(ToolFrame, ComesThroughInPieces) {
  const std::string bytes =
      encode_frame(7, contract::kToolData, "text") + encode_frame(8, contract::kToolClose, "");
  FrameReader reader;
  std::vector<ToolFrame> frames;
  for (const char byte : bytes) {
    reader.append({&byte, 1});
    while (std::optional<ToolFrame> frame = reader.take()) frames.push_back(*frame);
  }
  ASSERT_EQ(frames.size(), 2u);
  EXPECT_EQ(frames[0].stream, 7u);
  EXPECT_EQ(frames[0].payload, "text");
  EXPECT_EQ(frames[1].type, contract::kToolClose);
  std::string wrong = encode_frame(1, contract::kToolData, "");
  wrong[6] = wrong[7] = '\xff';
  reader.append(wrong);
  EXPECT_FALSE(reader.take());
  EXPECT_TRUE(reader.is_broken());
}

TEST(ToolFrame, WordsThatCannotBeSaidAreNot) {
  EXPECT_EQ(encode_words({"a", ""}), std::string("a\0\0", 3));
  EXPECT_EQ(encode_words({std::string("a\0b", 3)}), "");
  EXPECT_EQ(encode_words({std::string(contract::kToolFrameLimit, 'x')}), "");
}

class ToolServerTest : public testing::Test {
 protected:
  void SetUp() override {
    int ends[2];
    ASSERT_EQ(0, ::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
    guest_ = UniqueFd(ends[1]);
    Result<UniqueFd> listener = listen_for_tools(directory_.path());
    ASSERT_TRUE(listener) << listener.error().message;
    server_.emplace(UniqueFd(ends[0]), std::move(listener).value(), [this] { ++kills_; });
  }
  UniqueFd connect() {
    UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const SocketPath path(directory_.path());
    EXPECT_EQ(0, ::connect(socket.get(), path.get(), path.size()));
    return socket;
  }
  static void say(const UniqueFd& socket, const std::string& bytes) {
    EXPECT_EQ(static_cast<ssize_t>(bytes.size()),
              ::send(socket.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL));
  }
  // Lets the server work until `done`, five seconds at most.
  template <typename Done>
  bool turn(Done done) {
    for (int turns = 0; turns < 500; ++turns) {
      if (done()) return true;
      pollfd item{server_->fd(), POLLIN, 0};
      ::poll(&item, 1, 10);
      server_->pump();
    }
    return done();
  }
  // The next frame on a socket; nothing at its end.
  std::optional<ToolFrame> next(const UniqueFd& socket, FrameReader& reader) {
    std::optional<ToolFrame> frame;
    bool has_ended = false;
    turn([&] {
      char bytes[65536];
      if ((frame = reader.take())) return true;
      const ssize_t count = ::recv(socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
      if (count > 0) reader.append({bytes, static_cast<std::size_t>(count)});
      has_ended = count == 0;
      return has_ended || (frame = reader.take()).has_value();
    });
    return frame;
  }

  test::TemporaryDirectory directory_;
  UniqueFd guest_;
  FrameReader guest_reader_;
  std::optional<ToolServer> server_;
  int kills_ = 0;
};

TEST_F(ToolServerTest, CarriesAQuestionAndItsAnswer) {
  const UniqueFd client = connect();
  say(client, encode_frame(99, contract::kToolOpen, kQuestion) + encode_window(99, 1000));
  const auto open = next(guest_, guest_reader_), window = next(guest_, guest_reader_);
  ASSERT_TRUE(open && window);
  EXPECT_EQ(open->payload, kQuestion);
  EXPECT_EQ(window->stream, open->stream);
  say(guest_, encode_frame(open->stream, contract::kToolData, "0\nhello") +
                  encode_frame(open->stream, contract::kToolEnd, std::string("\0", 1)));
  FrameReader reader;
  const auto data = next(client, reader), end = next(client, reader);
  ASSERT_TRUE(data && end);
  EXPECT_EQ(data->payload, "0\nhello");
  EXPECT_EQ(end->type, contract::kToolEnd);
  EXPECT_FALSE(next(client, reader));
  EXPECT_TRUE(turn([this] { return server_->clients() == 0; }));
}

TEST_F(ToolServerTest, AClientThatDoesNotReadStallsNobody) {
  const UniqueFd slow = connect(), quick = connect();
  say(slow, encode_frame(1, contract::kToolOpen, kQuestion) +
                encode_window(1, contract::kToolWindowLimit));
  const auto first = next(guest_, guest_reader_);
  say(quick, encode_frame(1, contract::kToolOpen, kQuestion));
  std::optional<ToolFrame> second;
  while ((second = next(guest_, guest_reader_)) && second->type != contract::kToolOpen) {
  }
  ASSERT_TRUE(first && second);
  EXPECT_NE(first->stream, second->stream);
  // All that the slow one allowed, more than its socket holds.
  std::thread talker([&] {
    const std::string piece(contract::kToolFrameLimit, 'x');
    for (unsigned sent = 0; sent < contract::kToolWindowLimit; sent += contract::kToolFrameLimit)
      say(guest_, encode_frame(first->stream, contract::kToolData, piece));
    say(guest_, encode_frame(second->stream, contract::kToolData, "quick"));
  });
  FrameReader reader;
  const auto data = next(quick, reader);
  talker.join();
  ASSERT_TRUE(data);
  EXPECT_EQ(data->payload, "quick");
}

TEST_F(ToolServerTest, TheGuestHearsThatAClientWent) {
  {
    const UniqueFd client = connect();
    say(client, encode_frame(1, contract::kToolOpen, kQuestion));
    ASSERT_TRUE(next(guest_, guest_reader_));
  }
  const auto close = next(guest_, guest_reader_);
  ASSERT_TRUE(close);
  EXPECT_EQ(close->type, contract::kToolClose);
  // What still comes for it is nobody's.
  say(guest_, encode_frame(close->stream, contract::kToolEnd, std::string("\0", 1)));
  const UniqueFd other = connect();
  say(other, encode_frame(1, contract::kToolOpen, kQuestion));
  const auto open = next(guest_, guest_reader_);
  ASSERT_TRUE(open);
  EXPECT_NE(open->stream, close->stream);
}

TEST_F(ToolServerTest, NonsenseEndsTheConnection) {
  FrameReader reader;
  for (const std::string& nonsense :
       {encode_window(1, 5), encode_frame(1, contract::kToolData, "x"), std::string(64, '\xff')}) {
    const UniqueFd client = connect();
    say(client, nonsense);
    EXPECT_FALSE(next(client, reader));
  }
  EXPECT_TRUE(turn([this] { return server_->clients() == 0; }));
}

TEST_F(ToolServerTest, KillIsForTheLauncher) {
  const UniqueFd client = connect();
  say(client, encode_frame(1, contract::kToolOpen, encode_words({kMoka, kMokaKill})));
  FrameReader reader;
  const auto end = next(client, reader);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->type, contract::kToolEnd);
  EXPECT_EQ(kills_, 1);
}

TEST_F(ToolServerTest, AtTheEndWhoeverWaitsIsTold) {
  const UniqueFd client = connect();
  say(client, encode_frame(1, contract::kToolOpen, kQuestion));
  ASSERT_TRUE(next(guest_, guest_reader_));
  guest_.reset();
  FrameReader reader;
  const auto end = next(client, reader);
  ASSERT_TRUE(end);
  EXPECT_EQ(end->payload, std::string("\1the VM has ended"));
}

// The client's side, against a server in a thread.
class ToolClientTest : public ToolServerTest {
 protected:
  VmView vm() {
    VmView view;
    view.folder = directory_.path();
    view.record.name = "app";
    view.record.program = "app.jar";
    view.record.is_java = true;
    return view;
  }
  // What the guest answers, once it was asked.
  Result<JvmAnswer> ask(const std::vector<std::string>& pieces, unsigned char code,
                        const std::string& text, std::string& output) {
    std::atomic<bool> is_done = false;
    std::thread turner([&] {
      std::optional<ToolFrame> open;
      while ((open = next(guest_, guest_reader_)) && open->type != contract::kToolOpen) {
      }
      if (open) {
        for (const std::string& piece : pieces)
          say(guest_, encode_frame(open->stream, contract::kToolData, piece));
        say(guest_, encode_frame(open->stream, contract::kToolEnd, static_cast<char>(code) + text));
      }
      turn([&] { return is_done.load(); });
    });
    Result<JvmAnswer> answer =
        run_diagnostic_command(vm(), "help", [&](std::string_view part) { output += part; });
    is_done = true;
    turner.join();
    return answer;
  }
};

TEST_F(ToolClientTest, TheStatusIsTakenOffTheAnswer) {
  std::string output;
  const Result<JvmAnswer> answer =
      ask({"0", "\nThe answer", " is 42\n"}, contract::kToolOk, "", output);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer.value().status, 0);
  EXPECT_EQ(output, "The answer is 42\n");
}

TEST_F(ToolClientTest, ARefusalOfTheJvmIsItsOwnText) {
  std::string output;
  const Result<JvmAnswer> answer = ask({"1\njava.lang.X: no\n"}, contract::kToolOk, "", output);
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer.value().status, 1);
  EXPECT_EQ(answer.value().error, "java.lang.X: no\n");
  EXPECT_EQ(output, "");
}

TEST_F(ToolClientTest, ARefusalOfTheKernelIsAnError) {
  std::string output;
  const Result<JvmAnswer> answer =
      ask({}, contract::kToolFailed, "the JVM does not answer", output);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().message, "the JVM does not answer");
  EXPECT_FALSE(ask({"no number\nx"}, contract::kToolOk, "", output));
}

TEST_F(ToolClientTest, WhatCannotBeAskedIsRefusedAtOnce) {
  VmView native = vm(), closed = vm();
  native.record.is_java = false;
  closed.record.can_attach = false;
  const auto nothing = [](std::string_view) {};
  EXPECT_NE(run_diagnostic_command(native, "help", nothing).error().message.find("no Java program"),
            std::string::npos);
  EXPECT_NE(run_diagnostic_command(closed, "help", nothing)
                .error()
                .message.find("DisableAttachMechanism"),
            std::string::npos);
  EXPECT_NE(run_diagnostic_command(vm(), std::string(2000, 'x'), nothing)
                .error()
                .message.find("too long"),
            std::string::npos);
}

}  // namespace
}  // namespace moka
