// SPDX-License-Identifier: Apache-2.0
#include "jdk/module_choice.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <set>
#include <system_error>

#include "jar/zip_reader.h"
#include "support/command.h"
#include "support/files.h"
#include "support/hash.h"
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
  // `rule`: with kCautious the first reason for the whole JDK is enough.
  Scan(std::set<std::string>& modules, ModuleRule rule)
      : modules_(modules), stops_early_(rule == ModuleRule::kCautious) {}

  Result<void> add(const std::string& path) {
    return is_directory(path) ? add_directory(path) : add_jar(path);
  }
  const std::string& reason() const { return reason_; }
  // What jdeps' answer depends on.
  const std::set<std::string, std::less<>>& references() const { return references_; }

 private:
  Result<void> add_jar(const std::string& path) {
    const ZipReader jar = MOKA_TRY(ZipReader::open(path));
    std::vector<std::string> classes;
    jar.for_each_name([&](const std::string& name) {
      if (name.ends_with(".class")) classes.push_back(name);
      if (name.ends_with(".jar")) reason_ = base_name(path) + " has jars inside";
    });
    // It names further jars, and says whether there are classes for several releases.
    if (jar.contains(kManifest)) references_.insert(MOKA_TRY(jar.read(kManifest, kLargestClass)));
    for (const std::string& name : classes) {
      if (is_done()) return {};
      const std::string content = MOKA_TRY(jar.read(name, kLargestClass));
      add_class(name, content);
    }
    return {};
  }

  Result<void> add_directory(const std::string& path) {
    std::error_code error;
    for (std::filesystem::recursive_directory_iterator entry(path, error), end;
         !error && entry != end && !is_done(); entry.increment(error)) {
      const std::string file = entry->path().string();
      if (!file.ends_with(".class")) continue;
      const std::string content = MOKA_TRY(read_file(file, kLargestClass));
      add_class(file, content);
    }
    return {};
  }

  bool is_done() const { return stops_early_ && !reason_.empty(); }

  void add_class(const std::string& name, std::string_view content) {
    ClassWords words = words_in_class(content);
    modules_.insert(words.modules.begin(), words.modules.end());
    if (words.looks_up) reason_ = name + " may look classes up by name";
    references_.insert(name);
    add_references(content, references_);
    if (++classes_ > kMostClasses) reason_ = "it has more than 5000 classes";
  }

  static constexpr const char* kManifest = "META-INF/MANIFEST.MF";

  std::set<std::string>& modules_;
  const bool stops_early_;
  std::set<std::string, std::less<>> references_;
  std::string reason_;
  std::size_t classes_ = 0;
};

std::string join(const std::vector<std::string>& words, const char* separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

// jdeps' own words, of which the last line is the list.
Result<std::string> run_jdeps(const Jdk& jdk,
                              const std::vector<std::string>& class_path, ModuleRule rule) {
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
  return last;
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

void add_references(std::string_view class_file, std::set<std::string, std::less<>>& references) {
  const auto is_of_name = [](char letter) {
    const auto byte = static_cast<unsigned char>(letter);
    return std::isalnum(byte) != 0 || letter == '_' || letter == '$' || letter == '/' || byte >= 0x80;
  };
  while (true) {
    const auto begin = std::find_if(class_file.begin(), class_file.end(), is_of_name);
    if (begin == class_file.end()) return;
    class_file.remove_prefix(static_cast<std::size_t>(begin - class_file.begin()));
    const auto end = std::find_if_not(class_file.begin(), class_file.end(), is_of_name);
    const auto size = static_cast<std::size_t>(end - class_file.begin());
    const std::string_view name = class_file.substr(0, size);
    if (name.find('/') != std::string_view::npos && references.find(name) == references.end())
      references.emplace(name);
    class_file.remove_prefix(size);
  }
}

Result<ModuleChoice> choose_modules(const Jdk& jdk, const std::vector<std::string>& class_path,
                                    const std::vector<std::string>& jvm_options, ModuleRule rule,
                                    const Memory& remember) {
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
  Scan scan(modules, rule);
  for (const std::string& path : class_path) MOKA_TRY(scan.add(path));
  if (is_cautious && !scan.reason().empty()) return whole(scan.reason());
  Hash question;
  question.add("jdeps 1").add(jdk.home).add(jdk.version).add(static_cast<std::uint64_t>(rule));
  for (const std::string& path : class_path) question.add(path);
  for (const std::string& reference : scan.references()) question.add(reference);
  const auto referenced =
      remember(question.text(), [&] { return run_jdeps(jdk, class_path, rule); });
  if (is_interrupted()) return interrupted();
  if (!referenced) return whole(referenced.error().message);
  for (std::string& module : split(referenced.value(), ',')) modules.insert(std::move(module));
  ModuleChoice choice;
  for (const std::string& module : modules)
    if (is_regular_file(jdk.home + "/jmods/" + module + ".jmod")) choice.modules.push_back(module);
  return choice;
}

}  // namespace moka
