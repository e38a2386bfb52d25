// SPDX-License-Identifier: Apache-2.0
#include "run/artifacts.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "registry/vm_registry.h"
#include "support/files.h"

namespace moka {
namespace {

namespace fs = std::filesystem;

constexpr int kMostFolders = 10000;
constexpr std::size_t kMostReport = 4 << 20;

// Removes folders with nothing in them from the bottom up; true if `folder` itself is gone.
bool remove_empty(const std::string& folder) {
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end;) {
    const std::string path = entry->path().string();
    const bool is_folder = entry->is_directory(error) && !entry->is_symlink(error);
    entry.increment(error);
    if (is_folder) remove_empty(path);
  }
  return ::rmdir(folder.c_str()) == 0;
}

// A folder in `parent` named for the VM that holds nothing; names with '~' are no VM's.
Result<std::string> make_default_folder(const std::string& parent, const std::string& vm_name) {
  if (::mkdir(parent.c_str(), 0700) != 0 && errno != EEXIST)
    return Error{"cannot make " + parent + ": " + error_text(errno)};
  if (!is_directory(parent))
    return Error{parent + " is no folder: remove it, or give --artifacts DIR or none"};
  for (int number = 1; number <= kMostFolders; ++number) {
    const std::string folder =
        parent + "/" + vm_name + (number == 1 ? "" : "~" + std::to_string(number));
    // One that a `moka` left behind when it was killed may be empty: the name is ours, and so it
    // is.
    (void)remove_empty(folder);
    if (::mkdir(folder.c_str(), 0700) == 0) return folder;
    if (errno != EEXIST) return Error{"cannot make " + folder + ": " + error_text(errno)};
  }
  return Error{"there are too many folders of artifacts in " + parent + "; remove some"};
}

}  // namespace

Result<Artifacts> Artifacts::create(const std::string& wish, const std::string& vm_name) {
  if (wish.empty()) {
    const std::string parent = MOKA_TRY(state_directory()) + "/artifacts";
    return Artifacts(MOKA_TRY(make_default_folder(parent, vm_name)), true);
  }
  std::error_code error;
  fs::create_directories(wish, error);
  if (!is_directory(wish))
    return Error{"--artifacts " + wish + ": " +
                 (error ? error.message() : std::string("is no folder"))};
  if (::access(wish.c_str(), R_OK | W_OK | X_OK) != 0)
    return Error{"--artifacts " + wish + ": " + error_text(errno)};
  return Artifacts(wish, false);
}

Artifacts::Artifacts(std::string folder, bool is_default)
    : folder_(std::move(folder)),
      is_default_(is_default),
      process_(std::to_string(::getpid())),
      before_(look()) {}

Artifacts::Artifacts(Artifacts&& other) noexcept
    : folder_(std::move(other.folder_)),
      is_default_(other.is_default_),
      process_(std::move(other.process_)),
      before_(std::move(other.before_)) {
  other.folder_.clear();
}

Artifacts::~Artifacts() {
  if (!folder_.empty() && is_default_) (void)remove_empty(folder_);
}

ArtifactPlace Artifacts::place(const std::vector<HostFolder>& mounts,
                               const std::string& working_directory) const {
  ArtifactPlace place{kArtifactsInGuest, process_, false};
  for (const HostFolder& mount : mounts) {
    const bool holds =
        working_directory == mount.guest || working_directory.starts_with(mount.guest + "/");
    if (holds && !mount.is_read_only) place.keeps_relative = true;
  }
  return place;
}

void Artifacts::make_subfolders(const std::vector<std::string>& relative) const {
  std::error_code ignored;  // HotSpot says what it cannot write
  for (const std::string& folder : relative)
    fs::create_directories(folder_ + "/" + folder, ignored);
}

std::vector<Artifacts::Seen> Artifacts::look() const {
  std::vector<Seen> seen;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string path = entry->path().string();
    // The user's own folder may hold anything; HotSpot goes one folder deep at most.
    if (entry.depth() >= 1) entry.disable_recursion_pending();
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    if (path.find(std::string("/") + kToolPrefix, folder_.size()) != std::string::npos) continue;
    seen.push_back({path, status.st_mtim.tv_sec * 1'000'000'000L + status.st_mtim.tv_nsec,
                    static_cast<std::uint64_t>(status.st_size)});
  }
  return seen;
}

std::vector<Artifacts::File> Artifacts::written() const {
  std::vector<File> files;
  for (const Seen& now : look()) {
    const bool is_old = std::any_of(before_.begin(), before_.end(), [&](const Seen& then) {
      return then.path == now.path && then.changed == now.changed && then.size == now.size;
    });
    if (!is_old) files.push_back({now.path, now.size});
  }
  std::sort(files.begin(), files.end(),
            [](const File& a, const File& b) { return a.path < b.path; });
  return files;
}

std::string Artifacts::crash_report() const {
  const std::string name = "hs_err_pid" + process_ + ".log";
  for (const File& file : written()) {
    if (base_name(file.path) != name) continue;
    Result<std::string> text = read_file(file.path, kMostReport);
    return text ? std::move(text).value() : "";
  }
  return {};
}

}  // namespace moka
