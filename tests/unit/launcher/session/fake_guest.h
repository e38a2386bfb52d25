// SPDX-License-Identifier: Apache-2.0
//
// A stand-in for QEMU and the guest in it. The test program itself is what the launcher executes as
// QEMU (MOKA_QEMU); with MOKA_FAKE_GUEST set it plays the named scene on the descriptors that
// QEMU's command line names, and never gets to main().
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace moka::test {

class FakeGuest {
 public:
  explicit FakeGuest(const std::vector<std::string>& command) : command_(command) {
    for (const std::string& word : command) {
      if (!word.starts_with("socket,id=")) continue;
      const std::size_t comma = word.find(",fd=");
      descriptors_[word.substr(10, comma - 10)] = std::stoi(word.substr(comma + 4));
    }
  }

  // Channels: stdin, stdout, stderr, control, serial, monitor.
  int fd(const std::string& channel) const { return descriptors_.at(channel); }

  void write(const std::string& channel, const std::string& text) const {
    for (std::size_t done = 0; done < text.size();) {
      const ssize_t count =
          ::send(fd(channel), text.data() + done, text.size() - done, MSG_NOSIGNAL);
      if (count <= 0) return;  // as QEMU, which drops what nobody takes any more
      done += static_cast<std::size_t>(count);
    }
  }

  void say(const std::string& line) const { write("control", line + "\n"); }

  // The next control line; pings are answered on the way unless `answers` is false.
  std::string hear() {
    for (;;) {
      const std::size_t end = heard_.find('\n');
      if (end != std::string::npos) {
        const std::string line = heard_.substr(0, end);
        heard_.erase(0, end + 1);
        if (line != "ping" || !answers_pings) return line;
        say("pong");
        continue;
      }
      char bytes[4096];
      const ssize_t count = ::recv(fd("control"), bytes, sizeof bytes, 0);
      if (count <= 0) ::_exit(98);
      heard_.append(bytes, static_cast<std::size_t>(count));
    }
  }

  // The number of the next command for the human monitor, which must begin so.
  std::uint64_t hear_monitor(const std::string& command) {
    for (;;) {
      const std::size_t end = asked_.find('\n');
      if (end != std::string::npos) {
        const auto message = nlohmann::json::parse(asked_.substr(0, end));
        asked_.erase(0, end + 1);
        if (message["execute"] != "human-monitor-command") continue;
        const std::string text = message["arguments"]["command-line"];
        if (!text.starts_with(command)) ::_exit(96);
        return message["id"];
      }
      char bytes[4096];
      const ssize_t count = ::recv(fd("monitor"), bytes, sizeof bytes, 0);
      if (count <= 0) ::_exit(98);
      asked_.append(bytes, static_cast<std::size_t>(count));
    }
  }
  void answer_monitor(std::uint64_t number, const std::string& text) const {
    write("monitor", nlohmann::json({{"return", text}, {"id", number}}).dump() + "\r\n");
  }

  const std::vector<std::string>& command() const { return command_; }

  // Waits for a control line that begins so; others are passed over.
  std::string hear(const std::string& verb) {
    for (;;)
      if (const std::string line = hear(); line.starts_with(verb)) return line;
  }

  // What has come on another channel, once anything has.
  std::string hear_on(const std::string& channel) const {
    char bytes[4096];
    const ssize_t count = ::recv(fd(channel), bytes, sizeof bytes, 0);
    if (count <= 0) ::_exit(98);
    return std::string(bytes, static_cast<std::size_t>(count));
  }

  std::string read_input(std::size_t count) const {
    std::string text;
    char byte;
    while (text.size() < count && ::recv(fd("stdin"), &byte, 1, 0) == 1) text += byte;
    return text;
  }

  // The contract's end: the exit line, the acknowledgement, power-off.
  [[noreturn]] void exit(const std::string& fields) {
    say("exit " + fields);
    hear("ack");
    ::_exit(0);
  }

  // The configuration file inside the initrd, records ended by newlines.
  std::string configuration() const {
    for (std::size_t index = 0; index + 1 < command_.size(); ++index) {
      if (command_[index] != "-initrd") continue;
      std::stringstream archive;
      archive << std::ifstream(command_[index + 1], std::ios::binary).rdbuf();
      std::string text = archive.str();
      const std::size_t size = std::stoul(text.substr(6 + 6 * 8, 8), nullptr, 16);
      text = text.substr(124, size);  // 110 of header, "mokapot.conf" with its NUL, padding
      for (char& letter : text)
        if (letter == '\0') letter = '\n';
      return text;
    }
    return {};
  }

  bool answers_pings = true;

 private:
  std::vector<std::string> command_;
  std::map<std::string, int> descriptors_;
  std::string heard_;
  std::string asked_;
};

using Scene = std::function<void(FakeGuest&)>;

// Plays a scene if this process was started as QEMU; to be called before main().
inline bool play_if_asked(const std::map<std::string, Scene>& scenes) {
  const char* name = std::getenv("MOKA_FAKE_GUEST");
  if (name == nullptr) return false;
  std::ifstream file("/proc/self/cmdline", std::ios::binary);
  std::vector<std::string> command;
  for (std::string word; std::getline(file, word, '\0');) command.push_back(word);
  FakeGuest guest(command);
  scenes.at(name)(guest);
  ::_exit(97);  // a scene ends by itself
}

}  // namespace moka::test
