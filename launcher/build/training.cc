// SPDX-License-Identifier: Apache-2.0
#include "build/training.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>

#include "build/training_vm.h"
#include "contract/vm_contract.h"
#include "disk/boot_loader.h"
#include "image/bootable_image.h"
#include "qemu/accelerator_probe.h"
#include "support/files.h"
#include "support/hash.h"
#include "support/interruption.h"
#include "support/scratch_directory.h"

namespace moka {
namespace {

namespace contract = mokapot::contract;

constexpr std::size_t kLargestArchive = std::size_t{2} << 30;
constexpr unsigned kReadySeconds = 30;
// An emulated processor is some ten times slower, and a build machine has other work.
constexpr unsigned kReadySecondsEmulated = 120;
constexpr const char* kConfigurationFile = "configuration";

std::string guest_file(const char* name) { return std::string(kTrainingFolder) + "/" + name; }

std::string way_of(const TrainingWish& wish) {
  switch (wish.kind) {
    case TrainingWish::Kind::kArguments:
      return "arguments";
    case TrainingWish::Kind::kUrls:
      return "urls";
    case TrainingWish::Kind::kNone:
    case TrainingWish::Kind::kStart:
    case TrainingWish::Kind::kGiven:
      break;
  }
  return "start";
}

// What the virtual processor can do: QEMU's own, or the host's.
std::string processor_of(Accelerator accelerator) {
  if (accelerator == Accelerator::kTcg) return "emulated";
  constexpr std::size_t kLargestProcFile = 16u << 20;
  const auto text = read_file("/proc/cpuinfo", kLargestProcFile);
  if (!text) return "host";
  for (const std::string& line : split(text.value(), '\n'))
    if (line.starts_with("flags")) return "host-" + Hash().add(line).text();
  return "host";
}

Result<AcceleratorChoice> accelerator(const ImageCache& cache) {
  const char* wish = std::getenv("MOKA_ACCELERATOR");
  return choose_accelerator(cache.directory(), wish != nullptr ? wish : "");
}

// Changes with everything that the archive may depend on.
std::string record_of(const TrainingSubject& subject, const TrainingWish& wish,
                      const ImageCache& cache) {
  constexpr std::uint64_t kRecipe = 2;  // changes with what is done here
  Hash hash;
  hash.add(kRecipe).add(way_of(wish)).add(subject.key.java).add(subject.key.runtime);
  hash.add(subject.key.application).add(subject.key.processor);
  hash.add(subject.memory_mib.value_or(0)).add(subject.plan.kernel);
  for (const std::string& word : subject.config.arguments) hash.add(word);
  for (const std::string& variable : subject.config.environment) hash.add(variable);
  for (const std::string& word : wish.arguments) hash.add(word);
  for (const TrainingWish::Url& url : wish.urls) hash.add(std::uint64_t{url.port}).add(url.target);
  return cache.directory() + "/trained-" + hash.text();
}

// What `moka run` asks of a manifest.
std::string scratch_manifest() {
  return "{\"mokapotImage\":" + std::to_string(kManifestVersion) +
         ",\"contract\":" + std::to_string(contract::kVersion) + ",\"java\":{}}";
}

// A disk for `moka run`, which needs no boot loader.
Result<void> write_training_disk(const TrainingSubject& subject, const std::string& path) {
  GuestConfig config = subject.config;
  config.layers.clear();
  for (const LayerFile& layer : subject.plan.layers)
    config.layers.push_back(contract::kPartitionPrefix + layer.partition.text());
  const std::string initrd =
      cpio_archive({{contract::kConfigFile, MOKA_TRY(encode_config(config))}});
  std::vector<PartitionContent> contents(1);
  contents[0].bytes = cpio_archive({{kManifestMember, scratch_manifest()},
                                    {kKernelMember, subject.plan.kernel},
                                    {kInitrdMember, initrd}});
  contents[0].partition = {"mokapot-boot", kLinuxDataType,
                           Guid::from_digest(Hash().add(initrd).text()), contents[0].bytes.size(),
                           0};
  for (PartitionContent& layer : layer_partitions(subject.plan)) contents.push_back(layer);
  const UniqueFd file = MOKA_TRY(create_file(path, 0600));
  return write_disk(file.get(), path, contents, Guid::from_digest(Hash().add(path).text()), "");
}

class Trainer {
 public:
  Trainer(TrainingSubject& subject, const TrainingWish& wish, std::string scratch,
          unsigned ready_seconds)
      : subject_(subject), wish_(wish), scratch_(std::move(scratch)) {
    run_.disk = scratch_ + "/disk";
    run_.folder = scratch_ + "/files";
    run_.state = scratch_ + "/state";
    run_.ready_seconds = ready_seconds;
    if (subject.memory_mib) run_.options = {"-m", std::to_string(*subject.memory_mib)};
  }

  Result<std::string> archive() {
    for (const std::string& folder : {run_.folder, run_.state})
      if (::mkdir(folder.c_str(), 0700) != 0)
        return Error{"cannot make " + folder + ": " + error_text(errno)};
    const std::vector<std::string> arguments = subject_.config.arguments;
    std::vector<std::string> trained = arguments;
    if (wish_.kind == TrainingWish::Kind::kArguments) {
      trained.resize(trained.size() - subject_.user_words);
      trained.insert(trained.end(), wish_.arguments.begin(), wish_.arguments.end());
    }
    run_.urls = wish_.urls;
    if (subject_.kind == ArchiveKind::kDynamic) {
      MOKA_TRY(run(trained, {"-XX:ArchiveClassesAtExit=" + guest_file(kApplicationArchive)}));
    } else {
      // A JVM makes the cache in a second process, which a VM does not have: so in a second VM.
      const std::string configuration = "-XX:AOTConfiguration=" + guest_file(kConfigurationFile);
      MOKA_TRY(run(trained, {"-XX:AOTMode=record", configuration}));
      if (!is_regular_file(run_.folder + "/" + kConfigurationFile))
        return Error{"the JVM recorded nothing"};
      run_.urls.clear();
      run_.ends_by_itself = true;
      MOKA_TRY(run(arguments, {"-XX:AOTMode=create", configuration,
                               "-XX:AOTCache=" + guest_file(kApplicationArchive)}));
    }
    const std::string file = run_.folder + "/" + kApplicationArchive;
    if (!is_regular_file(file)) return Error{"the JVM ended without writing the archive"};
    Result<std::string> content = read_file(file, kLargestArchive);
    if (content && content.value().empty()) return Error{"the JVM wrote an empty archive"};
    return content;
  }

 private:
  Result<void> run(std::vector<std::string> arguments, const std::vector<std::string>& options) {
    arguments.insert(arguments.begin() + 1, options.begin(), options.end());
    subject_.config.arguments = std::move(arguments);
    std::remove(run_.disk.c_str());
    MOKA_TRY(write_training_disk(subject_, run_.disk));
    return run_for_training(run_);
  }

  TrainingSubject& subject_;
  const TrainingWish& wish_;
  const std::string scratch_;
  TrainingRun run_;
};

}  // namespace

Result<TrainedArchive> train(TrainingSubject subject, const TrainingWish& wish,
                             const ImageCache& cache) {
  const Accelerator chosen = MOKA_TRY(accelerator(cache)).accelerator;
  subject.key.processor = processor_of(chosen);
  const std::string record = record_of(subject, wish, cache);
  if (const auto known = read_file(record, kLargestArchive))
    if (auto archive = decode_archive(known.value())) return archive;
  TrainedArchive archive{subject.key, way_of(wish), {}};
  if (subject.make_base) {
    archive.files.push_back({kBaseArchive, MOKA_TRY(subject.make_base())});
    LayerFile layer = MOKA_TRY(archive_layer(cache, archive, subject.jdk));
    subject.plan.layers.insert(subject.plan.layers.begin() + 1, std::move(layer));
  }
  const ScratchDirectory scratch =
      MOKA_TRY(ScratchDirectory::create(cache.directory(), ImageCache::kTemporaryPrefix));
  const bool is_emulated = chosen == Accelerator::kTcg;
  const unsigned limit = wish.limit_seconds != 0 ? wish.limit_seconds
                         : is_emulated           ? kReadySecondsEmulated
                                                 : kReadySeconds;
  Trainer trainer(subject, wish, scratch.path(), limit);
  archive.files.push_back({kApplicationArchive, MOKA_TRY(trainer.archive())});
  // Where it cannot be kept it is made again.
  (void)write_file_atomically(record, encode_archive(archive), 0600);
  return archive;
}

Result<TrainedArchive> given_archive(const TrainingSubject& subject, const TrainingWish& wish) {
  const auto refuse = [&wish](const std::string& reason) {
    return Error{"--archive " + wish.given + ": " + reason +
                 "; train again with --archive-out in its place"};
  };
  const Result<std::string> bytes = read_file(wish.given, kLargestArchive);
  if (!bytes) return Error{"--archive " + wish.given + " cannot be read: " + bytes.error().message};
  Result<TrainedArchive> archive = decode_archive(bytes.value());
  if (!archive) return refuse(archive.error().message);
  const std::string reason = reason_against(archive.value().key, subject.key);
  if (!reason.empty()) return refuse(reason);
  const bool has_base = find_member(archive.value().files, kBaseArchive) != nullptr;
  if (has_base != static_cast<bool>(subject.make_base)) return refuse("it is damaged");
  return archive;
}

}  // namespace moka
