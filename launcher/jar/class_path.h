// SPDX-License-Identifier: Apache-2.0
//
// What a class path reaches: its entries, wildcards expanded as java expands them, and the jars
// that manifests name by Class-Path, recursively. The guest's java does all of this again; here it
// decides which files the guest needs.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "jar/jar_manifest.h"
#include "jar/zip_reader.h"
#include "support/result.h"

namespace moka {

// A jar that was opened, with its manifest (empty where it has none).
struct Jar {
  ZipReader zip;
  JarManifest manifest;
};

Result<Jar> open_jar(const std::string& path);

class ClassPathClosure {
 public:
  // Adds the jar or directory at an absolute path, then what its manifest names. What does not
  // exist or is no jar is left out without a word, as java does for a class path.
  void add(const std::string& path);

  // Adds each part of a list such as "a.jar:lib/*"; relative parts start at the working directory.
  void add_list(std::string_view list);

  // Absolute paths in the order of first mention.
  const std::vector<std::string>& paths() const { return paths_; }

 private:
  std::vector<std::string> paths_;
  std::set<std::string> seen_;
};

// The file that a word of a manifest's Class-Path names, seen from the jar; "" where it is no file
// (another URL scheme). Words are relative URLs: percent escapes are undone.
std::string resolve_class_path_word(const std::string& jar_path, std::string_view word);

// The jars that `DIRECTORY/*` stands for: *.jar and *.JAR, not recursive, not hidden ones excepted.
std::vector<std::string> expand_wildcard(const std::string& directory);

// The class file's major version of `class_name` ("a.b.C") as JDK `feature_release` would load it
// from this jar; 0 where it is not there or is no class file.
unsigned class_major_version(const Jar& jar, std::string_view class_name, unsigned feature_release);

// The same for a directory of classes.
unsigned class_major_version(const std::string& directory, std::string_view class_name);

}  // namespace moka
