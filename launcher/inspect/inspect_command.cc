// SPDX-License-Identifier: Apache-2.0
#include "inspect/inspect_command.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "image/bootable_image.h"
#include "session/exit_report.h"
#include "support/files.h"
#include "support/json.h"

namespace moka {

const char* const kInspectUsage =
    "usage: moka inspect [OPTION]... IMAGE\n"
    "\n"
    "  --output FORMAT    text, or json: the image's manifest\n"
    "  --sbom             its bill of materials, CycloneDX JSON\n"
    "  --licenses         the licences of what is in it\n";

namespace {

using Json = nlohmann::json;

// A member as text, whatever it is; "" where it is missing.
std::string member(const Json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end()) return {};
  return found->is_string() ? found->get<std::string>() : json_text(*found);
}

std::string list_of(const Json& object, const char* name) {
  const auto found = object.find(name);
  std::string text;
  if (found == object.end() || !found->is_array()) return text;
  for (const Json& word : *found)
    text += (text.empty() ? "" : " ") + (word.is_string() ? word.get<std::string>() : json_text(word));
  return text;
}

void print_line(const char* title, const std::string& text) {
  if (!text.empty()) std::printf("%-12s %s\n", title, text.c_str());
}

void print_text(const BootableImage& image) {
  const Json manifest = parse_json<Json>(image.manifest);
  print_line("disk", image.format == DiskFormat::kQcow2 ? "qcow2" : "raw");
  print_line("command", list_of(manifest, "arguments"));
  print_line("folder", member(manifest, "workingDirectory"));
  if (const auto java = manifest.find("java"); java != manifest.end() && java->is_object()) {
    const std::string modules = list_of(*java, "modules");
    print_line("java", member(*java, "version") + " in " + member(*java, "home"));
    print_line("modules", modules.empty() ? "all" : modules);
  }
  const auto training = manifest.find("training");
  if (training != manifest.end() && training->is_object())
    print_line("training", member(*training, "training") + ", on a processor that was " +
                               member(*training, "processor"));
  else if (manifest.contains("java"))
    print_line("training", "none");
  print_line("memory", member(manifest, "memoryMiB"));
  if (const auto layers = manifest.find("layers"); layers != manifest.end() && layers->is_array())
    for (const Json& layer : *layers)
      if (layer.is_object())
        print_line("layer", member(layer, "name") + ", " + member(layer, "bytes") +
                                " bytes, sha256 " + member(layer, "sha256"));
}

int refuse(const std::string& message) {
  std::fprintf(stderr, "moka: %s\n", message.c_str());
  return kStatusBadInput;
}

}  // namespace

int inspect_command_line(const std::vector<std::string>& words) {
  std::string path;
  enum class Wish { kText, kManifest, kSbom, kLicenses } wish = Wish::kText;
  for (std::size_t index = 0; index < words.size(); ++index) {
    std::string word = words[index];
    if (word == "--output" && index + 1 < words.size()) word = "--output=" + words[++index];
    if (word == "--help" || word == "-h") {
      std::fputs(kInspectUsage, stdout);
      return 0;
    }
    if (word == "--output=text") {
      wish = Wish::kText;
    } else if (word == "--output=json") {
      wish = Wish::kManifest;
    } else if (word == "--sbom") {
      wish = Wish::kSbom;
    } else if (word == "--licenses") {
      wish = Wish::kLicenses;
    } else if (word.starts_with('-') || !path.empty()) {
      return refuse("inspect does not know " + word + " (moka inspect --help)");
    } else {
      path = absolute_path(word);
    }
  }
  if (path.empty()) return refuse("say which image: moka inspect IMAGE");
  const Result<BootableImage> image = open_bootable_image(path);
  if (!image) return refuse(image.error().message);
  switch (wish) {
    case Wish::kText:
      print_text(image.value());
      break;
    case Wish::kManifest:
      std::fputs(image.value().manifest.c_str(), stdout);
      break;
    case Wish::kSbom:
      std::fputs(image.value().sbom.c_str(), stdout);
      break;
    case Wish::kLicenses:
      std::fputs(image.value().licenses.c_str(), stdout);
      break;
  }
  return 0;
}

}  // namespace moka
