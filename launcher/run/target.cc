// SPDX-License-Identifier: Apache-2.0
#include "run/target.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "cli/argument_file.h"
#include "cli/java_options.h"
#include "elf/elf_file.h"
#include "guest/environment.h"
#include "jar/class_path.h"
#include "support/files.h"

namespace moka {
namespace {

// Class files of release N have major version 44 + N.
constexpr unsigned kClassVersionOffset = 44;

void append(std::vector<std::string>& list, const std::vector<std::string>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

void add_path(ApplicationFiles& files, const std::string& path) {
  (is_directory(path) ? files.trees : files.files).push_back(path);
}

void add_class_path(ApplicationFiles& files, const ClassPathClosure& closure) {
  for (const std::string& path : closure.paths()) add_path(files, path);
}

Result<void> check_class_version(unsigned major, const std::string& class_name, const Jdk& jdk) {
  if (major == 0 || jdk.feature_release == 0 || major <= jdk.feature_release + kClassVersionOffset)
    return {};
  const std::string needed = std::to_string(major - kClassVersionOffset);
  return Error{class_name + " was compiled for Java " + needed + " and the JDK in " + jdk.home +
               " is Java " + std::to_string(jdk.feature_release) + "; name a JDK " + needed +
               " or newer by --jdk"};
}

// Agents, module paths and files that JVM options name, wherever those options stand.
Result<void> add_option_files(ApplicationFiles& files,
                              const std::vector<std::string>& jvm_options) {
  const NamedFiles named = files_named_by(jvm_options);
  append(files.files, named.files);
  append(files.trees, named.trees);
  ClassPathClosure agents;
  for (const std::string& jar : named.jars) {
    if (!is_regular_file(jar)) return Error{"no such agent: " + jar};
    agents.add(jar);
    const Result<Jar> agent = open_jar(jar);
    if (!agent) return agent.error();
    for (const std::string& word : agent.value().manifest.boot_class_path())
      agents.add(resolve_class_path_word(jar, word));
  }
  add_class_path(files, agents);
  for (const std::string& library : named.libraries) {
    if (!is_regular_file(library)) return Error{"no such library: " + library};
    files.programs.push_back(library);
  }
  append(files.loadable, named.loadable);
  return {};
}

// What agents and JNI libraries may need of the JDK itself is loaded before they are: libjvm.so, libjava.so.
std::vector<std::string> library_names(const Jdk& jdk) {
  std::vector<std::string> names;
  std::error_code error;
  for (std::filesystem::recursive_directory_iterator entry(jdk.home + "/lib", error), end;
       !error && entry != end; entry.increment(error))
    if (entry->path().extension() == ".so") names.push_back(entry->path().filename().string());
  return names;
}

std::vector<std::string> words_of(const std::string& text) { return parse_argument_file(text); }

// The version of the main class where the class path has it; which JDK can run it is known then.
unsigned main_class_version(const ClassPathClosure& closure, const std::string& class_name,
                            unsigned feature_release) {
  for (const std::string& path : closure.paths()) {
    unsigned major = 0;
    if (is_directory(path)) {
      major = class_major_version(path, class_name);
    } else if (const Result<Jar> jar = open_jar(path)) {
      major = class_major_version(jar.value(), class_name, feature_release);
    }
    if (major != 0) return major;
  }
  return 0;
}

class Resolver {
 public:
  Resolver(const RunOptions& options, const MemoryPlan& memory,
           const std::vector<std::string>& environment,
           const std::optional<ArtifactPlace>& artifacts)
      : options_(options), memory_(memory), environment_(environment), artifacts_(artifacts) {}

  Result<Target> run(const std::string& working_directory) {
    target_.files.working_directory = working_directory;
    if (!options_.folder.empty()) target_.files.trees.push_back(working_directory);
    if (options_.target == RunOptions::Target::kFile) {
      const std::string path = absolute_path(options_.name);
      MOKA_TRY(check_file(path));
      if (!options_.is_jar && looks_like_elf(path)) return native(path);
      return jar(path);
    }
    return main_class();
  }

 private:
  Result<void> check_file(const std::string& path) {
    if (options_.name.empty())
      return Error{"the program's name is empty; give a jar, -cp PATH MAINCLASS, or a program"};
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) {
      if (errno == ENOENT || errno == ENOTDIR)
        return Error{"no such file: " + options_.name +
                     "; give a jar, -cp PATH MAINCLASS, or a program"};
      return Error{"cannot open " + options_.name + ": " + error_text(errno)};
    }
    if (S_ISDIR(status.st_mode))
      return Error{options_.name + " is a directory; for its classes give -cp " + options_.name +
                   " MAINCLASS"};
    // A pipe would be waited for, and a jar is read from its end.
    if (!S_ISREG(status.st_mode))
      return Error{options_.name + " is not a regular file; give a jar"};
    if (::access(path.c_str(), R_OK) != 0)
      return Error{"cannot read " + options_.name + ": " + error_text(errno)};
    return {};
  }

  Result<Target> native(const std::string& path) {
    if (options_.is_debugged)
      return Error{"--debug is for Java, and " + options_.name + " is a Linux program"};
    if (!options_.jvm_options.empty())
      return Error{"-J is for Java, and " + options_.name + " is a Linux program"};
    const ElfFile file = MOKA_TRY(ElfFile::read(path));
    if (!file.is_x86_64)
      return Error{options_.name + " is for another machine (" + file.machine +
                   "); Mokapot runs x86-64 programs"};
    target_.program = path;
    target_.arguments.push_back(options_.name);
    append(target_.arguments, options_.arguments);
    target_.files.programs.push_back(path);
    for (const std::string& directory : split(value_in(environment_, "LD_LIBRARY_PATH"), ':'))
      if (!directory.empty()) target_.files.library_path.push_back(absolute_path(directory));
    return std::move(target_);
  }

  Result<Target> jar(const std::string& path) {
    const Jar jar = MOKA_TRY(open_jar(path));
    const std::string main_class_name = jar.manifest.main_class();
    if (main_class_name.empty())
      return Error{options_.name +
                   " has no Main-Class in its manifest; name the class: moka run -cp " +
                   options_.name + " MAINCLASS"};
    MOKA_TRY(start_java());
    ClassPathClosure closure;
    closure.add(path);
    MOKA_TRY(check_class_version(
        main_class_version(closure, main_class_name, target_.jdk->feature_release), main_class_name,
        *target_.jdk));
    add_class_path(target_.files, closure);
    append(target_.arguments, {"-jar", options_.name});
    append(target_.arguments, options_.arguments);
    return std::move(target_);
  }

  Result<Target> main_class() {
    MOKA_TRY(start_java());
    ClassPathClosure closure;
    std::string class_path = options_.class_path.value_or("");
    if (!options_.class_path) class_path = value_in(environment_, "CLASSPATH");
    if (options_.class_path || !class_path.empty()) closure.add_list(class_path);
    if (options_.class_path) append(target_.arguments, {"-cp", *options_.class_path});
    if (options_.target == RunOptions::Target::kModule) target_.arguments.push_back("-m");
    MOKA_TRY(check_class_version(
        main_class_version(closure, options_.name, target_.jdk->feature_release), options_.name,
        *target_.jdk));
    add_class_path(target_.files, closure);
    target_.arguments.push_back(options_.name);
    append(target_.arguments, options_.arguments);
    return std::move(target_);
  }

  // The JDK, and the command line up to the user's own JVM options.
  Result<void> start_java() {
    const char* java_home = std::getenv("JAVA_HOME");
    target_.jdk = MOKA_TRY(find_jdk(options_.jdk, java_home != nullptr ? java_home : ""));
    target_.program = target_.jdk->launcher();
    target_.arguments.push_back(target_.program);

    std::vector<std::string> in_environment;
    for (const char* variable : {"JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS"})
      append(in_environment, words_of(value_in(environment_, variable)));
    std::vector<std::string> user_options = options_.jvm_options;
    append(user_options, in_environment);
    append(target_.arguments, heap_options(memory_, user_options));
    append(target_.arguments,
           artifacts_ ? send_to_artifacts(options_.jvm_options, in_environment, *artifacts_)
                      : options_.jvm_options);
    MOKA_TRY(add_option_files(target_.files, user_options));
    if (!target_.files.programs.empty() || !target_.files.loadable.empty())
      target_.files.provided = library_names(*target_.jdk);
    target_.jvm_options = std::move(user_options);
    return {};
  }

  const RunOptions& options_;
  const MemoryPlan& memory_;
  const std::vector<std::string>& environment_;
  const std::optional<ArtifactPlace>& artifacts_;
  Target target_;
};

}  // namespace

Result<Target> resolve_target(const RunOptions& options, const MemoryPlan& memory,
                              const std::vector<std::string>& environment,
                              const std::string& working_directory,
                              const std::optional<ArtifactPlace>& artifacts) {
  return Resolver(options, memory, environment, artifacts).run(working_directory);
}

}  // namespace moka
