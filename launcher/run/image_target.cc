// SPDX-License-Identifier: Apache-2.0
#include "run/image_target.h"

#include <nlohmann/json.hpp>

#include "cli/argument_file.h"
#include "contract/vm_contract.h"
#include "guest/cpio.h"
#include "guest/environment.h"
#include "support/files.h"
#include "support/json.h"

namespace moka {
namespace {

Result<void> refuse_options_of_build(const RunOptions& options) {
  const auto refused = [](const char* option) {
    return Error{std::string(option) +
                 " changes what is in an image; give it to moka build, and build it again"};
  };
  if (!options.jdk.empty()) return refused("--jdk");
  if (!options.jvm_options.empty()) return refused("-J");
  if (!options.folder.empty()) return refused("--dir");
  if (options.class_path) return refused("-cp");
  if (options.is_jar) return refused("-jar");
  if (!options.kernel.empty()) return refused("--kernel");
  return {};
}

Result<GuestConfig> read_config(const BootableImage& image) {
  const std::vector<CpioMember> members = MOKA_TRY(read_cpio(image.initrd));
  const std::string* const records = find_member(members, mokapot::contract::kConfigFile);
  if (records == nullptr) return Error{"the image's configuration is missing; build it again"};
  return decode_config(*records);
}

}  // namespace

bool names_image(const RunOptions& options) {
  return options.target == RunOptions::Target::kFile &&
         looks_like_disk_image(absolute_path(options.name));
}

Result<ImageTarget> resolve_image(const RunOptions& options, const MemoryPlan& memory,
                                  BootableImage image) {
  MOKA_TRY(refuse_options_of_build(options));
  MOKA_TRY(check_contract(image, options.name));
  ImageTarget target;
  target.image = std::move(image);
  target.config = MOKA_TRY(read_config(target.image));
  target.config.version = target.image.contract;
  GuestConfig& config = target.config;
  std::vector<std::string> environment = config.environment;
  environment.insert(environment.end(), options.environment.begin(), options.environment.end());
  config.environment = guest_environment({}, false, config.working_directory, environment);
  const auto manifest = parse_json(target.image.manifest);
  target.is_java = manifest.contains("java");
  if (target.is_java && !config.arguments.empty()) {
    target.jvm_options.assign(config.arguments.begin() + 1, config.arguments.end());
    for (const char* variable : {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"})
      for (std::string& word : parse_argument_file(value_in(config.environment, variable)))
        target.jvm_options.push_back(std::move(word));
    const std::vector<std::string> heap = heap_options(memory, target.jvm_options);
    config.arguments.insert(config.arguments.begin() + 1, heap.begin(), heap.end());
  }
  // Memory is known here.
  config.arguments_by_memory.clear();
  config.arguments.insert(config.arguments.end(), options.arguments.begin(),
                          options.arguments.end());
  return target;
}

std::optional<std::uint64_t> memory_wish(const RunOptions& options, const BootableImage& image) {
  if (options.memory_mib) return options.memory_mib;
  const auto manifest = parse_json(image.manifest);
  const auto wish = manifest.find("memoryMiB");
  if (wish == manifest.end() || !wish->is_number_unsigned()) return std::nullopt;
  return wish->get<std::uint64_t>();
}

}  // namespace moka
