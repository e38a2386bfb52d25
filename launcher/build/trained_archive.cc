// SPDX-License-Identifier: Apache-2.0
#include "build/trained_archive.h"

#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "support/files.h"
#include "support/hash.h"
#include "support/json.h"

namespace moka {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr const char* kKeyMember = "archive.json";
constexpr const char* kFolder = "/usr/lib/mokapot";

Json key_of(const TrainedArchive& archive) {
  Json object;
  object["mokapotArchive"] = kVersion;
  object["training"] = archive.training;
  object["java"] = archive.key.java;
  object["runtime"] = archive.key.runtime;
  object["application"] = archive.key.application;
  object["options"] = archive.key.options;
  object["processor"] = archive.key.processor;
  for (const CpioMember& file : archive.files)
    object["files"].push_back({{"name", file.name},
                               {"bytes", file.content.size()},
                               {"hash", Hash().add(file.content).text()}});
  return object;
}

}  // namespace

ArchiveKind archive_kind_of(const Jdk& jdk) {
  constexpr unsigned kFirstDynamic = 13;
  constexpr unsigned kFirstAotCache = 24;
  if (jdk.feature_release >= kFirstAotCache) return ArchiveKind::kAotCache;
  return jdk.feature_release >= kFirstDynamic ? ArchiveKind::kDynamic : ArchiveKind::kNone;
}

std::string encode_archive(const TrainedArchive& archive) {
  std::vector<CpioMember> members{{kKeyMember, json_text(key_of(archive), 2) + "\n"}};
  members.insert(members.end(), archive.files.begin(), archive.files.end());
  return cpio_archive(members);
}

Result<TrainedArchive> decode_archive(std::string_view bytes) {
  std::vector<CpioMember> members = MOKA_TRY(read_cpio(bytes));
  const std::string* const text = find_member(members, kKeyMember);
  if (text == nullptr) return Error{"it is no archive that moka build --archive-out made"};
  const auto object = parse_json(*text);
  const Error damaged{"it is damaged"};
  if (!object.is_object()) return damaged;
  const auto version = object.find("mokapotArchive");
  if (version == object.end() || !version->is_number_integer()) return damaged;
  if (version->get<std::int64_t>() != kVersion)
    return Error{"it is of version " + json_text(*version) + " and this moka knows version " +
                 std::to_string(kVersion)};
  TrainedArchive archive;
  archive.training = text_in(object, "training");
  archive.key = {text_in(object, "java"),
                 text_in(object, "runtime"),
                 text_in(object, "application"),
                 {},
                 text_in(object, "processor")};
  if (const auto options = object.find("options"); options != object.end() && options->is_array())
    for (const Json& option : *options)
      if (option.is_string()) archive.key.options.push_back(option.get<std::string>());
  for (CpioMember& member : members)
    if (member.name == kApplicationArchive || member.name == kBaseArchive)
      archive.files.push_back(std::move(member));
  // Sizes and hashes of all files are in the key: it comes out the same, or something has changed.
  if (find_member(archive.files, kApplicationArchive) == nullptr || key_of(archive) != object)
    return damaged;
  return archive;
}

std::string reason_against(const ArchiveKey& made_for, const ArchiveKey& key) {
  if (made_for.java != key.java)
    return "it was made for Java " + made_for.java + " and this is Java " + key.java;
  if (made_for.runtime != key.runtime)
    return "it was made for another build or trimming of the JDK";
  if (made_for.application != key.application) return "it was made for another class path";
  if (made_for.options != key.options) return "it was made for other options of the JVM";
  return {};
}

std::string application_archive_path(ArchiveKind kind) {
  return std::string(kFolder) +
         (kind == ArchiveKind::kAotCache ? "/application.aot" : "/application.jsa");
}

std::string base_archive_path(const Jdk& jdk) { return jdk.home + "/lib/server/classes.jsa"; }

std::string archive_option(ArchiveKind kind) {
  return (kind == ArchiveKind::kAotCache ? "-XX:AOTCache=" : "-XX:SharedArchiveFile=") +
         application_archive_path(kind);
}

TreePlan plan_archive(const TrainedArchive& archive, const Jdk& jdk) {
  TreePlan plan;
  for (const CpioMember& file : archive.files) {
    const std::string path = file.name == kBaseArchive
                                 ? base_archive_path(jdk)
                                 : application_archive_path(archive_kind_of(jdk));
    plan.add_text(path, file.content);
  }
  return plan;
}

std::string archive_summary(const TrainedArchive& archive) { return json_text(key_of(archive)); }

std::string folder_on_class_path(const std::string& class_path) {
  if (class_path.empty()) return {};
  for (const std::string& word : split(class_path, ':')) {
    // An empty word is the working directory.
    const std::string path = word.empty() ? "." : word;
    std::error_code error;
    const std::filesystem::directory_iterator first(path, error);
    if (!error && first != std::filesystem::directory_iterator()) return path;
  }
  return {};
}

std::string option_against_training(const std::vector<std::string>& jvm_options) {
  for (const std::string& option : jvm_options)
    for (const char* beginning :
         {"-Xshare:off", "-Xshare:dump", "-XX:SharedArchiveFile", "-XX:ArchiveClassesAtExit",
          "-XX:DumpLoadedClassList", "-XX:SharedClassListFile", "-XX:AOT", "-XX:-UseSharedSpaces",
          "-XX:+AutoCreateSharedArchive", "-XX:+RecordDynamicDumpInfo"})
      if (option.starts_with(beginning)) return option;
  return {};
}

}  // namespace moka
