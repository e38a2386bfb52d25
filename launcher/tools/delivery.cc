// SPDX-License-Identifier: Apache-2.0
#include "tools/delivery.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "run/artifacts.h"
#include "support/files.h"
#include "support/sizes.h"

namespace moka {
namespace {

constexpr int kEndingSignals[] = {SIGINT, SIGTERM, SIGHUP};
// How often progress is shown on a terminal, and where it makes a line each.
constexpr std::chrono::milliseconds kOnTerminal{250}, kInLines{5000};
constexpr const char* kFile = "file";
constexpr std::size_t kChunk = 1 << 20;

volatile std::sig_atomic_t is_interrupted = 0;

extern "C" void note_interruption(int) { is_interrupted = 1; }

std::uint64_t size_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

}  // namespace

Result<Delivery> Delivery::prepare(const VmView& vm, const std::string& path, Overwrite overwrite) {
  if (vm.record.artifacts.empty())
    return Error{"the VM " + vm.record.name +
                 " was started with --artifacts none, so it has no way to write files of the host"};
  const std::string target = absolute_path(path);
  struct stat status {};
  if (::stat(target.c_str(), &status) == 0) {
    if (S_ISDIR(status.st_mode)) return Error{path + " is a folder; name a file"};
    if (overwrite == Overwrite::kNo)
      return Error{path + " exists; give another name, or --force to replace it"};
  }
  if (!is_directory(parent_path(target))) return Error{"no such folder: " + parent_path(target)};
  if (::access(parent_path(target).c_str(), W_OK | X_OK) != 0)
    return Error{"cannot write to " + parent_path(target) + ": " + error_text(errno)};
  std::string scratch = vm.record.artifacts + "/" + kToolPrefix + "XXXXXX";
  if (::mkdtemp(scratch.data()) == nullptr)
    return Error{"cannot write to " + vm.record.artifacts + ": " + error_text(errno)};
  return Delivery(target, scratch);
}

Delivery::Delivery(std::string path, std::string scratch)
    : path_(std::move(path)), scratch_(std::move(scratch)) {
  shown_ = std::chrono::steady_clock::now();
  is_interrupted = 0;
  struct sigaction action {};
  action.sa_handler = note_interruption;
  for (std::size_t index = 0; index < std::size(kEndingSignals); ++index)
    ::sigaction(kEndingSignals[index], &action, &before_[index]);
}

Delivery::Delivery(Delivery&& other) noexcept
    : path_(std::move(other.path_)),
      scratch_(std::move(other.scratch_)),
      has_line_(other.has_line_),
      shown_(other.shown_) {
  std::copy(std::begin(other.before_), std::end(other.before_), before_);
  other.scratch_.clear();
}

Delivery::~Delivery() {
  if (scratch_.empty()) return;
  clear_line();
  std::error_code ignored;
  std::filesystem::remove_all(scratch_, ignored);
  for (std::size_t index = 0; index < std::size(kEndingSignals); ++index)
    ::sigaction(kEndingSignals[index], &before_[index], nullptr);
}

// The JVM's name has nothing of the user's in it: a blank there would begin another argument of the
// command.
std::string Delivery::guest_path() const {
  return std::string(kArtifactsInGuest) + "/" + base_name(scratch_) + "/" + kFile;
}

std::string Delivery::shared_path() const { return scratch_ + "/" + kFile; }

bool Delivery::has_file() const { return is_regular_file(shared_path()); }

bool Delivery::show_progress() {
  // A dump by several threads is in pieces until its end.
  std::uint64_t size = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(scratch_, error), end; !error && entry != end;
       entry.increment(error))
    size += size_of(entry->path().string());
  show("the VM has written", size);
  return is_interrupted == 0;
}

void Delivery::show(const char* verb, std::uint64_t size) {
  const bool is_terminal = ::isatty(STDERR_FILENO) != 0;
  const auto now = std::chrono::steady_clock::now();
  if (size == 0 || now - shown_ < (is_terminal ? kOnTerminal : kInLines)) return;
  shown_ = now;
  std::fprintf(stderr, is_terminal ? "\rmoka: %s %s\x1b[K" : "moka: %s %s\n", verb,
               size_text(size).c_str());
  has_line_ = is_terminal;
}

void Delivery::clear_line() {
  if (has_line_) std::fputs("\r\x1b[K", stderr);
  has_line_ = false;
}

Result<std::uint64_t> Delivery::finish() {
  const std::string from = shared_path();
  const std::uint64_t size = size_of(from);
  if (::rename(from.c_str(), path_.c_str()) != 0) {
    if (errno != EXDEV) return Error{"cannot write " + path_ + ": " + error_text(errno)};
    MOKA_TRY(copy(from));
  }
  clear_line();
  return size;
}

// To another file system: under a name of its own beside the target, then renamed.
Result<void> Delivery::copy(const std::string& from) {
  std::string part = path_ + ".XXXXXX";
  const UniqueFd source(::open(from.c_str(), O_RDONLY | O_CLOEXEC));
  const UniqueFd target(::mkostemp(part.data(), O_CLOEXEC));
  if (!target) return Error{"cannot write " + path_ + ": " + error_text(errno)};
  std::string chunk(kChunk, '\0');
  std::uint64_t done = 0;
  ssize_t count = source ? 1 : -1;
  while (count > 0 && is_interrupted == 0) {
    count = ::read(source.get(), chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR)
      count = 1;
    else if (count > 0 &&
             !write_fully(target.get(), {chunk.data(), static_cast<std::size_t>(count)}))
      count = -1;
    else if (count > 0)
      show("copied", done += static_cast<std::uint64_t>(count));
  }
  // The JVM's own mode: a heap may hold secrets.
  struct stat status {};
  if (is_interrupted == 0 && count == 0 && ::fstat(source.get(), &status) == 0 &&
      ::fchmod(target.get(), status.st_mode & 0777) == 0 &&
      ::rename(part.c_str(), path_.c_str()) == 0)
    return {};
  const std::string problem = is_interrupted != 0 ? "interrupted" : error_text(errno);
  ::unlink(part.c_str());
  return Error{"cannot write " + path_ + ": " + problem};
}

}  // namespace moka
