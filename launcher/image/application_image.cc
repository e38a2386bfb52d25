// SPDX-License-Identifier: Apache-2.0
#include "image/application_image.h"

#include <algorithm>
#include <string_view>

#include "elf/elf_closure.h"
#include "support/files.h"

namespace moka {
namespace {

// A class path of "." in a home directory would pull in everything below it.
constexpr std::uint64_t kMostBytes = std::uint64_t{8} << 30;
constexpr std::size_t kMostEntries = 500000;

// What libjvm.so and the launcher need: in every runtime.
constexpr std::string_view kComeWithTheJdk[] = {"libc.so.6", "libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1",
                                                "ld-linux-x86-64.so.2"};
constexpr const char* kLoadedByName[] = {"libgcc_s.so.1", "libnss_files.so.2", "libnss_dns.so.2"};

ElfClosure closure_of(const ApplicationFiles& application) {
  ElfClosure closure(LibraryCache::read_host(), application.library_path);
  for (const std::string& name : application.provided) closure.provide(name);
  return closure;
}

// Folders of libraries hold some for other machines and C libraries, and some that are never loaded.
void add_loadable(TreePlan& plan, const ApplicationFiles& application) {
  if (application.loadable.empty()) return;
  ElfClosure closure = closure_of(application);
  for (const std::string& library : application.loadable) {
    plan.add(library);
    (void)closure.add(library);
  }
  for (const std::string& library : closure.libraries()) plan.add(library);
}

Result<void> add_programs(TreePlan& plan, const ApplicationFiles& application) {
  if (application.programs.empty()) return {};
  ElfClosure closure = closure_of(application);
  for (const std::string& program : application.programs) {
    plan.add(program);
    MOKA_TRY(closure.add(program));
  }
  const auto& kinds = closure.libc_kinds();
  if (kinds.contains(LibcKind::kMusl) && kinds.contains(LibcKind::kGlibc))
    return Error{kinds.at(LibcKind::kMusl) + " wants musl and " + kinds.at(LibcKind::kGlibc) +
                 " wants glibc; link both against one C library"};
  if (!closure.missing().empty()) {
    const ElfClosure::Missing& missing = closure.missing().front();
    return Error{missing.needed_by + " needs " + missing.library +
                 ", which this machine does not have; install it"};
  }
  if (kinds.contains(LibcKind::kGlibc))
    for (const char* name : kLoadedByName) closure.add_optional(name);
  for (const std::string& library : closure.libraries()) plan.add(library);
  return {};
}

}  // namespace

Result<TreePlan> plan_application(const ApplicationFiles& application) {
  TreePlan plan;
  plan.add(application.working_directory);
  for (const std::string& file : application.files) plan.add(file);
  for (const std::string& tree : application.trees) {
    plan.add_tree(tree, [&](const std::string& path) {
      // Past the limits nothing more is listed, so that a mistake is found soon.
      return path == application.boundary || plan.bytes() > kMostBytes ||
             plan.entries().size() > kMostEntries;
    });
    if (plan.bytes() > kMostBytes || plan.entries().size() > kMostEntries)
      return Error{
          tree +
          " holds more files than an image takes; name a smaller directory, or share it by "
          "--mount"};
  }
  MOKA_TRY(add_programs(plan, application));
  add_loadable(plan, application);
  return plan;
}

void add_opened_libraries(TreePlan& plan, const std::set<std::string>& names) {
  const LibraryCache host = LibraryCache::read_host();
  ElfClosure closure(host);
  for (const std::string_view soname : kComeWithTheJdk) closure.provide(std::string(soname));
  for (const std::string& name : names) {
    const std::string soname = host.find_named(name);
    const bool is_c_library = std::find(std::begin(kComeWithTheJdk), std::end(kComeWithTheJdk), soname) !=
                              std::end(kComeWithTheJdk);
    if (!soname.empty() && !is_c_library) closure.add_optional(soname);
  }
  for (const std::string& library : closure.libraries()) plan.add(library);
}

}  // namespace moka
