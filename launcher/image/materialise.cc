// SPDX-License-Identifier: Apache-2.0
#include "image/materialise.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "support/files.h"
#include "support/unique_fd.h"

namespace moka {
namespace {

Error cannot_copy(const std::string& path) {
  return Error{"cannot copy " + path + ": " + error_text(errno)};
}

Result<void> copy_file(const TreeEntry& entry, const std::string& target) {
  UniqueFd source(::open(entry.content.c_str(), O_RDONLY | O_CLOEXEC));
  if (!source) return cannot_copy(entry.content);
  UniqueFd copy(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!copy) return cannot_copy(entry.content);
  // A clone shares the blocks where the file system can do that; then nothing needs to be read.
  if (::ioctl(copy.get(), FICLONE, source.get()) != 0) {
    std::vector<char> buffer(1 << 20);
    for (;;) {
      const ssize_t count = ::read(source.get(), buffer.data(), buffer.size());
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return cannot_copy(entry.content);
      if (count == 0) break;
      if (!write_fully(copy.get(), {buffer.data(), static_cast<std::size_t>(count)}))
        return cannot_copy(entry.content);
    }
  }
  if (::fchmod(copy.get(), entry.mode) != 0) return cannot_copy(entry.content);
  return {};
}

Result<void> write_text(const TreeEntry& entry, const std::string& target) {
  UniqueFd file(::open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file || !write_fully(file.get(), entry.content) || ::fchmod(file.get(), entry.mode) != 0)
    return Error{"cannot write " + target + ": " + error_text(errno)};
  return {};
}

Result<void> write_entry(const TreeEntry& entry, const std::string& target, bool& is_linked) {
  is_linked = false;
  switch (entry.kind) {
    case TreeEntry::Kind::kDirectory:
      // The mode comes at the end: until then we must be able to write into it.
      if (::mkdir(target.c_str(), 0700) != 0)
        return Error{"cannot make " + target + ": " + error_text(errno)};
      return {};
    case TreeEntry::Kind::kLink:
      if (::symlink(entry.content.c_str(), target.c_str()) != 0)
        return Error{"cannot make " + target + ": " + error_text(errno)};
      return {};
    case TreeEntry::Kind::kText:
      return write_text(entry, target);
    case TreeEntry::Kind::kFile:
      // Not across file systems, and by Linux's protected_hardlinks not for other users' files.
      if (::link(entry.content.c_str(), target.c_str()) == 0) {
        is_linked = true;
        return {};
      }
      return copy_file(entry, target);
  }
  return {};
}

void set_time(const TreeEntry& entry, const std::string& target) {
  const timespec time{entry.mtime_seconds, entry.mtime_nanoseconds};
  const timespec both[2] = {time, time};
  // A time that cannot be set only makes the image differ from run to run.
  (void)::utimensat(AT_FDCWD, target.c_str(), both, AT_SYMLINK_NOFOLLOW);
}

}  // namespace

Result<void> materialise(const TreePlan& plan, const std::string& directory, FileTimes times) {
  // The map is in order of paths, so a directory comes before what is in it.
  for (const auto& [path, entry] : plan.entries()) {
    bool is_linked = false;
    MOKA_TRY(write_entry(entry, directory + path, is_linked));
    // A hard link has its original's time, and setting it would change the original.
    if (times == FileTimes::kKept && !is_linked && entry.kind != TreeEntry::Kind::kDirectory)
      set_time(entry, directory + path);
  }
  for (auto item = plan.entries().rbegin(); item != plan.entries().rend(); ++item) {
    const auto& [path, entry] = *item;
    if (entry.kind != TreeEntry::Kind::kDirectory) continue;
    if (::chmod((directory + path).c_str(), entry.mode | 0700) != 0)
      return Error{"cannot set the mode of " + directory + path + ": " + error_text(errno)};
    if (times == FileTimes::kKept) set_time(entry, directory + path);
  }
  return {};
}

}  // namespace moka
