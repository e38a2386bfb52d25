// SPDX-License-Identifier: Apache-2.0
#include "run/opened_libraries.h"

#include "check/opened_libraries.h"
#include "image/kept_result.h"
#include "support/files.h"

namespace moka {
namespace {

std::vector<std::string> class_path_of(const ApplicationFiles& files) {
  std::vector<std::string> paths = files.trees;
  for (const std::string& file : files.files)
    if (file.ends_with(".jar") || file.ends_with(".war")) paths.push_back(file);
  return paths;
}

}  // namespace

Result<void> add_libraries_opened_by_name(TreePlan& application, const Target& target,
                                          const ImageCache& cache) {
  if (!target.jdk || target.jdk->libc != LibcKind::kGlibc) return {};
  Hash hash;
  hash.add(target.jdk->version);
  application.hash_into(hash);
  const std::string lines = MOKA_TRY(kept_result(
      cache, "libraries opened by name 1\n" + hash.text(), [&]() -> Result<std::string> {
        const Program program =
            Program::open(class_path_of(target.files), target.jdk->feature_release);
        std::string text;
        for (const std::string& name : find_opened_libraries(program)) text += name + "\n";
        return text;
      }));
  std::set<std::string> names;
  for (const std::string& name : split(lines, '\n'))
    if (!name.empty()) names.insert(name);
  if (!names.empty()) add_opened_libraries(application, names);
  return {};
}

}  // namespace moka
