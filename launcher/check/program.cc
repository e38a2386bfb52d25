// SPDX-License-Identifier: Apache-2.0
#include "check/program.h"

#include <sys/mman.h>
#include <unistd.h>

#include <charconv>
#include <filesystem>
#include <set>
#include <system_error>

#include "support/files.h"

namespace moka {
namespace {

constexpr std::size_t kLargestFile = 256u << 20;
constexpr std::size_t kMostPlaces = 4096;
// A jar in a jar in a jar is read by no loader that is known.
constexpr int kDeepest = 2;
constexpr std::string_view kClassEnding = ".class";
constexpr std::string_view kVersions = "META-INF/versions/";

bool is_library_name(std::string_view name) {
  const std::size_t slash = name.rfind('/');
  const std::string_view base = slash == std::string_view::npos ? name : name.substr(slash + 1);
  return base.ends_with(".so") || base.find(".so.") != std::string_view::npos;
}

// "a/b/C" for a class file that java would load, else "".
std::string class_name_of(std::string_view entry) {
  if (!entry.ends_with(kClassEnding)) return {};
  entry.remove_suffix(kClassEnding.size());
  for (const std::string_view prefix : {"BOOT-INF/classes/", "WEB-INF/classes/"})
    if (entry.starts_with(prefix)) entry.remove_prefix(prefix.size());
  if (entry.starts_with("META-INF/") || entry.ends_with("module-info") ||
      entry.ends_with("package-info"))
    return {};
  return std::string(entry);
}

// Of an entry below META-INF/versions the release, and the name behind it.
unsigned release_of(std::string_view entry, std::string_view& name) {
  if (!entry.starts_with(kVersions)) return 0;
  entry.remove_prefix(kVersions.size());
  unsigned release = 0;
  const auto [rest, error] = std::from_chars(entry.data(), entry.data() + entry.size(), release);
  if (error != std::errc() || rest == entry.data() + entry.size() || *rest != '/') return 0;
  name = entry.substr(static_cast<std::size_t>(rest - entry.data()) + 1);
  return release;
}

}  // namespace

Program Program::open(const std::vector<std::string>& paths, unsigned feature_release) {
  Program program;
  for (const std::string& path : paths) {
    if (is_directory(path)) {
      program.add_folder(path);
    } else if (Result<Jar> jar = open_jar(path)) {
      program.add_jar(base_name(path), std::move(jar).value(), UniqueFd(), feature_release, 0);
    }
  }
  return program;
}

void Program::add_jar(std::string name, Jar jar, UniqueFd memory, unsigned feature_release,
                      int depth) {
  if (places_.size() == kMostPlaces) return;
  const std::size_t place = places_.size();
  places_.push_back({name, std::move(memory), std::move(jar), ""});
  const Jar& opened = *places_[place].jar;
  std::vector<std::string> entries;
  opened.zip.for_each_name([&](const std::string& entry) { entries.push_back(entry); });
  // From the highest release that the JDK knows down to none.
  std::map<unsigned, std::vector<std::pair<std::string, std::string>>, std::greater<>> versioned;
  std::vector<std::string> nested;
  for (const std::string& entry : entries) {
    std::string_view plain = entry;
    const unsigned release = release_of(entry, plain);
    const bool is_known = release == 0 || feature_release == 0 || release <= feature_release;
    if (release != 0 && (!opened.manifest.is_multi_release() || !is_known)) continue;
    if (entry.ends_with(".jar")) {
      nested.push_back(entry);
    } else {
      versioned[release].emplace_back(std::string(plain), entry);
    }
  }
  for (const auto& [release, all] : versioned)
    for (const auto& [plain, entry] : all) add_entry(place, plain, entry);
  if (depth == kDeepest) return;
  for (const std::string& entry : nested) {
    const Result<std::string> bytes = places_[place].jar->zip.read(entry, kLargestFile);
    if (!bytes) continue;
    UniqueFd file(::memfd_create("mokapot-jar", MFD_CLOEXEC));
    if (!file || !write_fully(file.get(), bytes.value())) continue;
    Result<Jar> inner = open_jar("/proc/self/fd/" + std::to_string(file.get()));
    if (inner)
      add_jar(name + "!" + entry, std::move(inner).value(), std::move(file), feature_release,
              depth + 1);
  }
}

void Program::add_folder(const std::string& folder) {
  if (places_.size() == kMostPlaces) return;
  const std::size_t place = places_.size();
  places_.push_back({folder, UniqueFd(), std::nullopt, folder});
  std::error_code error;
  std::set<std::string> entries;
  for (std::filesystem::recursive_directory_iterator entry(folder, error), end;
       !error && entry != end; entry.increment(error)) {
    const std::string path = entry->path().string();
    if (is_regular_file(path)) entries.insert(path.substr(folder.size() + 1));
  }
  for (const std::string& entry : entries) add_entry(place, entry, entry);
}

void Program::add_entry(std::size_t place, const std::string& name, const std::string& entry) {
  if (const std::string class_name = class_name_of(name); !class_name.empty())
    classes_.try_emplace(class_name, Location{place, entry});
  if (is_library_name(name)) libraries_.push_back({place, entry});
}

Result<std::string> Program::read(const Location& location) const {
  const Place& place = places_[location.place];
  if (place.jar) return place.jar->zip.read(location.entry, kLargestFile);
  return read_file(place.folder + "/" + location.entry, kLargestFile);
}

void Program::for_each_class(const Visitor& visit) const {
  for (const auto& [name, location] : classes_)
    if (Result<std::string> bytes = read(location))
      visit(places_[location.place].name, location.entry, std::move(bytes).value());
}

void Program::for_each_library(const Visitor& visit) const {
  for (const Location& location : libraries_)
    if (Result<std::string> bytes = read(location))
      visit(places_[location.place].name, location.entry, std::move(bytes).value());
}

std::optional<Program::Found> Program::find_class(std::string_view name) const {
  const auto found = classes_.find(name);
  if (found == classes_.end()) return std::nullopt;
  Result<std::string> bytes = read(found->second);
  if (!bytes) return std::nullopt;
  return Found{places_[found->second.place].name, std::move(bytes).value()};
}

std::vector<std::string> Program::main_classes() const {
  std::vector<std::string> names;
  if (places_.empty() || !places_.front().jar) return names;
  const JarManifest& manifest = places_.front().jar->manifest;
  for (const std::string& name : {manifest.main_class(), manifest.attribute("start-class")})
    if (!name.empty()) names.push_back(name);
  return names;
}

}  // namespace moka
