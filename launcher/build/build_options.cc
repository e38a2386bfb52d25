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
    "  -o IMAGE           where the image goes: NAME.qcow2, NAME.img, or a folder for kernel,\n"
    "                     initrd and disk\n"
    "  --format FORMAT    raw, qcow2 or pair (the folder), whatever the name says\n"
    "  --runtime KIND     auto: of the JDK what the application needs, where that is known for\n"
    "                     sure; trimmed; whole\n"
    "  --no-train         no class-data archive for a trimmed runtime: slower to start, and the\n"
    "                     image is the same to the byte each time that it is built\n"
    "  -m SIZE            the memory that the VM is going to have; without it the heap's limit\n"
    "                     follows the memory that is found at each start\n"
    "  --jdk DIR, -J JVMOPTION, -e NAME=VALUE, --env-file F, --dir FOLDER, -p PORT, -v\n"
    "                     as with moka run; -e and --env-file end up in the image, which\n"
    "                     everybody who gets it can read\n"
    "\n"
    "The image boots by BIOS and by UEFI from virtio-blk. It asks DHCP for its address, and its\n"
    "output is on the first serial port.\n";

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
  if (options.direct_calls) return refused("--direct-calls");
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
        trains = false;
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
  bool trains = true;
  std::vector<std::string> rest;

 private:
  std::optional<std::string>* field_of(const std::string& word) {
    const std::string name = word.starts_with("--") ? word.substr(0, word.find('=')) : word;
    if (name == "-o") return &output;
    if (name == "--format") return &format;
    if (name == "--runtime") return &runtime;
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

}  // namespace

Result<ImageFormat> choose_format(const std::string& wish, const std::string& output) {
  const bool is_by_name = wish.empty();
  const auto is = [&](const char* format, std::initializer_list<std::string_view> endings) {
    if (!is_by_name) return wish == format;
    for (const std::string_view ending : endings)
      if (output.ends_with(ending)) return true;
    return false;
  };
  if (is("qcow2", {".qcow2"})) return ImageFormat::kQcow2;
  if (is("raw", {".img", ".raw"})) return ImageFormat::kRaw;
  if (is("gce", {".tar.gz"})) return ImageFormat::kGce;
  if (is("vmdk", {".vmdk"}))
    return Error{
        "vmdk images cannot be made: their hypervisors offer AHCI disks and e1000e or vmxnet3 "
        "networks, and Mokapot has drivers for virtio only; build a .qcow2 or .img"};
  if (is("pair", {"/"}) || (is_by_name && is_directory(output))) return ImageFormat::kPair;
  const std::string name = base_name(absolute_path(output));
  if (is_by_name && name.find('.') == std::string::npos) return ImageFormat::kPair;
  if (!is_by_name) return Error{"--format knows raw, qcow2, gce and pair, not " + wish};
  return Error{"the name " + output +
               " says no format; give it .qcow2 or .img, or add --format raw, qcow2 or pair"};
}

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
  options.trains = splitter.trains;
  if (options.format == ImageFormat::kGce)
    return Error{
        "images for Google Compute Engine cannot be made yet: disks there are virtio-scsi, for "
        "which the kernel has no driver; build a .qcow2 or .img for clouds with virtio-blk"};
  return options;
}

}  // namespace moka
