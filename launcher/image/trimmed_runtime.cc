// SPDX-License-Identifier: Apache-2.0
#include "image/trimmed_runtime.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "image/runtime_image.h"
#include "support/command.h"
#include "support/files.h"
#include "support/interruption.h"
#include "support/scratch_directory.h"

namespace moka {
namespace {

constexpr const char* kBaseArchivePath = "/lib/server/classes.jsa";

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

Result<void> link(const Jdk& jdk, const std::vector<std::string>& modules,
                  const std::string& home) {
  const CommandOutcome outcome =
      run_command({jdk.home + "/bin/jlink", "--module-path", jdk.home + "/jmods", "--add-modules",
                   join(modules), "--output", home, "--no-header-files", "--no-man-pages"});
  if (is_interrupted()) return interrupted();
  if (outcome.status != 0)
    return Error{"jlink could not make a runtime of " + join(modules) + ": " +
                 std::string(trim(outcome.output)) + "; use --runtime whole"};
  // Certificates and the like may be links in the JDK, which jlink leaves out or copies.
  const std::string certificates = "/lib/security/cacerts";
  std::error_code ignored;
  if (is_regular_file(jdk.home + certificates))
    std::filesystem::copy_file(jdk.home + certificates, home + certificates,
                               std::filesystem::copy_options::overwrite_existing, ignored);
  return {};
}

// An archive remembers the times of the files that its classes come from: those that they will have
// in the image.
void forget_times(const std::string& home) {
  const timespec zero[2] = {};
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(home, error), end;
       !error && entry != end; entry.increment(error))
    (void)::utimensat(AT_FDCWD, entry->path().c_str(), zero, AT_SYMLINK_NOFOLLOW);
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

std::string key_of(const Jdk& jdk, const std::vector<std::string>& modules, const TreePlan& whole) {
  constexpr std::uint64_t kRecipe = 4;  // changes with what is done here
  Hash hash;
  hash.add(kRecipe).add(jdk.home).add(join(modules));
  whole.hash_into(hash);
  return hash.text();
}

std::string files_record(const ImageCache& cache, const std::string& key) {
  return cache.directory() + "/files-" + key;
}

}  // namespace

Result<std::string> trimmed_runtime_image(const ImageCache& cache, const Jdk& jdk,
                                          const std::vector<std::string>& modules) {
  const TreePlan whole = MOKA_TRY(plan_runtime(jdk));
  const std::string key = key_of(jdk, modules, whole);
  const auto build = [&](const ImageCache::Writer& write) -> Result<void> {
    const ScratchDirectory scratch =
        MOKA_TRY(ScratchDirectory::create(cache.directory(), ImageCache::kTemporaryPrefix));
    Jdk linked = jdk;
    linked.home = scratch.path() + "/jdk";
    MOKA_TRY(link(jdk, modules, linked.home));
    const bool draws = std::find(modules.begin(), modules.end(), "java.desktop") != modules.end();
    const TreePlan plan = MOKA_TRY(plan_runtime(linked, draws ? Fonts::kWithJdk : Fonts::kNone));
    const TreePlan system = MOKA_TRY(plan_runtime(std::nullopt));
    std::string files;
    for (const auto& [path, entry] : plan.entries())
      if (entry.kind == TreeEntry::Kind::kFile && !is_above(linked.home, path))
        files += path + "\n";
    (void)write_file_atomically(files_record(cache, key), files, 0600);
    return write(move_tree(plan, linked.home, jdk.home, system));
  };
  return cache.image_of(key, "runtime", FileTimes::kZero, Compression::kLz4, build);
}

Result<std::vector<std::string>> trimmed_runtime_files(const ImageCache& cache, const Jdk& jdk,
                                                       const std::vector<std::string>& modules) {
  constexpr std::size_t kLongest = 16u << 20;
  const TreePlan whole = MOKA_TRY(plan_runtime(jdk));
  const auto text = read_file(files_record(cache, key_of(jdk, modules, whole)), kLongest);
  return text ? split(trim(text.value()), '\n') : std::vector<std::string>();
}

Result<std::string> base_archive(const ImageCache& cache, const Jdk& jdk,
                                 const std::vector<std::string>& modules) {
  constexpr std::size_t kLargest = 512u << 20;
  const ScratchDirectory scratch =
      MOKA_TRY(ScratchDirectory::create(cache.directory(), ImageCache::kTemporaryPrefix));
  const std::string home = scratch.path() + "/jdk";
  MOKA_TRY(link(jdk, modules, home));
  forget_times(home);
  const CommandOutcome outcome = run_command({home + "/bin/java", "-Xshare:dump"});
  if (is_interrupted()) return interrupted();
  if (outcome.status != 0 || !is_regular_file(home + kBaseArchivePath))
    return Error{"the JDK could not make a class-data archive: " +
                 std::string(trim(outcome.output)) + "; use --no-train"};
  return read_file(home + kBaseArchivePath, kLargest);
}

Result<std::string> archive_image(const ImageCache& cache, const Jdk& jdk,
                                  const std::vector<std::string>& modules) {
  const TreePlan whole = MOKA_TRY(plan_runtime(jdk));
  const auto build = [&](const ImageCache::Writer& write) -> Result<void> {
    TreePlan plan;
    plan.add_text(jdk.home + kBaseArchivePath, MOKA_TRY(base_archive(cache, jdk, modules)));
    return write(plan);
  };
  return cache.image_of(key_of(jdk, modules, whole), "archive", FileTimes::kZero,
                        Compression::kLz4, build);
}

}  // namespace moka
