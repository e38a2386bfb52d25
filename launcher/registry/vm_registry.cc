// SPDX-License-Identifier: Apache-2.0
#include "registry/vm_registry.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <system_error>

#include "support/files.h"
#include "support/json.h"

namespace moka {
namespace {

constexpr std::size_t kLongestRecord = 1 << 20;
constexpr std::time_t kKeepLogSeconds = 14 * 86400;
constexpr int kMostAlike = 10000;

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

// Whether the name itself is of that kind: no link to one, which somebody else may change.
bool is_kind(const std::string& path, mode_t kind) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0 && (status.st_mode & S_IFMT) == kind;
}

// The process that holds the lock; 0 for nobody.
pid_t holder_of(const std::string& folder) {
  if (!is_kind(folder, S_IFDIR)) return 0;
  const UniqueFd fd(
      ::open((folder + "/lock").c_str(), O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd) return 0;
  struct flock lock = whole_file(F_WRLCK);
  if (::fcntl(fd.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) return 0;
  // A holder in another PID namespace has no number here; it lives all the same.
  return std::max<pid_t>(lock.l_pid, 1);
}

void remove_tree(const std::string& path) {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

// A pipe would keep whoever reads it.
std::string file_or_nothing(const std::string& path) {
  if (!is_kind(path, S_IFREG)) return {};
  Result<std::string> text = read_file(path, kLongestRecord);
  return text ? std::move(text).value() : std::string();
}

Result<void> make_private_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0) return {};
  if (errno != EEXIST) return Error{"cannot make " + path + ": " + error_text(errno)};
  if (is_directory(path)) return {};
  return Error{path + " is no folder: remove it"};
}

}  // namespace

Result<std::string> state_directory() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  std::string directory;
  // The XDG specification: a relative value is to be ignored.
  if (state != nullptr && state[0] == '/')
    directory = std::string(state) + "/mokapot";
  else if (home != nullptr && home[0] == '/')
    directory = std::string(home) + "/.local/state/mokapot";
  else
    return Error{
        "no place for what is known of VMs: set HOME or XDG_STATE_HOME to an absolute directory"};
  std::error_code error;
  std::filesystem::create_directories(parent_path(directory), error);
  MOKA_TRY(make_private_directory(directory));
  return directory;
}

// --- An entry of our own
// ---------------------------------------------------------------------------

VmEntry::VmEntry(std::string name, std::string folder, UniqueFd lock)
    : name_(std::move(name)), folder_(std::move(folder)), lock_(std::move(lock)) {
  record.name = name_;
  record.pid = ::getpid();
}

VmEntry::~VmEntry() {
  if (lock_) remove();
}

// Somebody may have removed the folder, and a later VM may have made one of that name.
bool VmEntry::is_still_ours() const {
  struct stat held {}, named {};
  return ::fstat(lock_.get(), &held) == 0 && ::lstat((folder_ + "/lock").c_str(), &named) == 0 &&
         held.st_dev == named.st_dev && held.st_ino == named.st_ino;
}

Result<void> VmEntry::save() const {
  if (!is_still_ours()) return Error{folder_ + " was taken away while the VM ran"};
  return write_file_atomically(folder_ + "/vm.json", json_text(to_json(record)) + "\n", 0600);
}

void VmEntry::end(std::string_view report) {
  if (!record.is_detached || !is_still_ours()) return remove();
  (void)write_file_atomically(folder_ + "/end.json", report, 0600);
  ::unlink((folder_ + "/socket").c_str());
  lock_.reset();
}

// The lock is given back last, so nobody takes the name while its folder goes.
void VmEntry::remove() {
  const UniqueFd all(::open((parent_path(folder_) + "/.lock").c_str(), O_RDWR | O_CLOEXEC));
  if (all) ::flock(all.get(), LOCK_EX);
  if (is_still_ours()) remove_tree(folder_);
  lock_.reset();
}

Result<void> VmView::check_described() const {
  const std::string& name = record.name;
  switch (description) {
    case Description::kThere:
      return {};
    case Description::kNotYet:
      return Error{"the VM " + name + " is only just starting, or somebody removed " + folder +
                   "/vm.json: try again, or end it by moka stop " + name};
    case Description::kDamaged:
      break;
  }
  return Error{"what is known of the VM " + name + " is damaged (" + folder +
               "/vm.json); only moka ps, logs, stop and kill still know it"};
}

// --- The registry
// ----------------------------------------------------------------------------------

Result<VmRegistry> VmRegistry::open() { return open_at(MOKA_TRY(state_directory()) + "/vms"); }

Result<VmRegistry> VmRegistry::open_at(const std::string& directory) {
  MOKA_TRY(make_private_directory(directory));
  return VmRegistry(directory);
}

Result<UniqueFd> VmRegistry::lock_all() const {
  UniqueFd lock(::open((directory_ + "/.lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock)
    return Error{"cannot use " + directory_ + "/.lock: " + error_text(errno) + "; remove it"};
  while (::flock(lock.get(), LOCK_EX) != 0)
    if (errno != EINTR) return Error{"cannot lock " + directory_ + ": " + error_text(errno)};
  return lock;
}

// Under the registry's lock. `holder`: who has the name already.
std::optional<VmEntry> VmRegistry::try_claim(const std::string& name, pid_t& holder,
                                             std::string& problem) const {
  const std::string folder = directory_ + "/" + name;
  if ((holder = holder_of(folder)) != 0) return std::nullopt;
  // What nobody holds is nobody's.
  if (!is_kind(folder, S_IFDIR)) remove_tree(folder);
  if (Result<void> made = make_private_directory(folder); !made) {
    problem = made.error().message;
    return std::nullopt;
  }
  for (const char* left : {"/vm.json", "/end.json", "/log", "/socket"}) remove_tree(folder + left);
  if (!is_kind(folder + "/lock", S_IFREG)) remove_tree(folder + "/lock");
  UniqueFd lock(::open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  struct flock wish = whole_file(F_WRLCK);
  if (!lock || ::fcntl(lock.get(), F_SETLK, &wish) != 0) {
    problem = "cannot write to " + folder + ": " + error_text(errno);
    return std::nullopt;
  }
  return VmEntry(name, folder, std::move(lock));
}

Result<VmEntry> VmRegistry::claim(const std::string& name) const {
  const UniqueFd all = MOKA_TRY(lock_all());
  sweep();
  pid_t holder = 0;
  std::string problem;
  if (std::optional<VmEntry> entry = try_claim(name, holder, problem)) return std::move(*entry);
  if (holder == 0) return Error{problem};
  return Error{"the name " + name + " is taken by a running VM (process " + std::to_string(holder) +
               "); give another one, or end that by moka stop " + name};
}

Result<VmEntry> VmRegistry::claim_any(const std::string& base) const {
  const UniqueFd all = MOKA_TRY(lock_all());
  sweep();
  for (int number = 1; number <= kMostAlike; ++number) {
    pid_t holder = 0;
    std::string problem;
    const std::string name = number == 1 ? base : base + "-" + std::to_string(number);
    if (std::optional<VmEntry> entry = try_claim(name, holder, problem)) return std::move(*entry);
    if (holder == 0) return Error{problem};
  }
  return Error{"there are too many VMs called " + base + "; give a name by --name"};
}

// Under the registry's lock: what crashed `moka`s have left goes, and logs that nobody wants any
// more.
void VmRegistry::sweep() const {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string folder = entry->path().string();
    if (!is_vm_name(base_name(folder)) || holder_of(folder) != 0) continue;
    struct stat status {};
    const bool has_log = is_kind(folder, S_IFDIR) && is_kind(folder + "/log", S_IFREG) &&
                         ::stat((folder + "/log").c_str(), &status) == 0;
    if (!has_log || std::time(nullptr) - status.st_mtim.tv_sec > kKeepLogSeconds)
      remove_tree(folder);
  }
}

std::optional<VmView> VmRegistry::look_at(const std::string& name) const {
  VmView view;
  view.folder = directory_ + "/" + name;
  if (!is_kind(view.folder, S_IFDIR)) return std::nullopt;
  const pid_t holder = holder_of(view.folder);
  const bool has_log = is_kind(view.folder + "/log", S_IFREG);
  view.is_running = holder != 0;
  if (!view.is_running && !has_log) return std::nullopt;
  std::optional<VmRecord> record = parse_record(file_or_nothing(view.folder + "/vm.json"));
  if (record && record->name == name) {
    view.record = std::move(*record);
  } else {
    struct stat ignored {};
    view.description = ::lstat((view.folder + "/vm.json").c_str(), &ignored) == 0
                           ? VmView::Description::kDamaged
                           : VmView::Description::kNotYet;
    view.record.name = name;
    view.record.is_detached = has_log;
  }
  // Who holds the lock knows best; in another PID namespace only the record has its number.
  if (holder > 1) view.record.pid = holder;
  if (!view.is_running) view.end = file_or_nothing(view.folder + "/end.json");
  return view;
}

std::vector<VmView> VmRegistry::list() const {
  std::vector<VmView> views;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory_, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!is_vm_name(name)) continue;
    std::optional<VmView> view = look_at(name);
    if (!view || (view->is_running && view->description == VmView::Description::kNotYet)) continue;
    views.push_back(std::move(*view));
  }
  std::sort(views.begin(), views.end(),
            [](const VmView& a, const VmView& b) { return a.record.name < b.record.name; });
  return views;
}

Result<VmView> VmRegistry::find(std::string_view name) const {
  if (is_vm_name(name))
    if (std::optional<VmView> view = look_at(std::string(name))) return std::move(*view);
  std::string running;
  for (const VmView& view : list())
    if (view.is_running) running += (running.empty() ? "" : ", ") + view.record.name;
  return Error{"there is no VM called " + std::string(name) +
               (running.empty() ? "; none is running" : "; running: " + running)};
}

Result<VmView> VmRegistry::find_running(std::string_view name) const {
  VmView view = MOKA_TRY(find(name));
  if (!view.is_running)
    return Error{"the VM " + std::string(name) + " has ended; moka logs " + std::string(name) +
                 " shows what it said"};
  return view;
}

}  // namespace moka
