// SPDX-License-Identifier: Apache-2.0
#include "tools/tool_client.h"

#include <poll.h>

#include <cerrno>
#include <charconv>

#include "contract/vm_contract.h"
#include "support/files.h"
#include "tools/socket_path.h"
#include "tools/tool_frame.h"

namespace moka {
namespace {

namespace contract = mokapot::contract;

constexpr std::uint32_t kWindow = 256 * 1024;
constexpr int kWaitMilliseconds = 250;
constexpr std::size_t kLongestStatus = 16;
constexpr std::size_t kLongestError = 1 << 20;
// What the JVM takes as one argument of an attach operation.
constexpr std::size_t kLongestArgument = 1024;

Result<UniqueFd> connect_to(const VmView& vm) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SocketPath path(vm.folder);
  if (!socket || !path || ::connect(socket.get(), path.get(), path.size()) != 0)
    return Error{"cannot reach the VM " + vm.record.name + ": " + error_text(errno) +
                 "; it may just have ended (moka ps)"};
  return socket;
}

// As write_fully, but an end that is gone is an error and no signal.
bool send_fully(int socket, std::string_view data) {
  while (!data.empty()) {
    const ssize_t count = ::send(socket, data.data(), data.size(), MSG_NOSIGNAL);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    data.remove_prefix(static_cast<std::size_t>(count));
  }
  return true;
}

Error gone(const VmView& vm) { return Error{"the VM " + vm.record.name + " has ended meanwhile"}; }

// The number that an attach answer begins with, and the text behind it.
class AttachReader {
 public:
  explicit AttachReader(const TakeAnswer& take) : take_(take) {}

  void add(std::string_view bytes) {
    if (!answer_.is_known) {
      const std::size_t end = bytes.find('\n');
      line_ += bytes.substr(0, end);
      if (end == std::string_view::npos) {
        if (line_.size() > kLongestStatus) line_.resize(kLongestStatus);
        return;
      }
      bytes.remove_prefix(end + 1);
      const auto [last, error] =
          std::from_chars(line_.data(), line_.data() + line_.size(), answer_.status);
      answer_.is_known = error == std::errc() && last == line_.data() + line_.size();
      if (!answer_.is_known) return;
    }
    if (answer_.status == 0)
      take_(bytes);
    else if (error_.size() < kLongestError)
      error_ += bytes;
  }

  Result<JvmAnswer> finish() {
    if (!answer_.is_known) return Error{"the JVM's answer makes no sense: " + line_};
    return JvmAnswer{answer_.status, std::move(error_)};
  }

 private:
  const TakeAnswer& take_;
  struct {
    bool is_known = false;
    int status = 0;
  } answer_;
  std::string line_;
  std::string error_;
};

}  // namespace

Result<void> ask_vm(const VmView& vm, const std::vector<std::string>& words, const TakeAnswer& take,
                    const WhileWaiting& waiting) {
  const std::string question = encode_words(words);
  if (question.empty()) return Error{"the command is too long for the VM's channel"};
  const UniqueFd socket = MOKA_TRY(connect_to(vm));
  if (!send_fully(socket.get(),
                  encode_frame(0, contract::kToolOpen, question) + encode_window(0, kWindow)))
    return gone(vm);
  FrameReader reader;
  std::uint32_t taken = 0;
  char bytes[65536];
  while (true) {
    pollfd item{socket.get(), POLLIN, 0};
    (void)::poll(&item, 1, waiting ? kWaitMilliseconds : -1);
    if (waiting && !waiting()) return Error{"interrupted"};
    const ssize_t count = ::recv(socket.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count <= 0) return gone(vm);
    reader.append({bytes, static_cast<std::size_t>(count)});
    while (const std::optional<ToolFrame> frame = reader.take()) {
      if (frame->type == contract::kToolEnd && !frame->payload.empty()) {
        if (frame->payload[0] == contract::kToolOk) return {};
        return Error{frame->payload.substr(1)};
      }
      if (frame->type != contract::kToolData) continue;
      take(frame->payload);
      taken += static_cast<std::uint32_t>(frame->payload.size());
    }
    if (reader.is_broken())
      return Error{"the answer of the VM " + vm.record.name + " makes no sense"};
    // In large pieces; a VM that ends has said so in a frame that is still to be read.
    if (taken >= kWindow / 2) {
      (void)send_fully(socket.get(), encode_window(0, taken));
      taken = 0;
    }
  }
}

Result<JvmAnswer> ask_jvm(const VmView& vm, const std::vector<std::string>& words,
                          const TakeAnswer& take, const WhileWaiting& waiting) {
  MOKA_TRY(vm.check_described());
  if (!vm.record.is_java)
    return Error{"the VM " + vm.record.name + " runs " + vm.record.program +
                 ", which is no Java program"};
  if (!vm.record.can_attach)
    return Error{"the JVM of " + vm.record.name +
                 " was started with -XX:+DisableAttachMechanism, so no tool reaches it"};
  std::vector<std::string> question{contract::kToolAttach};
  for (const std::string& word : words) {
    if (word.size() > kLongestArgument)
      return Error{"the command is too long: the JVM takes " + std::to_string(kLongestArgument) +
                   " characters"};
    question.push_back(word);
  }
  AttachReader reader(take);
  MOKA_TRY(ask_vm(
      vm, question, [&reader](std::string_view bytes) { reader.add(bytes); }, waiting));
  return reader.finish();
}

Result<JvmAnswer> run_diagnostic_command(const VmView& vm, const std::string& command,
                                         const TakeAnswer& take, const WhileWaiting& waiting) {
  return ask_jvm(vm, {"jcmd", command}, take, waiting);
}

}  // namespace moka
