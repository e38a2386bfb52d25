// SPDX-License-Identifier: Apache-2.0
//
// jlink's output is the same each time. A class-data archive follows the addresses that things had
// when it was dumped, and those follow environment, paths and the randomisation of addresses: so it
// is dumped in a folder whose name follows from what is linked, with an empty environment and
// without randomisation.
#include "image/trimmed_runtime.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "image/runtime_image.h"
#include "support/command.h"
#include "support/files.h"
#include "support/interruption.h"
#include "support/unique_fd.h"

namespace moka {
namespace {

// A folder of this name in /tmp, ours alone while the object lives, and gone afterwards.
class FixedFolder {
 public:
  static Result<FixedFolder> create(const std::string& name) {
    const std::string path = "/tmp/" + name;
    while (true) {
      if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return cannot(path);
      UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!fd && errno == ENOENT) continue;
      if (!fd) return cannot(path);
      struct stat ours {
      }, named{};
      if (::fstat(fd.get(), &ours) != 0) return cannot(path);
      // Whoever owns it could change what is put there.
      if (ours.st_uid != ::geteuid())
        return Error{path + " belongs to another user; remove it, or use --runtime whole"};
      while (::flock(fd.get(), LOCK_EX) != 0)
        if (errno != EINTR || is_interrupted()) return interrupted();
      if (::stat(path.c_str(), &named) == 0 && named.st_ino == ours.st_ino)
        return FixedFolder(path, std::move(fd));
    }
  }
  FixedFolder(FixedFolder&& other) noexcept
      : path_(std::exchange(other.path_, {})), fd_(std::move(other.fd_)) {}
  FixedFolder& operator=(FixedFolder&&) = delete;
  ~FixedFolder() {
    std::error_code ignored;
    if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
  }
  const std::string& path() const { return path_; }

 private:
  static Error cannot(const std::string& path) {
    return Error{"cannot make " + path + ": " + error_text(errno)};
  }
  FixedFolder(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::string path_;
  UniqueFd fd_;
};

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

Result<void> link(const Jdk& jdk, const std::vector<std::string>& modules,
                  const std::string& home) {
  std::error_code ignored;
  std::filesystem::remove_all(home, ignored);  // a crash may have left one
  const CommandOutcome outcome =
      run_command({jdk.home + "/bin/jlink", "--module-path", jdk.home + "/jmods", "--add-modules",
                   join(modules), "--output", home, "--no-header-files", "--no-man-pages"});
  if (is_interrupted()) return interrupted();
  if (outcome.status != 0)
    return Error{"jlink could not make a runtime of " + join(modules) + ": " +
                 std::string(trim(outcome.output)) + "; use --runtime whole"};
  // Certificates and the like may be links in the JDK, which jlink leaves out or copies.
  const std::string certificates = "/lib/security/cacerts";
  if (is_regular_file(jdk.home + certificates))
    std::filesystem::copy_file(jdk.home + certificates, home + certificates,
                               std::filesystem::copy_options::overwrite_existing, ignored);
  return {};
}

// A JVM without an archive works, and takes longer to start.
void dump_archive(const std::string& home) {
  (void)run_command({"env", "-i", "setarch", "x86_64", "-R", home + "/bin/java", "-XX:-UsePerfData",
                     "-Xshare:dump"});
}

bool is_above(const std::string& folder, const std::string& path) {
  return path.starts_with(folder + "/");
}

// What lies below `from` as if it lay below `to`; the folders above `from` go, unless they are
// `wanted` for other reasons.
TreePlan move_tree(const TreePlan& plan, const std::string& from, const std::string& to,
                   const TreePlan& wanted) {
  TreePlan result;
  for (const auto& [path, entry] : plan.entries()) {
    if (path == from || is_above(from, path)) {
      result.add_directory(parent_path(to));
      result.add_entry(to + path.substr(from.size()), entry);
    } else if (!is_above(path, from) || wanted.contains(path)) {
      result.add_entry(path, entry);
    }
  }
  return result;
}

}  // namespace

Result<std::string> trimmed_runtime_image(const ImageCache& cache, const Jdk& jdk,
                                          const std::vector<std::string>& modules) {
  constexpr std::uint64_t kRecipe = 1;  // changes with what is done here
  const TreePlan whole = MOKA_TRY(plan_runtime(jdk));
  const TreePlan system = MOKA_TRY(plan_runtime(std::nullopt));
  Hash hash;
  hash.add(kRecipe).add(jdk.home).add(join(modules));
  whole.hash_into(hash);
  const std::string key = hash.text();
  return cache.image_of(
      key, "runtime", FileTimes::kZero, [&](const ImageCache::Writer& write) -> Result<void> {
        const FixedFolder folder = MOKA_TRY(FixedFolder::create(
            "mokapot-runtime-" + Hash().add(jdk.version).add(join(modules)).text()));
        const std::string home = folder.path() + "/jdk";
        MOKA_TRY(link(jdk, modules, home));
        dump_archive(home);
        if (is_interrupted()) return interrupted();
        Jdk linked = jdk;
        linked.home = home;
        const bool draws =
            std::find(modules.begin(), modules.end(), "java.desktop") != modules.end();
        const TreePlan plan =
            MOKA_TRY(plan_runtime(linked, draws ? Fonts::kWithJdk : Fonts::kNone));
        return write(move_tree(plan, home, jdk.home, system));
      });
}

}  // namespace moka
