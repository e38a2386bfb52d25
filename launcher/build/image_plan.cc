// SPDX-License-Identifier: Apache-2.0
#include "build/image_plan.h"

#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <system_error>

#include "build/bill_of_materials.h"
#include "build/trained_archive.h"
#include "build/training.h"
#include "contract/vm_contract.h"
#include "disk/boot_loader.h"
#include "guest/cpio.h"
#include "guest/environment.h"
#include "guest/initrd.h"
#include "guest/memory_plan.h"
#include "image/bootable_image.h"
#include "image/kept_result.h"
#include "image/relocation.h"
#include "image/runtime_image.h"
#include "image/trimmed_runtime.h"
#include "jdk/module_choice.h"
#include "run/kernel_file.h"
#include "run/opened_libraries.h"
#include "run/target.h"
#include "support/digest.h"
#include "support/files.h"
#include "support/hash.h"
#include "support/interruption.h"
#include "support/json.h"

namespace moka {
namespace {

namespace contract = mokapot::contract;

constexpr std::size_t kLargestKernel = 64u << 20;

// Of the host nothing is passed on: the image will run elsewhere. Java's charset follows LANG.
std::vector<std::string> image_environment(const BuildOptions& options,
                                           const std::string& working_directory) {
  return guest_environment({"LANG=C.UTF-8"}, false, working_directory, options.run.environment);
}

// The heap's limit for memory that is known; where it is not, the kernel chooses at each start.
MemoryPlan memory_plan(const RunOptions& options) {
  return {options.memory_mib.value_or(0), false, 0};
}

// The command line with the paths that things have in the image. Behind the options, of which the
// last `user_words` words are the program's arguments.
std::vector<std::string> relocate_arguments(const Target& target, std::size_t user_words,
                                            const Relocation& relocation) {
  std::vector<std::string> words = target.arguments;
  const std::size_t end = words.size() - user_words;
  if (!target.jdk) {
    words.front() = relocation.path(words.front());
    return words;
  }
  for (std::size_t index = 1; index < end; ++index) {
    const std::string& before = words[index - 1];
    if (before == "-jar") {
      words[index] = relocation.path(words[index]);
    } else if (before == "-cp") {
      words[index] = relocation.path_list(words[index]);
    } else {
      words[index] = relocation.option(words[index]);
    }
  }
  return words;
}

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ",") + word;
  return text;
}

// To ask jdeps takes seconds: the answer is kept for as long as the application is the same. One
// line: the modules, or "!" and why the whole JDK is needed.
Result<ModuleChoice> modules_of(const Target& target, const TreePlan& application, ModuleRule rule,
                                const ImageCache& cache) {
  constexpr std::size_t kLongestAnswer = 1u << 16;
  Hash hash;
  hash.add(target.jdk->home).add(target.jdk->version).add(static_cast<std::uint64_t>(rule));
  for (const std::string& option : target.jvm_options) hash.add(option);
  application.hash_into(hash);
  const std::string record = cache.directory() + "/modules-" + hash.text();
  if (const auto known = read_file(record, kLongestAnswer); known && !known.value().empty()) {
    const std::string& text = known.value();
    return text.front() == '!' ? ModuleChoice{{}, text.substr(1)}
                               : ModuleChoice{split(text, ','), ""};
  }
  std::vector<std::string> class_path = target.files.trees;
  for (const std::string& file : target.files.files)
    if (file.ends_with(".jar")) class_path.push_back(file);
  const Memory remember = [&cache](const std::string& key, const auto& make) {
    return kept_result(cache, key, make);
  };
  ModuleChoice choice =
      MOKA_TRY(choose_modules(*target.jdk, class_path, target.jvm_options, rule, remember));
  const bool is_whole = choice.modules.empty();
  (void)write_file_atomically(record, is_whole ? "!" + choice.reason : join(choice.modules), 0600);
  return choice;
}

// The runtime's image; `choice` says what is in it.
Result<std::string> runtime_of(const BuildOptions& options, const Target& target,
                               const TreePlan& application, const ImageCache& cache,
                               ModuleChoice& choice) {
  if (target.jdk && options.runtime != RuntimeChoice::kWhole) {
    const bool is_auto = options.runtime == RuntimeChoice::kAuto;
    const ModuleRule rule = is_auto ? ModuleRule::kCautious : ModuleRule::kAsReferenced;
    choice = MOKA_TRY(modules_of(target, application, rule, cache));
    if (!choice.modules.empty()) return trimmed_runtime_image(cache, *target.jdk, choice.modules);
  }
  const TreePlan runtime = MOKA_TRY(plan_runtime(target.jdk));
  return cache.image_of(runtime, "runtime", FileTimes::kZero, Compression::kLz4);
}

std::string manifest_of(const ImagePlan& plan, const GuestConfig& config, const Target& target,
                        const ModuleChoice& choice, const BuildOptions& options,
                        const std::optional<TrainedArchive>& archive) {
  nlohmann::ordered_json manifest;
  manifest["mokapotImage"] = kManifestVersion;
  manifest["contract"] = contract::kVersion;
  manifest["program"] = config.program;
  manifest["arguments"] = config.arguments;
  manifest["workingDirectory"] = config.working_directory;
  if (target.jdk) {
    manifest["java"]["version"] = target.jdk->version;
    manifest["java"]["home"] = target.jdk->home;
    if (!choice.modules.empty()) manifest["java"]["modules"] = choice.modules;
  }
  if (options.run.memory_mib) manifest["memoryMiB"] = *options.run.memory_mib;
  manifest["kernel"]["bytes"] = plan.kernel.size();
  manifest["kernel"]["options"] = plan.kernel_options;
  if (archive) manifest["training"] = parse_json(archive_summary(*archive));
  for (const LayerFile& layer : plan.layers)
    manifest["layers"].push_back({{"name", layer.name},
                                  {"partition", layer.partition.text()},
                                  {"bytes", layer.size},
                                  {"sha256", layer.sha256}});
  return json_text(manifest, 2) + "\n";
}

// Which packages of the host's are in the image takes a while to find out, and a jar's digest, too:
// kept for as long as everything is the same.
Result<BillOfMaterials> bill_of(const Materials& materials, const ImageCache& cache) {
  constexpr std::size_t kLongest = 64u << 20;
  constexpr std::uint64_t kRecipe = 4;  // changes with how the documents are made
  Hash hash;
  hash.add(kRecipe)
      .add(materials.name)
      .add(materials.boot_loader_version)
      .add(materials.kernel_digest);
  if (materials.jdk) hash.add(materials.jdk->home);
  for (const std::string& module : materials.modules) hash.add(module);
  for (const std::string& file : materials.files) hash.add(file);
  materials.application->hash_into(hash);
  const std::string record = cache.directory() + "/materials-" + hash.text();
  if (const auto known = read_file(record, kLongest))
    if (const auto members = read_cpio(known.value()); members && members.value().size() == 2)
      return BillOfMaterials{members.value()[0].content, members.value()[1].content};
  BillOfMaterials bill = bill_of_materials(materials);
  (void)write_file_atomically(
      record, cpio_archive({{"sbom", bill.sbom}, {"licenses", bill.licenses}}), 0600);
  return bill;
}

Result<void> add_bill(ImagePlan& plan, const BuildOptions& options, const Target& target,
                      const TreePlan& application, const std::vector<std::string>& modules,
                      const ImageCache& cache) {
  Materials materials;
  if (!modules.empty())
    materials.files = MOKA_TRY(trimmed_runtime_files(cache, *target.jdk, modules));
  if (materials.files.empty()) {
    const TreePlan runtime = MOKA_TRY(plan_runtime(target.jdk));
    for (const auto& [path, entry] : runtime.entries())
      if (entry.kind == TreeEntry::Kind::kFile) materials.files.push_back(path);
  }
  materials.name = base_name(absolute_path(options.run.name));
  materials.application = &application;
  materials.jdk = target.jdk;
  materials.modules = modules;
  if (options.format != ImageFormat::kPair) materials.boot_loader_version = boot_loader_version();
  materials.kernel_digest = Hash().add(plan.kernel).text();
  BillOfMaterials bill = MOKA_TRY(bill_of(materials, cache));
  plan.sbom = std::move(bill.sbom);
  plan.licenses = std::move(bill.licenses);
  return {};
}

// As java reads it: a jar's own class path stands in its place.
std::string class_path_of(const RunOptions& options) {
  if (options.is_jar || options.target == RunOptions::Target::kFile) return {};
  return options.class_path.value_or(value_in(options.environment, "CLASSPATH"));
}

// The archive that the image gets, if any; whoever asked for one that cannot be is told why.
Result<std::optional<TrainedArchive>> archive_of(TrainingSubject subject, const TrainingWish& wish,
                                                 const std::vector<std::string>& jvm_options,
                                                 const std::string& class_path,
                                                 const ImageCache& cache, ImagePlan& plan) {
  using Kind = TrainingWish::Kind;
  if (wish.kind == Kind::kNone) return std::optional<TrainedArchive>();
  std::string obstacle = option_against_training(jvm_options);
  if (!obstacle.empty()) obstacle += " is given, which has archives of its own";
  if (subject.kind == ArchiveKind::kNone)
    obstacle = "Java " + subject.jdk.version + " cannot archive classes of applications";
  if (!obstacle.empty()) {
    if (wish.is_asked_for || wish.kind == Kind::kGiven || !wish.output.empty())
      return Error{"there can be no training: " + obstacle + "; leave the option for it out"};
    return std::optional<TrainedArchive>();
  }
  if (wish.kind == Kind::kGiven)
    return std::optional<TrainedArchive>(MOKA_TRY(given_archive(subject, wish)));
  const std::string folder = folder_on_class_path(class_path);
  Result<TrainedArchive> archive =
      folder.empty() ? train(std::move(subject), wish, cache)
                     : Error{"Java archives classes of jars only, and the class path has the folder " +
                             folder + "; pack it as a jar"};
  if (archive) {
    if (!wish.output.empty()) plan.archive = encode_archive(archive.value());
    return std::optional<TrainedArchive>(std::move(archive).value());
  }
  if (is_interrupted()) return interrupted();
  plan.warning =
      "training failed, and the image will start more slowly: " + archive.error().message +
      " (--no-train leaves it out)";
  return std::optional<TrainedArchive>();
}

}  // namespace

Result<LayerFile> layer_of(const ImageCache& cache, const char* name,
                           const std::function<Result<std::string>()>& make) {
  LayerFile layer;
  layer.name = name;
  layer.path = MOKA_TRY(make());
  layer.sha256 = MOKA_TRY(ImageCache::digest_of(layer.path));
  if (layer.sha256 != ImageCache::recorded_digest(layer.path)) {
    const std::string file = base_name(layer.path);
    MOKA_TRY(cache.remove(file.substr(0, file.rfind('.'))));
    layer.path = MOKA_TRY(make());
    layer.sha256 = MOKA_TRY(ImageCache::digest_of(layer.path));
  }
  std::error_code error;
  layer.size = std::filesystem::file_size(layer.path, error);
  if (error) return Error{"cannot read " + layer.path + ": " + error.message()};
  layer.partition = Guid::from_digest(layer.sha256);
  return layer;
}

Result<LayerFile> archive_layer(const ImageCache& cache, const TrainedArchive& archive,
                                const Jdk& jdk) {
  const TreePlan tree = plan_archive(archive, jdk);
  // As it is: the JVM maps most of it at once, and it is there to save time.
  return layer_of(cache, "archive",
                  [&] { return cache.image_of(tree, "archive", FileTimes::kZero); });
}

Result<ImagePlan> plan_image(const BuildOptions& options, const ImageCache& cache) {
  ImagePlan plan;
  const std::string kernel = MOKA_TRY(find_kernel(options.run.kernel));
  plan.kernel = MOKA_TRY(read_file(kernel, kLargestKernel));
  if (options.run.is_verbose) plan.kernel_options = contract::kOptionVerbose;

  const std::string here = absolute_path(".");
  Target target = MOKA_TRY(resolve_target(options.run, memory_plan(options.run),
                                          image_environment(options, here), here));
  target.files.boundary = cache.directory();
  // It is the host's, and holds nothing of the application's unless --dir says so.
  target.files.working_directory.clear();
  TreePlan application = MOKA_TRY(plan_application(target.files));
  MOKA_TRY(add_libraries_opened_by_name(application, target, cache));
  const Relocation relocation(application, target.files);

  GuestConfig config;
  config.working_directory =
      options.run.folder.empty() ? kApplicationFolder : relocation.path(here);
  config.program = target.jdk ? target.program : relocation.path(target.program);
  config.arguments = relocate_arguments(target, options.run.arguments.size(), relocation);
  if (target.jdk && !options.run.memory_mib)
    config.arguments_by_memory = heap_options_by_memory(target.jvm_options);
  config.environment = image_environment(options, config.working_directory);
  for (std::string& variable : config.environment)
    for (const std::string_view name : {"CLASSPATH=", "LD_LIBRARY_PATH="})
      if (variable.starts_with(name))
        variable = std::string(name) + relocation.path_list(variable.substr(name.size()));
  config.standard_input = contract::kStreamNull;
  config.standard_output = contract::kStreamPipe;
  config.standard_error = contract::kStreamPipe;
  for (const PortMapping& mapping : options.run.network.mappings)
    if (mapping.protocol == Protocol::kTcp) config.exposed_ports.push_back(mapping.guest_port);

  ModuleChoice choice;
  plan.layers.push_back(MOKA_TRY(layer_of(
      cache, "runtime", [&] { return runtime_of(options, target, application, cache, choice); })));
  if (!choice.reason.empty()) plan.note = "the whole JDK is in the image: " + choice.reason;
  if (!choice.modules.empty()) plan.note = "modules in the image: " + join(choice.modules);
  plan.layers.push_back(MOKA_TRY(layer_of(cache, "application", [&] {
    return cache.image_of(relocation.apply(application), "application", FileTimes::kZero,
                          Compression::kLz4);
  })));
  std::optional<TrainedArchive> archive;
  if (target.jdk) {
    const ArchiveKind kind = archive_kind_of(*target.jdk);
    const std::size_t user_words = options.run.arguments.size();
    TrainingSubject subject{*target.jdk, kind, {}, plan, config, user_words, options.run.memory_mib,
                            nullptr};
    subject.key = {target.jdk->version,
                   plan.layers.front().sha256,
                   plan.layers.back().sha256,
                   {config.arguments.begin() + 1,
                    config.arguments.end() - static_cast<std::ptrdiff_t>(user_words)},
                   ""};
    // A cache of Java 24 replaces the JDK's archive, an older one rests on it.
    if (!choice.modules.empty() && kind == ArchiveKind::kDynamic)
      subject.make_base = [&] { return base_archive(cache, *target.jdk, choice.modules); };
    archive =
        MOKA_TRY(archive_of(std::move(subject), options.training, target.jvm_options,
                            class_path_of(options.run), cache, plan));
    if (archive) {
      config.arguments.insert(config.arguments.begin() + 1, archive_option(kind));
      config.archive = application_archive_path(kind);
      plan.layers.insert(plan.layers.begin() + 1,
                         MOKA_TRY(archive_layer(cache, *archive, *target.jdk)));
    }
  } else if (options.training.is_asked_for || options.training.kind == TrainingWish::Kind::kGiven ||
             !options.training.output.empty()) {
    return Error{"training is for Java, and " + options.run.name + " is a Linux program"};
  }
  // Without an application's archive at least the one that the whole JDK has, too.
  if (!archive && !choice.modules.empty() && options.training.kind != TrainingWish::Kind::kNone)
    plan.layers.insert(plan.layers.begin() + 1, MOKA_TRY(layer_of(cache, "archive", [&] {
                         return archive_image(cache, *target.jdk, choice.modules);
                       })));
  for (const LayerFile& layer : plan.layers)
    config.layers.push_back(contract::kPartitionPrefix + layer.partition.text());
  const std::string records = MOKA_TRY(encode_config(config));
  plan.initrd = cpio_archive({{contract::kConfigFile, records}});
  MOKA_TRY(add_bill(plan, options, target, application, choice.modules, cache));
  plan.manifest = manifest_of(plan, config, target, choice, options, archive);
  return plan;
}

std::vector<PartitionContent> layer_partitions(const ImagePlan& plan) {
  std::vector<PartitionContent> contents;
  for (const LayerFile& layer : plan.layers)
    contents.push_back({{"mokapot-" + layer.name, kLinuxDataType, layer.partition, layer.size, 0},
                        "",
                        layer.path});
  return contents;
}

}  // namespace moka
