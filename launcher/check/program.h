// SPDX-License-Identifier: Apache-2.0
//
// The classes and native libraries of an application, wherever they lie: in jars, in jars within
// jars (Spring Boot, wars), in folders. Of a multi-release jar it has what the JDK would load.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "jar/class_path.h"
#include "support/result.h"
#include "support/unique_fd.h"

namespace moka {

class Program {
 public:
  // `paths`: jars and folders, in the order of the class path. What is no jar is passed over, as
  // java does. Blocks.
  static Program open(const std::vector<std::string>& paths, unsigned feature_release);

  using Visitor =
      std::function<void(const std::string& place, const std::string& entry, std::string bytes)>;
  // Calls visit for each class file, and for each file whose name is that of a native library.
  void for_each_class(const Visitor& visit) const;
  void for_each_library(const Visitor& visit) const;

  struct Found {
    std::string place;  // "app.jar", "app.jar!BOOT-INF/lib/b.jar", or a folder
    std::string bytes;
  };
  // `name`: "a/b/C". Nothing where it is none of the application's.
  std::optional<Found> find_class(std::string_view name) const;

  // The classes that a launcher starts: the manifest's Main-Class, and Start-Class of Spring Boot.
  std::vector<std::string> main_classes() const;

  std::size_t places() const { return places_.size(); }
  std::size_t classes() const { return classes_.size(); }

 private:
  struct Place {
    std::string name;
    UniqueFd memory;         // of a jar within a jar
    std::optional<Jar> jar;  // else a folder
    std::string folder;
  };
  struct Location {
    std::size_t place;
    std::string entry;
  };

  void add_jar(std::string name, Jar jar, UniqueFd memory, unsigned feature_release, int depth);
  void add_folder(const std::string& folder);
  void add_entry(std::size_t place, const std::string& name, const std::string& entry);
  Result<std::string> read(const Location& location) const;

  std::vector<Place> places_;
  std::map<std::string, Location, std::less<>> classes_;  // the first of a name wins
  std::vector<Location> libraries_;
};

}  // namespace moka
