// SPDX-License-Identifier: Apache-2.0
//
// What training leaves: the JVM's archive of an application's classes, as a file that a later build
// can be given. A `newc` cpio archive: kArchiveKeyMember, a JSON object that says what the archive
// is for, then the JVM's own files. The file may hold anything.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "guest/cpio.h"
#include "image/tree_plan.h"
#include "jdk/jdk.h"
#include "support/result.h"

namespace moka {

// How a JDK archives what an application loads.
enum class ArchiveKind {
  kNone,      // not at all, before 13
  kDynamic,   // AppCDS on top of the JDK's own archive, dumped at exit: 13 to 23
  kAotCache,  // JEP 483: recorded in one run, made in a second, from 24 on
};
ArchiveKind archive_kind_of(const Jdk& jdk);

// What an archive depends on. The JVM checks most of it again by itself, at each start.
struct ArchiveKey {
  std::string java;                  // the JDK's version
  std::string runtime;               // SHA-256 of the runtime's layer
  std::string application;           // of the application's, and so of the class path
  std::vector<std::string> options;  // of the JVM, class path included
  std::string processor;             // that trained; the JVM makes do with another
};

struct TrainedArchive {
  ArchiveKey key;
  std::string training;  // how: "start", "arguments" or "urls"
  // The JVM's files: "application", and "base" where the JDK's own archive is a layer, too.
  std::vector<CpioMember> files;
};

inline constexpr const char* kApplicationArchive = "application";
inline constexpr const char* kBaseArchive = "base";

std::string encode_archive(const TrainedArchive& archive);
// Fails where it is damaged or of another version.
Result<TrainedArchive> decode_archive(std::string_view bytes);

// Why `key` cannot take an archive made for `made_for`, as the rest of a sentence; "" where it can.
std::string reason_against(const ArchiveKey& made_for, const ArchiveKey& key);

// Where the archives are in the guest, and the JVM's option that names the application's.
std::string application_archive_path(ArchiveKind kind);
std::string base_archive_path(const Jdk& jdk);
std::string archive_option(ArchiveKind kind);

// The layer.
TreePlan plan_archive(const TrainedArchive& archive, const Jdk& jdk);

// What stands in the manifest: nothing that differs between training and --archive.
std::string archive_summary(const TrainedArchive& archive);

// A folder with something in it among the words of a class path ("" names none), or "": HotSpot archives classes of
// jars only, and refuses to make any archive beside such a folder. Blocks on files only.
std::string folder_on_class_path(const std::string& class_path);

// An option of the user's that has its own idea of archives, or "".
std::string option_against_training(const std::vector<std::string>& jvm_options);

}  // namespace moka
