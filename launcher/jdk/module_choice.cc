// SPDX-License-Identifier: Apache-2.0
#include "jdk/module_choice.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "jar/zip_reader.h"
#include "support/command.h"
#include "support/files.h"
#include "support/interruption.h"

namespace moka {
namespace {

constexpr std::size_t kLargestClass = 4u << 20;
// An application with more of them is surely built on something that looks classes up.
constexpr std::size_t kMostClasses = 5000;

// Names in a class file's constant pool by which classes or services are found at run time.
constexpr std::string_view kLookUps[] = {
    "forName",       "loadClass",     "findClass",         "java/util/ServiceLoader",
    "javax/script/", "javax/naming/", "javax/management/", "java/beans/"};

// What providers of the JDK's own services are worth, where the service is used.
constexpr struct {
  std::string_view word;
  const char* module;
} kProviders[] = {
    {"java/util/Locale", "jdk.localedata"},       {"javax/net/ssl/", "jdk.crypto.ec"},
    {"java/net/http/", "jdk.crypto.ec"},          {"java/net/URL", "jdk.crypto.ec"},
    {"java/security/", "jdk.crypto.ec"},          {"java/nio/file/FileSystems", "jdk.zipfs"},
    {"java/nio/charset/Charset", "jdk.charsets"}, {"java/lang/management/", "jdk.management"}};

// Options that make the JVM itself use modules of which no class speaks.
constexpr std::string_view kOptionsOfModules[] = {"-javaagent",
                                                  "-agentlib",
                                                  "-agentpath",
                                                  "--add-modules",
                                                  "--module-path",
                                                  "-p",
                                                  "-m",
                                                  "--module",
                                                  "-Dcom.sun.management",
                                                  "-XX:StartFlightRecording",
                                                  "-XX:+FlightRecorder",
                                                  "-XX:FlightRecorderOptions",
                                                  "--upgrade-module-path",
                                                  "-Djava.system.class.loader",
                                                  "@"};

class Scan {
 public:
  explicit Scan(std::set<std::string>& modules) : modules_(modules) {}

  Result<void> add(const std::string& path) {
    return is_directory(path) ? add_directory(path) : add_jar(path);
  }
  const std::string& reason() const { return reason_; }

 private:
  Result<void> add_jar(const std::string& path) {
    const ZipReader jar = MOKA_TRY(ZipReader::open(path));
    std::vector<std::string> classes;
    jar.for_each_name([&](const std::string& name) {
      if (name.ends_with(".class")) classes.push_back(name);
      if (name.ends_with(".jar")) reason_ = base_name(path) + " has jars inside";
    });
    for (const std::string& name : classes) {
      if (!reason_.empty()) return {};
      const std::string content = MOKA_TRY(jar.read(name, kLargestClass));
      add_class(name, content);
    }
    return {};
  }

  Result<void> add_directory(const std::string& path) {
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator entry(path, error), end;
         !error && entry != end && reason_.empty(); entry.increment(error)) {
      const std::string file = entry->path().string();
      if (!file.ends_with(".class")) continue;
      const std::string content = MOKA_TRY(read_file(file, kLargestClass));
      add_class(file, content);
    }
    return {};
  }

  void add_class(const std::string& name, std::string_view content) {
    ClassWords words = words_in_class(content);
    modules_.insert(words.modules.begin(), words.modules.end());
    if (words.looks_up) reason_ = name + " may look classes up by name";
    if (++classes_ > kMostClasses) reason_ = "it has more than 5000 classes";
  }

  std::set<std::string>& modules_;
  std::string reason_;
  std::size_t classes_ = 0;
};

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

// jdeps' own words, of which the last line is the list.
Result<std::vector<std::string>> run_jdeps(const Jdk& jdk,
                                           const std::vector<std::string>& class_path,
                                           ModuleRule rule) {
  std::vector<std::string> command{jdk.home + "/bin/jdeps", "--print-module-deps",
                                   "--multi-release",       std::to_string(jdk.feature_release),
                                   "--class-path",          join(class_path, ":")};
  if (rule == ModuleRule::kAsReferenced) command.push_back("--ignore-missing-deps");
  command.insert(command.end(), class_path.begin(), class_path.end());
  const CommandOutcome outcome = run_command(command);
  if (is_interrupted()) return interrupted();
  const std::vector<std::string> lines = split(std::string(trim(outcome.output)), '\n');
  const std::string last = lines.empty() ? "" : std::string(trim(lines.back()));
  const bool is_list =
      !last.empty() &&
      last.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789.,") == std::string::npos;
  if (outcome.status != 0 || !is_list)
    return Error{"jdeps does not know all that it refers to: " +
                 (lines.empty() ? "" : lines.front())};
  return split(last, ',');
}

std::string missing_tool(const Jdk& jdk) {
  for (const char* tool : {"/bin/jdeps", "/bin/jlink"})
    if (!is_regular_file(jdk.home + tool))
      return "the JDK in " + jdk.home + " has no " + base_name(tool) +
             " (Debian: openjdk-17-jdk-headless)";
  if (!is_directory(jdk.home + "/jmods")) return "the JDK in " + jdk.home + " has no jmods";
  return {};
}

}  // namespace

ClassWords words_in_class(std::string_view class_file) {
  ClassWords words;
  for (const std::string_view word : kLookUps)
    words.looks_up = words.looks_up || class_file.find(word) != std::string_view::npos;
  for (const auto& [word, module] : kProviders)
    if (class_file.find(word) != std::string_view::npos) words.modules.emplace_back(module);
  return words;
}

Result<ModuleChoice> choose_modules(const Jdk& jdk, const std::vector<std::string>& class_path,
                                    const std::vector<std::string>& jvm_options, ModuleRule rule) {
  const bool is_cautious = rule == ModuleRule::kCautious;
  const auto whole = [&](const std::string& reason) -> Result<ModuleChoice> {
    if (is_cautious) return ModuleChoice{{}, reason};
    return Error{"the runtime cannot be trimmed: " + reason + "; use --runtime whole"};
  };
  if (const std::string missing = missing_tool(jdk); !missing.empty()) return whole(missing);
  for (const std::string& option : jvm_options)
    for (const std::string_view prefix : kOptionsOfModules)
      if (is_cautious && option.starts_with(prefix)) return whole(option + " may need any module");
  if (class_path.empty()) return whole("there is no class path");
  std::set<std::string> modules;
  Scan scan(modules);
  for (const std::string& path : class_path) MOKA_TRY(scan.add(path));
  if (is_cautious && !scan.reason().empty()) return whole(scan.reason());
  const auto referenced = run_jdeps(jdk, class_path, rule);
  if (is_interrupted()) return interrupted();
  if (!referenced) return whole(referenced.error().message);
  modules.insert(referenced.value().begin(), referenced.value().end());
  ModuleChoice choice;
  for (const std::string& module : modules)
    if (is_regular_file(jdk.home + "/jmods/" + module + ".jmod")) choice.modules.push_back(module);
  return choice;
}

}  // namespace moka
