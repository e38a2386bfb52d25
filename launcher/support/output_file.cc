// SPDX-License-Identifier: Apache-2.0
#include "support/output_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "support/files.h"

namespace moka {
namespace {

Error cannot_write(const std::string& path) {
  return Error{"cannot write " + path + ": " + error_text(errno)};
}

UniqueFd open_unfinished(const std::string& unfinished, OutputFile::Kind kind) {
  if (kind == OutputFile::Kind::kFile)
    return UniqueFd(::open(unfinished.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644));
  if (::mkdir(unfinished.c_str(), 0755) != 0 && errno != EEXIST) return UniqueFd();
  return UniqueFd(::open(unfinished.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
}

bool is_same(int fd, const std::string& path) {
  struct stat by_name {
  }, by_fd{};
  return ::stat(path.c_str(), &by_name) == 0 && ::fstat(fd, &by_fd) == 0 &&
         by_name.st_ino == by_fd.st_ino && by_name.st_dev == by_fd.st_dev;
}

// What an earlier one left when it was killed.
Result<void> empty(int fd, const std::string& unfinished, OutputFile::Kind kind) {
  if (kind == OutputFile::Kind::kFile) {
    if (::ftruncate(fd, 0) != 0) return cannot_write(unfinished);
    return {};
  }
  std::error_code error;
  for (std::filesystem::directory_iterator entry(unfinished, error), end; !error && entry != end;
       entry.increment(error)) {
    std::error_code ignored;
    std::filesystem::remove_all(entry->path(), ignored);
  }
  return {};
}

// Before the name, the bytes: a crash of the host must not leave a whole name on half a file.
bool sync_files_in(const std::string& folder) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(folder, error), end; !error && entry != end;
       entry.increment(error)) {
    const UniqueFd file(::open(entry->path().c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
    if (!file || ::fsync(file.get()) != 0) return false;
  }
  return true;
}

}  // namespace

Result<OutputFile> OutputFile::create(const std::string& path, Kind kind) {
  const std::string name = base_name(path);
  const std::string folder = parent_path(path);
  if (name.empty() || name == "/") return Error{path + " cannot be made; name a file"};
  if (kind == Kind::kFile && is_directory(path))
    return Error{path +
                 " is a folder; name a file, or make kernel, initrd and disk by --format pair"};
  if (!is_directory(folder)) return Error{"there is no folder " + folder + "; make it first"};
  const std::string unfinished = folder + "/." + name + ".unfinished";
  while (true) {
    UniqueFd fd = open_unfinished(unfinished, kind);
    if (!fd) return cannot_write(path);
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EINTR) continue;
      return Error{"another moka is making " + path + "; wait for it"};
    }
    // It may have been finished and renamed between the two calls.
    if (!is_same(fd.get(), unfinished)) continue;
    MOKA_TRY(empty(fd.get(), unfinished, kind));
    return OutputFile(path, unfinished, kind, std::move(fd));
  }
}

OutputFile::OutputFile(std::string path, std::string unfinished, Kind kind, UniqueFd fd)
    : path_(std::move(path)), unfinished_(std::move(unfinished)), kind_(kind), fd_(std::move(fd)) {}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      unfinished_(std::exchange(other.unfinished_, {})),
      kind_(other.kind_),
      fd_(std::move(other.fd_)) {}

OutputFile::~OutputFile() {
  std::error_code ignored;
  if (!unfinished_.empty()) std::filesystem::remove_all(unfinished_, ignored);
}

Result<void> OutputFile::sync() const {
  if (kind_ == Kind::kFolder && !sync_files_in(unfinished_)) return cannot_write(path_);
  if (::fsync(fd_.get()) != 0) return cannot_write(path_);
  return {};
}

Result<void> OutputFile::finish() {
  MOKA_TRY(sync());
  const bool replaces_folder = kind_ == Kind::kFolder && is_directory(path_);
  const bool is_done = replaces_folder ? exchange_names(unfinished_, path_)
                                       : ::rename(unfinished_.c_str(), path_.c_str()) == 0;
  if (!is_done) return cannot_write(path_);
  // After an exchange the old folder has the unfinished one's name, and goes with us.
  if (!replaces_folder) unfinished_.clear();
  return {};
}

Result<void> OutputFile::finish_keeping(const std::string& previous) {
  MOKA_TRY(sync());
  if (!exchange_names(unfinished_, path_)) return cannot_write(path_);
  // A folder takes the place of an empty one only.
  std::error_code ignored;
  if (kind_ == Kind::kFolder) std::filesystem::remove_all(previous, ignored);
  if (::rename(unfinished_.c_str(), previous.c_str()) != 0) return cannot_write(previous);
  unfinished_.clear();
  return {};
}

bool exchange_names(const std::string& one, const std::string& other) {
  return ::syscall(SYS_renameat2, AT_FDCWD, one.c_str(), AT_FDCWD, other.c_str(),
                   RENAME_EXCHANGE) == 0;
}

}  // namespace moka
