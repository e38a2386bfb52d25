// SPDX-License-Identifier: Apache-2.0
#include "jdk/jdk.h"

#include <limits.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "support/files.h"

namespace moka {
namespace {

constexpr std::size_t kLargestReleaseFile = 1u << 20;

std::string real_path(const std::string& path) {
  char resolved[PATH_MAX];
  return ::realpath(path.c_str(), resolved) != nullptr ? resolved : std::string();
}

// The numbers in a version, in order: "25.0.3+9-LTS" -> 25 0 3 9.
std::vector<unsigned long> numbers_in(std::string_view version) {
  std::vector<unsigned long> numbers;
  bool in_number = false;
  for (const char letter : version) {
    if (std::isdigit(static_cast<unsigned char>(letter)) == 0) {
      in_number = false;
      continue;
    }
    if (!in_number) numbers.push_back(0);
    in_number = true;
    // Nine digits are more than any version has; the rest would only overflow.
    if (numbers.back() < 100000000)
      numbers.back() = numbers.back() * 10 + static_cast<unsigned long>(letter - '0');
  }
  return numbers;
}

void append_subdirectories(const std::string& directory, std::vector<std::string>& list) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error))
    list.push_back(entry->path().string());
}

std::vector<std::string> usual_places() {
  std::vector<std::string> places;
  for (const char* directory :
       {"/usr/lib/jvm", "/usr/lib64/jvm", "/usr/java", "/opt/java", "/opt/jdk"})
    append_subdirectories(directory, places);
  places.insert(places.end(), {"/opt/java", "/opt/jdk"});
  if (const char* home = std::getenv("HOME")) {
    append_subdirectories(std::string(home) + "/.sdkman/candidates/java", places);
    append_subdirectories(std::string(home) + "/.jdks", places);
  }
  // The java on PATH, wherever its links lead: HOME/bin/java.
  for (const std::string& directory :
       split(std::getenv("PATH") != nullptr ? std::getenv("PATH") : "", ':')) {
    const std::string java = real_path(directory + "/java");
    if (!java.empty()) places.push_back(parent_path(parent_path(java)));
  }
  return places;
}

}  // namespace

std::string release_value(std::string_view release, std::string_view name) {
  for (const std::string& line : split(release, '\n')) {
    const std::size_t equals = line.find('=');
    if (equals == std::string::npos || std::string_view(line).substr(0, equals) != name) continue;
    std::string_view value = trim(std::string_view(line).substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"')
      value = value.substr(1, value.size() - 2);
    return std::string(value);
  }
  return {};
}

unsigned feature_release_of(std::string_view version) {
  const std::vector<unsigned long> numbers = numbers_in(version);
  if (numbers.empty()) return 0;
  return static_cast<unsigned>(numbers[0] == 1 && numbers.size() > 1 ? numbers[1] : numbers[0]);
}

bool is_older_version(std::string_view a, std::string_view b) {
  std::vector<unsigned long> left = numbers_in(a);
  std::vector<unsigned long> right = numbers_in(b);
  // "1.8" is 8.
  for (std::vector<unsigned long>* numbers : {&left, &right})
    if (numbers->size() > 1 && numbers->front() == 1) numbers->erase(numbers->begin());
  return left < right;
}

Result<Jdk> Jdk::examine(const std::string& directory) {
  Jdk jdk;
  jdk.home = real_path(directory);
  if (jdk.home.empty() || !is_directory(jdk.home))
    return Error{directory + " is no JDK: there is no such directory"};
  const Result<std::string> release = read_file(jdk.home + "/release", kLargestReleaseFile);
  if (release) {
    const std::string& text = release.value();
    jdk.version = release_value(text, "JAVA_VERSION");
    jdk.feature_release = feature_release_of(jdk.version);
    const std::string system = release_value(text, "OS_NAME");
    if (!system.empty() && system != "Linux")
      return Error{"the JDK in " + jdk.home + " is for " + system +
                   "; give one for Linux on x86-64 by --jdk"};
    const std::string machine = release_value(text, "OS_ARCH");
    if (!machine.empty() && machine != "x86_64" && machine != "amd64")
      return Error{"the JDK in " + jdk.home + " is for another machine (" + machine +
                   "); give one for Linux on x86-64 by --jdk"};
  }
  if (!is_regular_file(jdk.launcher()))
    return Error{directory +
                 " is no JDK: it has no bin/java; give the directory above bin by --jdk"};
  const ElfFile launcher = MOKA_TRY(ElfFile::read(jdk.launcher()));
  if (!launcher.is_x86_64)
    return Error{"the JDK in " + jdk.home + " is for another machine (" + launcher.machine +
                 "); give one for Linux on x86-64 by --jdk"};
  // The launcher's interpreter decides; the release file only repeats what the builder said.
  jdk.libc = libc_of_interpreter(launcher.interpreter);
  if (!is_regular_file(jdk.home + "/lib/server/libjvm.so") &&
      !is_regular_file(jdk.home + "/lib/client/libjvm.so"))
    return Error{"the JDK in " + jdk.home +
                 " has no libjvm.so; install it again or give another by --jdk"};
  return jdk;
}

Result<Jdk> find_jdk(const std::string& option, const std::string& java_home) {
  if (!option.empty()) return Jdk::examine(absolute_path(option));
  if (!java_home.empty()) {
    Result<Jdk> named = Jdk::examine(absolute_path(java_home));
    if (named) return named;
    return Error{"JAVA_HOME: " + named.error().message};
  }
  Result<Jdk> newest = Error{
      "no JDK found: install one (Debian: openjdk-17-jdk-headless), or name one by --jdk DIR"};
  std::string refused;
  for (const std::string& place : usual_places()) {
    Result<Jdk> jdk = Jdk::examine(place);
    if (!jdk) {
      if (refused.empty() && is_regular_file(place + "/bin/java")) refused = jdk.error().message;
      continue;
    }
    if (!newest || is_older_version(newest.value().version, jdk.value().version))
      newest = std::move(jdk);
  }
  // The one that is there and does not fit says more than "no JDK found".
  if (!newest && !refused.empty()) return Error{refused};
  return newest;
}

}  // namespace moka
