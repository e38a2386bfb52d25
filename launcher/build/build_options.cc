// SPDX-License-Identifier: Apache-2.0
#include "build/build_options.h"

#include <optional>
#include <utility>

#include "support/files.h"

namespace moka {

const char* const kBuildUsage =
    "usage: moka build [OPTION]... APP.jar -o IMAGE [-- ARGS...]\n"
    "       moka build [OPTION]... -cp PATH MAINCLASS -o IMAGE [-- ARGS...]\n"
    "       moka build [OPTION]... ./PROGRAM -o IMAGE [-- ARGS...]\n"
    "\n"
    "  -o IMAGE           where the image goes: NAME.qcow2, NAME.img, NAME.tar.gz (for Google\n"
    "                     Compute Engine), or a folder for kernel, initrd and disk\n"
    "  --format FORMAT    raw, qcow2, gce or pair (the folder), whatever the name says\n"
    "  --runtime KIND     auto: of the JDK what the application needs, where that is known for\n"
    "                     sure; trimmed; whole\n"
    "  --train WORDS      how the application is run once, for an archive of its classes that "
    "lets\n"
    "                     it start sooner: with these arguments; or URLs to ask for, as in\n"
    "                     \"http://localhost:8080/ http://localhost:8080/list\". Without it the\n"
    "                     application is started until it listens, or ends\n"
    "  --train-limit N    seconds after which it counts as started, whatever it does\n"
    "  --no-train         no archive: slower to start, and the image is the same to the byte each\n"
    "                     time that it is built\n"
    "  --archive FILE     no training, but this archive: the image is the same to the byte again\n"
    "  --archive-out FILE where the archive goes, too\n"
    "  -m SIZE            the memory that the VM is going to have; without it the heap's limit\n"
    "                     follows the memory that is found at each start\n"
    "  --jdk DIR, -J JVMOPTION, -e NAME=VALUE, --env-file F, --dir FOLDER, -p PORT, -v\n"
    "                     as with moka run; -e and --env-file end up in the image, which\n"
    "                     everybody who gets it can read\n"
    "\n"
    "The image boots by BIOS and by UEFI from virtio-blk and virtio-scsi. It asks DHCP for its\n"
    "address, and its output is on the first serial port.\n";

namespace {

Result<RuntimeChoice> parse_runtime(const std::string& word) {
  if (word == "auto") return RuntimeChoice::kAuto;
  if (word == "trimmed") return RuntimeChoice::kTrimmed;
  if (word == "whole") return RuntimeChoice::kWhole;
  return Error{"--runtime knows auto, trimmed and whole"};
}

Result<void> refuse_options_of_run(const RunOptions& options) {
  const auto refused = [](const char* option) {
    return Error{std::string(option) +
                 " is for moka run: it says something of the machine, which an image does not "
                 "know; give it to moka run IMAGE"};
  };
  if (!options.mounts.empty()) return refused("--mount");
  if (!options.status_file.empty()) return refused("--status-file");
  if (options.waits_for_gdb) return refused("--gdb");
  if (options.forgoes_direct_calls) return refused("--no-direct-calls");
  if (!options.monitor_socket.empty()) return refused("--qmp");
  if (options.machine != RunOptions::kDefaultMachine) return refused("--machine");
  if (options.cpus) return refused("-c");
  const NetworkOptions& network = options.network;
  if (network.kind != NetworkOptions::Kind::kUser) return refused("--net");
  if (!network.capture.empty()) return refused("--pcap");
  if (network.mtu) return refused("--mtu");
  if (!network.publishes) return refused("--no-publish");
  if (!network.addresses.empty() || !network.gateways.empty()) return refused("--ip");
  return {};
}

// Words of `moka build` itself, taken out of those that `moka run` knows.
class Splitter {
 public:
  explicit Splitter(const std::vector<std::string>& words) : words_(words) {}

  Result<void> run() {
    bool has_target = false;
    for (; at_ < words_.size(); ++at_) {
      const std::string& word = words_[at_];
      if (word == "--" && has_target) {
        rest.insert(rest.end(), words_.begin() + static_cast<std::ptrdiff_t>(at_) + 1,
                    words_.end());
        return {};
      }
      if (std::optional<std::string>* const field = field_of(word)) {
        *field = MOKA_TRY(value_of(word));
        continue;
      }
      if (word == "--no-train") {
        is_untrained = true;
        continue;
      }
      rest.push_back(word);
      if (has_target) continue;
      if (word.size() < 2 || (word.front() != '-' && word.front() != '@')) {
        has_target = true;
      } else if (run_option_takes_value(word) && at_ + 1 < words_.size()) {
        rest.push_back(words_[++at_]);
      }
    }
    return {};
  }

  std::optional<std::string> output, format, runtime;
  std::optional<std::string> training, training_limit, archive, archive_output;
  bool is_untrained = false;
  std::vector<std::string> rest;

 private:
  std::optional<std::string>* field_of(const std::string& word) {
    const std::string name = word.starts_with("--") ? word.substr(0, word.find('=')) : word;
    if (name == "-o") return &output;
    if (name == "--format") return &format;
    if (name == "--runtime") return &runtime;
    if (name == "--train") return &training;
    if (name == "--train-limit") return &training_limit;
    if (name == "--archive") return &archive;
    if (name == "--archive-out") return &archive_output;
    return nullptr;
  }

  Result<std::string> value_of(const std::string& word) {
    const std::size_t equals = word.find('=');
    if (word.starts_with("--") && equals != std::string::npos) return word.substr(equals + 1);
    if (at_ + 1 == words_.size()) return Error{word + " needs a value (moka build --help)"};
    return words_[++at_];
  }

  const std::vector<std::string>& words_;
  std::size_t at_ = 0;
};

Result<TrainingWish> choose_training(const Splitter& words) {
  const auto contradiction = [](const char* one, const char* other) {
    return Error{std::string(one) + " and " + other + " contradict each other; give one of them"};
  };
  if (words.is_untrained && words.training) return contradiction("--train", "--no-train");
  if (words.is_untrained && words.archive) return contradiction("--archive", "--no-train");
  if (words.is_untrained && words.archive_output)
    return contradiction("--archive-out", "--no-train");
  if (words.archive && words.training) return contradiction("--archive", "--train");
  if (words.archive && words.archive_output) return contradiction("--archive", "--archive-out");
  TrainingWish wish;
  if (words.training) wish = MOKA_TRY(parse_training(*words.training));
  if (words.is_untrained) wish.kind = TrainingWish::Kind::kNone;
  if (words.archive) {
    wish.kind = TrainingWish::Kind::kGiven;
    wish.given = absolute_path(*words.archive);
    if (!is_regular_file(wish.given))
      return Error{"--archive " + *words.archive +
                   ": no such file; moka build --archive-out makes one"};
  }
  if (words.archive_output) wish.output = absolute_path(*words.archive_output);
  if (words.training_limit)
    wish.limit_seconds = MOKA_TRY(parse_training_limit(*words.training_limit));
  return wish;
}

}  // namespace

Result<BuildOptions> parse_build_options(const std::vector<std::string>& words) {
  Splitter splitter(words);
  MOKA_TRY(splitter.run());
  BuildOptions options;
  options.run = MOKA_TRY(parse_run_options(splitter.rest));
  MOKA_TRY(refuse_options_of_run(options.run));
  if (splitter.output.value_or("").empty())
    return Error{"say where the image goes: moka build APP.jar -o APP.qcow2"};
  options.format = MOKA_TRY(choose_format(splitter.format.value_or(""), *splitter.output));
  options.output = absolute_path(*splitter.output);
  options.runtime = MOKA_TRY(parse_runtime(splitter.runtime.value_or("auto")));
  options.training = MOKA_TRY(choose_training(splitter));
  return options;
}

}  // namespace moka
