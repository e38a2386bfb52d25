// SPDX-License-Identifier: Apache-2.0
#include "convert/rebase_command.h"

#include <cerrno>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "build/bill_of_materials.h"
#include "build/image_plan.h"
#include "contract/vm_contract.h"
#include "convert/convert_command.h"
#include "guest/cpio.h"
#include "guest/initrd.h"
#include "image/bootable_image.h"
#include "image/runtime_image.h"
#include "image/trimmed_runtime.h"
#include "run/kernel_file.h"
#include "session/exit_report.h"
#include "support/files.h"
#include "support/hash.h"
#include "support/interruption.h"
#include "support/json.h"
#include "support/output_file.h"
#include "support/scratch_directory.h"

namespace moka {
namespace {

namespace contract = mokapot::contract;
using Json = nlohmann::ordered_json;

constexpr std::size_t kLargestKernel = 64u << 20;
constexpr const char* kRuntimeLayer = "runtime";
constexpr const char* kArchiveLayer = "archive";
constexpr const char* kApplicationLayer = "application";
const Error kDamaged{"its manifest is damaged; build it again"};

struct Options {
  std::string image, kernel, jdk;
  bool reverts = false;
};

Result<Options> parse(const std::vector<std::string>& words) {
  Options options;
  for (std::size_t index = 0; index < words.size(); ++index) {
    std::string word = words[index];
    std::string* const value = word == "--kernel" || word.starts_with("--kernel=") ? &options.kernel
                               : word == "--jdk" || word.starts_with("--jdk=")     ? &options.jdk
                                                                                   : nullptr;
    if (value != nullptr) {
      const std::size_t equals = word.find('=');
      if (equals == std::string::npos && index + 1 == words.size())
        return Error{word + " needs a value (moka image --help)"};
      *value = equals == std::string::npos ? words[++index] : word.substr(equals + 1);
    } else if (word == "--revert") {
      options.reverts = true;
    } else if (word.starts_with('-') || !options.image.empty()) {
      return Error{"image rebase does not know " + word + " (moka image --help)"};
    } else {
      options.image = absolute_path(word);
    }
  }
  if (options.image.empty()) return Error{"say which image: moka image rebase IMAGE"};
  if (options.reverts && (!options.jdk.empty() || !options.kernel.empty()))
    return Error{"--revert takes back what there was; it takes no --jdk and no --kernel"};
  return options;
}

// Reads what the image says of itself, changes what lies below the application, and writes it down
// again.
class Rebase {
 public:
  Rebase(const Options& options, const ImageCache& cache, ImageParts& parts)
      : options_(options), cache_(cache), parts_(parts) {}

  // What the user ought to know, or "".
  Result<std::string> run() {
    manifest_ = parse_json(parts_.manifest);
    if (!manifest_.is_object()) return kDamaged;
    MOKA_TRY(read_configuration());
    const std::string kernel = MOKA_TRY(find_kernel(options_.kernel));
    parts_.kernel = MOKA_TRY(read_file(kernel, kLargestKernel));
    Materials base;
    base.kernel_digest = Hash().add(parts_.kernel).text();
    if (!options_.jdk.empty()) MOKA_TRY(change_jdk(base));
    MOKA_TRY(write_configuration());
    BillOfMaterials bill{std::move(parts_.sbom), std::move(parts_.licenses)};
    set_base(bill, base);
    parts_.sbom = std::move(bill.sbom);
    parts_.licenses = std::move(bill.licenses);
    return note_;
  }

 private:
  Result<void> read_configuration() {
    const std::vector<CpioMember> members = MOKA_TRY(read_cpio(parts_.initrd));
    const std::string* const records = find_member(members, contract::kConfigFile);
    if (records == nullptr) return Error{"its configuration is missing; build it again"};
    config_ = MOKA_TRY(decode_config(*records));
    config_.version = contract::kVersion;
    // A machine's, which an image does not know.
    config_.standard_input = contract::kStreamNull;
    config_.standard_output = contract::kStreamPipe;
    config_.standard_error = contract::kStreamPipe;
    return {};
  }

  Result<void> change_jdk(Materials& base) {
    const auto java = manifest_.find("java");
    if (java == manifest_.end() || !java->is_object() || config_.arguments.empty())
      return Error{"it holds a Linux program and no JDK; rebase it without --jdk"};
    const Jdk jdk = MOKA_TRY(find_jdk(options_.jdk, ""));
    const std::string before = java->value("version", "");
    if (jdk.feature_release < feature_release_of(before))
      return Error{"it was built for Java " + before + " and the JDK in " + jdk.home + " is Java " +
                   jdk.version + ", which may be too old for its classes; give a newer JDK, or " +
                   "build it again with this one"};
    base.jdk = jdk;
    forget_training();
    MOKA_TRY(change_runtime(jdk, *java, base));
    (*java)["version"] = jdk.version;
    (*java)["home"] = jdk.home;
    config_.program = jdk.launcher();
    config_.arguments.front() = jdk.launcher();
    return {};
  }

  // An archive of the application's classes fits the JVM that made it, and no other.
  void forget_training() {
    if (config_.archive.empty()) return;
    std::erase_if(config_.arguments, [this](const std::string& word) {
      return word.starts_with("-XX:") && word.ends_with("=" + config_.archive);
    });
    config_.archive.clear();
    manifest_.erase("training");
    was_trained_ = true;
    note_ = "its training was for the JDK of before and is gone: build it again to train it";
  }

  // The new runtime holds what the old one held: the same modules, or the whole JDK.
  Result<void> change_runtime(const Jdk& jdk, Json& java, Materials& base) {
    if (const auto modules = java.find("modules"); modules != java.end() && modules->is_array())
      for (const Json& module : *modules)
        if (module.is_string()) base.modules.push_back(module.get<std::string>());
    const bool can_trim = is_directory(jdk.home + "/jmods");
    if (!base.modules.empty() && !can_trim) {
      base.modules.clear();
      note_ += std::string(note_.empty() ? "" : "; ") + "the JDK in " + jdk.home +
               " has no jmods: the whole of it is in the image now";
    }
    if (base.modules.empty()) {
      java.erase("modules");
      const TreePlan whole = MOKA_TRY(plan_runtime(jdk));
      for (const auto& [path, entry] : whole.entries())
        if (entry.kind == TreeEntry::Kind::kFile) base.files.push_back(path);
      return change_layers([&] { return cache_.image_of(whole, kRuntimeLayer, FileTimes::kZero); },
                           nullptr);
    }
    MOKA_TRY(change_layers([&] { return trimmed_runtime_image(cache_, jdk, base.modules); },
                           [&] { return archive_image(cache_, jdk, base.modules); }));
    base.files = MOKA_TRY(trimmed_runtime_files(cache_, jdk, base.modules));
    return {};
  }

  using Maker = std::function<Result<std::string>()>;

  // Those of the runtime are made anew, the application stays, and what was made by running the
  // old JVM goes.
  Result<void> change_layers(const Maker& make_runtime, const Maker& make_archive) {
    std::vector<PartitionContent> layers;
    Json listed = Json::array();
    for (std::size_t index = 0; index < parts_.layers.size(); ++index) {
      const Json& stated = manifest_["layers"][index];
      const std::string name = stated.value("name", "");
      const Maker* const make = name == kRuntimeLayer                              ? &make_runtime
                                : name == kArchiveLayer && make_archive != nullptr ? &make_archive
                                                                                   : nullptr;
      if (make != nullptr) {
        add_layer(MOKA_TRY(layer_of(cache_, name.c_str(), *make)), layers, listed);
      } else if (name == kApplicationLayer) {
        layers.push_back(parts_.layers[index]);
        listed.push_back(stated);
      } else if (name != kArchiveLayer || !was_trained_) {
        note_ += (note_.empty() ? "" : "; ") + ("the layer " + name) +
                 " was made by the JDK of before and is gone: build the image again to have one";
      }
    }
    parts_.layers = std::move(layers);
    manifest_["layers"] = std::move(listed);
    return {};
  }

  static void add_layer(const LayerFile& layer, std::vector<PartitionContent>& layers,
                        Json& listed) {
    ImagePlan plan;
    plan.layers.push_back(layer);
    layers.push_back(layer_partitions(plan).front());
    listed.push_back({{"name", layer.name},
                      {"partition", layer.partition.text()},
                      {"bytes", layer.size},
                      {"sha256", layer.sha256}});
  }

  Result<void> write_configuration() {
    config_.layers.clear();
    for (const PartitionContent& layer : parts_.layers)
      config_.layers.push_back(contract::kPartitionPrefix + layer.partition.guid.text());
    const std::string records = MOKA_TRY(encode_config(config_));
    parts_.initrd = cpio_archive({{contract::kConfigFile, records}});
    manifest_["mokapotImage"] = kManifestVersion;
    manifest_["contract"] = contract::kVersion;
    manifest_["program"] = config_.program;
    manifest_["arguments"] = config_.arguments;
    manifest_["kernel"]["bytes"] = parts_.kernel.size();
    parts_.manifest = json_text(manifest_, 2) + "\n";
    return {};
  }

  const Options& options_;
  const ImageCache& cache_;
  ImageParts& parts_;
  Json manifest_;
  GuestConfig config_;
  std::string note_;
  bool was_trained_ = false;
};

ImageFormat format_of(const BootableImage& image) {
  if (image.is_pair) return ImageFormat::kPair;
  return image.format == DiskFormat::kQcow2 ? ImageFormat::kQcow2 : ImageFormat::kRaw;
}

Result<void> rebase(const Options& options) {
  const ImageCache cache = MOKA_TRY(ImageCache::open());
  const ScratchDirectory scratch =
      MOKA_TRY(ScratchDirectory::create(cache.directory(), ImageCache::kTemporaryPrefix));
  const BootableImage image = MOKA_TRY(open_bootable_image(options.image));
  if (image.contract > contract::kVersion) return check_contract(image, options.image);
  ImageParts parts = MOKA_TRY(read_image_parts(options.image, scratch.path()));
  const Result<std::string> note = Rebase(options, cache, parts).run();
  if (!note) return Error{options.image + " cannot be rebased: " + note.error().message};
  MOKA_TRY(put_image(options.image, format_of(image), parts, cache, scratch.path(), Replaced::kKept));
  if (!note.value().empty()) std::fprintf(stderr, "moka: %s\n", note.value().c_str());
  return {};
}

// A second time brings back what the first took.
Result<void> revert(const Options& options) {
  const std::string previous = options.image + ".previous";
  const Result<BootableImage> image = open_bootable_image(previous);
  if (!image) return Error{"there is nothing to go back to: " + image.error().message};
  if (!exchange_names(previous, options.image))
    return Error{"cannot exchange " + options.image + " and " + previous + ": " +
                 error_text(errno)};
  if (image.value().is_pair) return {};
  return write_file_atomically(options.image + ".cdx.json", image.value().sbom, 0644);
}

}  // namespace

int rebase_command_line(const std::vector<std::string>& words) {
  take_interruptions();
  const Result<Options> options = parse(words);
  const Result<void> done = !options                  ? Result<void>(options.error())
                            : options.value().reverts ? revert(options.value())
                                                      : rebase(options.value());
  if (done) return 0;
  std::fprintf(stderr, "moka: %s\n", done.error().message.c_str());
  die_if_interrupted();
  return kStatusBadInput;
}

}  // namespace moka
