// SPDX-License-Identifier: Apache-2.0
#include "cli/artifact_options.h"

#include <algorithm>
#include <optional>

#include "support/files.h"

namespace moka {
namespace {

// Options whose whole value is the name of a file that HotSpot writes.
constexpr std::string_view kFileOptions[] = {"-XX:HeapDumpPath=",
                                             "-XX:ErrorFile=",
                                             "-XX:ArchiveClassesAtExit=",
                                             "-XX:DumpLoadedClassList=",
                                             "-XX:LogFile=",
                                             "-XX:ReplayDataFile=",
                                             "-Xloggc:"};
constexpr std::string_view kRecording = "-XX:StartFlightRecording";
constexpr std::string_view kRecorder = "-XX:FlightRecorderOptions";

class Rewriter {
 public:
  explicit Rewriter(const ArtifactPlace& place) : place_(place) {}

  std::string option(const std::string& word) const {
    if (place_.keeps_relative) return word;
    for (const std::string_view name : kFileOptions)
      if (word.starts_with(name)) return std::string(name) + file(word.substr(name.size()));
    if (word.starts_with("-Xlog:")) return log(word);
    if (word.starts_with(kRecording)) return recording(word);
    return word;
  }

 private:
  // The name of a file: below the folder if it is relative, and never above it.
  std::string file(std::string_view name) const {
    if (name.empty() || name.front() == '/') return std::string(name);
    std::string below = absolute_path("/" + std::string(name));
    for (std::size_t at = below.find("%p"); at != std::string::npos; at = below.find("%p", at))
      below.replace(at, 2, place_.process);
    return place_.folder + below;
  }

  // -Xlog:WHAT[:OUTPUT[:DECORATORS[:OPTIONS]]]
  std::string log(const std::string& word) const {
    constexpr std::string_view kName = "-Xlog:";
    constexpr std::string_view kFile = "file=";
    std::vector<std::string> parts = split(std::string_view(word).substr(kName.size()), ':');
    if (parts.size() < 2) return word;
    std::string_view output = parts[1];
    if (output.empty() || output == "stdout" || output == "stderr" || output.starts_with('"'))
      return word;
    if (output.starts_with(kFile)) output.remove_prefix(kFile.size());
    if (output.starts_with('"') || output.starts_with('/'))
      return word;  // a quoted name may hold colons; it is left alone
    parts[1] = std::string(kFile) + file(output);
    std::string text(kName);
    for (std::size_t index = 0; index < parts.size(); ++index)
      text += (index == 0 ? "" : ":") + parts[index];
    return text;
  }

  // -XX:StartFlightRecording[=|:NAME=VALUE,...]; without a file name it writes none that lasts.
  std::string recording(const std::string& word) const {
    constexpr std::string_view kFile = "filename=";
    std::string_view rest = std::string_view(word).substr(kRecording.size());
    if (!rest.empty() && rest.front() != '=' && rest.front() != ':') return word;
    if (!rest.empty()) rest.remove_prefix(1);
    std::string text;
    bool has_file = false;
    for (const std::string& part : split(rest, ',')) {
      if (part.empty()) continue;
      const bool is_file = part.starts_with(kFile);
      has_file |= is_file;
      text += (text.empty() ? "" : ",") +
              (is_file ? std::string(kFile) + file(part.substr(kFile.size())) : part);
    }
    // A folder: HotSpot makes up a name in it.
    if (!has_file) text += (text.empty() ? "" : ",") + std::string(kFile) + place_.folder;
    return std::string(kRecording) + "=" + text;
  }

  const ArtifactPlace& place_;
};

bool has_option(const std::vector<std::string>& options, std::string_view beginning) {
  return std::any_of(options.begin(), options.end(),
                     [&](const std::string& option) { return option.starts_with(beginning); });
}

}  // namespace

std::vector<std::string> send_to_artifacts(const std::vector<std::string>& options,
                                           const std::vector<std::string>& elsewhere,
                                           const ArtifactPlace& place) {
  std::vector<std::string> sent;
  const auto has = [&](std::string_view beginning) {
    return has_option(options, beginning) || has_option(elsewhere, beginning);
  };
  if (!place.keeps_relative) {
    if (!has("-XX:HeapDumpPath="))
      sent.push_back("-XX:HeapDumpPath=" + place.folder + "/java_pid" + place.process + ".hprof");
    if (!has("-XX:ErrorFile="))
      sent.push_back("-XX:ErrorFile=" + place.folder + "/hs_err_pid" + place.process + ".log");
    // What a recording has collected so far; it goes when the JVM ends in good order.
    if (has_option(options, kRecording) && !has(kRecorder))
      sent.push_back(std::string(kRecorder) + "=repository=" + place.folder);
  }
  const Rewriter rewriter(place);
  for (const std::string& option : options) sent.push_back(rewriter.option(option));
  return sent;
}

std::vector<std::string> artifact_subfolders(const std::vector<std::string>& options,
                                             const ArtifactPlace& place) {
  std::vector<std::string> folders;
  for (const std::string& option : send_to_artifacts(options, {}, place)) {
    const std::size_t at = option.find(place.folder + "/");
    if (at == std::string::npos) continue;
    std::string_view file = std::string_view(option).substr(at + place.folder.size() + 1);
    // An option's own separators end the name; a name that holds one is split too early, which
    // makes no folder.
    file = file.substr(0, file.find_first_of(":,"));
    if (const std::size_t slash = file.rfind('/'); slash != std::string_view::npos)
      folders.emplace_back(file.substr(0, slash));
  }
  return folders;
}

}  // namespace moka
