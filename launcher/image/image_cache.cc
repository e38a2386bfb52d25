// SPDX-License-Identifier: Apache-2.0
#include "image/image_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <vector>

#include "image/direct_calls.h"
#include "support/command.h"
#include "support/digest.h"
#include "support/files.h"
#include "support/scratch_directory.h"
#include "support/unique_fd.h"

namespace moka {
namespace {

// Changes when images of one plan would come out differently.
constexpr std::uint64_t kImageFormat = 6;
constexpr std::time_t kSecondsPerDay = 86400;
constexpr std::time_t kKeepUnusedDays = 14;
constexpr std::time_t kKeepTemporaryDays = 1;
// Nobody asks for a volume's UUID, and one that is the same for all lets equal contents make equal
// images.
constexpr const char* kUuid = "-U00000000-0000-0000-0000-000000000000";
// Pieces of 96 KiB of a file, each compressed for itself into as many blocks as it needs: measured
// in docs/concepts/images.md. What does not get smaller stays as it is.
constexpr const char* kLz4[] = {"-zlz4hc,12", "-C98304", "--max-extent-bytes=98304"};
constexpr const char* kImageSuffix = ".erofs";
constexpr const char* kDigestSuffix = ".sha256";

std::string digest_file(const std::string& image) {
  return image.substr(0, image.size() - std::string_view(kImageSuffix).size()) + kDigestSuffix;
}

// Images, and what was found out about applications.
bool is_kept_for_later(const std::string& name) {
  return name.ends_with(kImageSuffix) || name.ends_with(kDigestSuffix) ||
         name.starts_with("modules-") || name.starts_with("materials-") ||
         name.starts_with("files-") || name.starts_with("trained-") ||
         name.starts_with(ImageCache::kKeptPrefix);
}

// Behind the digest in its file: which file it was computed of. "" where the file has only just been
// changed: it could be changed again within one step of the file system's clock.
std::string identity_of(const std::string& image) {
  constexpr std::time_t kClockStep = 2;
  struct stat status {};
  if (::stat(image.c_str(), &status) != 0) return {};
  if (std::time(nullptr) - status.st_ctim.tv_sec < kClockStep) return {};
  return identity_text(status);
}

constexpr std::size_t kDigestDigits = 64;
constexpr std::size_t kLongestRecord = 512;

std::string record_of_digest(const std::string& image) {
  const auto text = read_file(digest_file(image), kLongestRecord);
  return text && text.value().size() >= kDigestDigits ? text.value() : std::string();
}

// The kernel maps it by pages of 2 MiB.
constexpr std::uint64_t kLeastMemory = std::uint64_t{2} << 20;

// Stays as it is where that cannot be: without holes it would take twice the room.
void grow_to_power_of_two(const std::string& image) {
  std::error_code error, ignored;
  const std::uint64_t size = std::filesystem::file_size(image, error);
  if (error) return;
  std::filesystem::resize_file(image, std::bit_ceil(std::max(size, kLeastMemory)), error);
  if (error) std::filesystem::resize_file(image, size, ignored);
}

// When an image was last used: the time of its digest's file, since its own must not change.
std::int64_t last_use_of(const std::string& image, const struct stat& status) {
  struct stat digest {};
  const bool is_there = ::lstat(digest_file(image).c_str(), &digest) == 0;
  return std::max<std::int64_t>(status.st_mtim.tv_sec, is_there ? digest.st_mtim.tv_sec : 0);
}

}  // namespace

bool has_size_of_memory(const std::string& image) {
  std::error_code error;
  const std::uint64_t size = std::filesystem::file_size(image, error);
  return !error && size >= kLeastMemory && std::has_single_bit(size);
}

Result<ImageCache> ImageCache::open() {
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  // The XDG specification: a relative value is to be ignored.
  if (cache != nullptr && cache[0] == '/') return open_at(std::string(cache) + "/mokapot");
  if (home != nullptr && home[0] == '/') return open_at(std::string(home) + "/.cache/mokapot");
  return Error{"no place for cached images: set HOME or XDG_CACHE_HOME to an absolute directory"};
}

Result<ImageCache> ImageCache::open_at(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(parent_path(directory), error);
  // Private: application images hold the user's own classes.
  if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST)
    return Error{"cannot make the cache directory " + directory + ": " + error_text(errno)};
  return ImageCache(directory);
}

Result<std::string> ImageCache::image_of(const TreePlan& plan, std::string_view label,
                                         FileTimes times, Compression compression,
                                         Extent extent) const {
  Hash hash;
  hash.add(static_cast<std::uint64_t>(times));
  plan.hash_into(hash);
  return image_of(hash.text(), label, {times, compression, extent},
                  [&](const Writer& write) { return write(plan); });
}

Result<std::string> ImageCache::image_of(const std::string& plan_key, std::string_view label,
                                         Form form, const Builder& build) const {
  const std::string key = Hash()
                              .add(kImageFormat)
                              .add(static_cast<std::uint64_t>(form.compression))
                              .add(static_cast<std::uint64_t>(form.extent))
                              .add(plan_key)
                              .text();
  const std::string stem = directory_ + "/" + std::string(label) + "-" + key;
  const std::string image = stem + kImageSuffix;

  if (::access(image.c_str(), R_OK) == 0) {
    // What prune() goes by. Without a digest's file it is the image's own time.
    if (::utimensat(AT_FDCWD, digest_file(image).c_str(), nullptr, 0) != 0)
      (void)::utimensat(AT_FDCWD, image.c_str(), nullptr, 0);
    return image;
  }

  UniqueFd lock(::open((stem + ".lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock) return Error{"cannot write to " + directory_ + ": " + error_text(errno)};
  while (::flock(lock.get(), LOCK_EX) != 0 && errno == EINTR) {
  }
  if (::access(image.c_str(), R_OK) == 0) return image;
  (void)prune(Prune::kUnused);
  MOKA_TRY(build([&](const TreePlan& plan) { return write(plan, image, form); }));
  return image;
}

Result<void> ImageCache::write(const TreePlan& plan, const std::string& image, Form form) const {
  const ScratchDirectory scratch = MOKA_TRY(ScratchDirectory::create(directory_, kTemporaryPrefix));
  const std::string tree = scratch.path() + "/tree";
  const std::string unfinished = scratch.path() + "/image";
  if (::mkdir(tree.c_str(), 0755) != 0)
    return Error{"cannot write to " + tree + ": " + error_text(errno)};
  TreePlan whole = plan;
  add_direct_calls(whole);
  MOKA_TRY(materialise(whole, tree, form.times));

  std::vector<std::string> command{"mkfs.erofs", "--quiet", "-x-1", "--all-root", kUuid};
  command.push_back(form.times == FileTimes::kZero ? "-T0" : "--preserve-mtime");
  if (form.compression == Compression::kLz4)
    command.insert(command.end(), std::begin(kLz4), std::end(kLz4));
  // The superblock's own time is the clock's unless it is told; files that are newer than what it
  // is told get that time, so where times count it lies in the future (2100).
  const std::string epoch =
      form.times == FileTimes::kZero ? "SOURCE_DATE_EPOCH=0" : "SOURCE_DATE_EPOCH=4102444800";
  command.push_back(unfinished);
  command.push_back(tree);
  const CommandOutcome outcome = run_command(command, {epoch});
  if (outcome.status == kCommandNotFound)
    return Error{"mkfs.erofs is not installed: install it (Debian: erofs-utils)"};
  if (outcome.status != 0)
    return Error{"mkfs.erofs could not build " + image + ": " + std::string(trim(outcome.output))};
  if (form.extent == Extent::kMemory) grow_to_power_of_two(unfinished);
  const std::string digest = MOKA_TRY(sha256_of_file(unfinished));
  MOKA_TRY(write_file_atomically(digest_file(image), digest, 0600));
  if (::rename(unfinished.c_str(), image.c_str()) != 0)
    return Error{"cannot write " + image + ": " + error_text(errno)};
  return {};
}

std::string ImageCache::recorded_digest(const std::string& image) {
  return record_of_digest(image).substr(0, kDigestDigits);
}

Result<std::string> ImageCache::digest_of(const std::string& image) {
  const std::string record = record_of_digest(image);
  const std::string identity = identity_of(image);
  if (!identity.empty() && !record.empty() && record.substr(kDigestDigits) == identity)
    return record.substr(0, kDigestDigits);
  const std::string digest = MOKA_TRY(sha256_of_file(image));
  // Of what it is not, the digest of before stays: that is what it should be.
  if (!identity.empty() && digest == record.substr(0, kDigestDigits))
    (void)write_file_atomically(digest_file(image), digest + identity, 0600);
  return digest;
}

std::vector<ImageCache::Entry> ImageCache::list() const {
  std::vector<Entry> entries;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().string();
    struct stat status {};
    if (!path.ends_with(kImageSuffix) || ::lstat(path.c_str(), &status) != 0) continue;
    const std::string name = base_name(path);
    entries.push_back({name.substr(0, name.size() - std::string_view(kImageSuffix).size()),
                       static_cast<std::uint64_t>(status.st_blocks) * 512,
                       last_use_of(path, status)});
  }
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

Result<void> ImageCache::remove(const std::string& name) const {
  const bool is_name = name.find('/') == std::string::npos;
  const std::string image = directory_ + "/" + name + kImageSuffix;
  if (is_name && ::unlink(image.c_str()) == 0) {
    ::unlink(digest_file(image).c_str());
    return {};
  }
  return Error{"there is no cached image " + name + "; moka image ls names them"};
}

std::uint64_t ImageCache::prune(Prune which) const {
  const std::time_t now = std::time(nullptr);
  const bool is_all = which == Prune::kAll;
  std::uint64_t bytes = 0;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().string();
    const std::string name = base_name(path);
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) continue;
    const std::int64_t used = name.ends_with(kImageSuffix) ? last_use_of(path, status)
                                                           : status.st_mtim.tv_sec;
    const std::time_t days = (now - used) / kSecondsPerDay;
    std::error_code ignored;
    if (name.starts_with(kTemporaryPrefix)) {
      // Somebody may be working there.
      if (days >= kKeepTemporaryDays) std::filesystem::remove_all(path, ignored);
    } else if (is_kept_for_later(name) && (is_all || days >= kKeepUnusedDays)) {
      if (::unlink(path.c_str()) == 0) bytes += static_cast<std::uint64_t>(status.st_blocks) * 512;
    }
  }
  return bytes;
}

}  // namespace moka
