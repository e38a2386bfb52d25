// SPDX-License-Identifier: Apache-2.0
#include "check/check_command.h"

#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "cli/java_options.h"
#include "elf/elf_file.h"
#include "image/bootable_image.h"
#include "session/exit_report.h"
#include "support/files.h"

namespace moka {

const char* const kCheckUsage =
    "usage: moka check [OPTION]... APP.jar\n"
    "       moka check [OPTION]... -cp PATH MAINCLASS\n"
    "       moka check [OPTION]... ./PROGRAM\n"
    "\n"
    "What will not work in a VM: processes that are started, windows, native libraries that are\n"
    "missing or for another machine, classes newer than the JDK. What every run comes to is told\n"
    "from what the program merely refers to. The exit status is 1 where something will break.\n"
    "\n"
    "  --all              each place that refers to such a thing, and not only the first ones\n"
    "  --output FORMAT    text or json\n"
    "  --jdk DIR, -J JVMOPTION\n"
    "                     as with moka run\n";

namespace {

using Json = nlohmann::ordered_json;
constexpr std::size_t kFirstOnes = 10;

// Each jar within a jar is a descriptor.
void take_all_descriptors() {
  rlimit limit;
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);
}

// A Linux program: its own libraries are all that can be told.
Result<Checked> check_native(const RunOptions& options, const std::string& path) {
  Checked checked;
  checked.places = 1;
  Finding finding;
  finding.severity = Finding::Severity::kBreaks;
  finding.kind = Finding::Kind::kLibrary;
  finding.place = options.name;
  const ElfFile file = MOKA_TRY(ElfFile::read(path));
  if (!file.is_x86_64) {
    finding.what = "is for another machine (" + file.machine + ")";
    finding.consequence = "it does not run: Mokapot runs x86-64 programs";
    checked.findings.push_back(finding);
    return checked;
  }
  ElfClosure closure(LibraryCache::read_host());
  MOKA_TRY(closure.add(path));
  for (const ElfClosure::Missing& missing : closure.missing()) {
    finding.what = missing.needed_by + " needs " + missing.library;
    finding.consequence = "nobody has it: install it, or name its folder in LD_LIBRARY_PATH by -e";
    checked.findings.push_back(finding);
  }
  return checked;
}

void add_names_in(const std::string& path, std::vector<std::string>& names) {
  names.push_back(base_name(path));
  std::error_code error;
  if (!is_directory(path)) return;
  for (std::filesystem::directory_iterator entry(path, error), end; !error && entry != end;
       entry.increment(error))
    names.push_back(entry->path().filename().string());
}

// What -J options bring along, a java.library.path above all.
std::vector<std::string> library_names(const RunOptions& options) {
  std::vector<std::string> names;
  const NamedFiles named = files_named_by(options.jvm_options);
  for (const auto* paths : {&named.files, &named.trees, &named.libraries, &named.loadable})
    for (const std::string& path : *paths) add_names_in(path, names);
  return names;
}

Result<Checked> check_java(const RunOptions& options, const std::vector<std::string>& class_path,
                           const std::string& main_class) {
  const char* java_home = std::getenv("JAVA_HOME");
  const Jdk jdk = MOKA_TRY(find_jdk(options.jdk, java_home != nullptr ? java_home : ""));
  take_all_descriptors();
  const Program program = Program::open(class_path, jdk.feature_release);
  return find_what_breaks(program, jdk, main_class, library_names(options));
}

std::string text_of(const Finding& finding) {
  std::string text = place_of(finding) + " " + finding.what;
  if (finding.count > 1) text += " (and " + std::to_string(finding.count - 1) + " more there)";
  return text + ": " + finding.consequence;
}

void print_text(const Checked& checked, bool shows_all) {
  const std::size_t breaks = checked.breaks();
  const std::size_t refers = checked.findings.size() - breaks;
  for (std::size_t index = 0; index < checked.findings.size(); ++index) {
    if (!shows_all && index >= breaks + kFirstOnes) {
      std::printf("... and %zu more places: moka check --all\n", checked.findings.size() - index);
      break;
    }
    std::printf("%s %s\n",
                index < breaks ? "breaks:" : "refers:", text_of(checked.findings[index]).c_str());
  }
  std::printf("%zu classes in %zu places: %zu will break, %zu refer to what does not work\n",
              checked.classes, checked.places, breaks, refers);
}

void print_json(const Checked& checked) {
  Json document;
  document["findings"] = Json::array();
  for (const Finding& finding : checked.findings) {
    const bool breaks = finding.severity == Finding::Severity::kBreaks;
    document["findings"].push_back({{"severity", breaks ? "breaks" : "refers"},
                                    {"kind", kind_name(finding.kind)},
                                    {"place", finding.place},
                                    {"class", finding.class_name},
                                    {"method", finding.method},
                                    {"what", finding.what},
                                    {"consequence", finding.consequence},
                                    {"count", finding.count}});
  }
  document["summary"] = {{"classes", checked.classes},
                         {"places", checked.places},
                         {"breaks", checked.breaks()},
                         {"refers", checked.findings.size() - checked.breaks()}};
  // Names in a class file are bytes of anybody's.
  std::printf("%s\n", document.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
}

}  // namespace

Result<Checked> check_program(const RunOptions& options) {
  ClassPathClosure closure;
  if (options.target != RunOptions::Target::kFile) {
    if (options.class_path) closure.add_list(*options.class_path);
    if (closure.paths().empty())
      return Error{"there is nothing on the class path; name jars or folders by -cp"};
    // A module's name says nothing of its main class.
    const bool is_class = options.target == RunOptions::Target::kMainClass;
    return check_java(options, closure.paths(), is_class ? options.name : "");
  }
  const std::string path = absolute_path(options.name);
  if (is_directory(path))
    return Error{options.name + " is a directory; for its classes give -cp " + options.name +
                 " MAINCLASS"};
  if (looks_like_disk_image(path))
    return Error{options.name + " is an image; check the jar that it was built from"};
  if (!options.is_jar && looks_like_elf(path)) return check_native(options, path);
  MOKA_TRY(open_jar(path));  // with its advice
  closure.add(path);
  return check_java(options, closure.paths(), "");
}

std::string check_warning(const RunOptions& options) {
  const Result<Checked> checked = check_program(options);
  if (!checked || checked.value().breaks() == 0) return {};
  const std::size_t others = checked.value().breaks() - 1;
  std::string text = text_of(checked.value().findings.front());
  if (others != 0) text += "; and " + std::to_string(others) + " more";
  return text + " (moka check says all)";
}

int check_command_line(const std::vector<std::string>& words) {
  std::vector<std::string> rest;
  bool shows_all = false;
  for (const std::string& word : words) {
    const bool is_ours = rest.empty() || rest.back() != "-J";
    if (is_ours && (word == "--help" || word == "-h")) {
      std::fputs(kCheckUsage, stdout);
      return 0;
    }
    if (is_ours && word == "--all") {
      shows_all = true;
    } else {
      rest.push_back(word);
    }
  }
  const Result<RunOptions> options = parse_run_options(rest);
  const Result<Checked> checked =
      options ? check_program(options.value()) : Result<Checked>(options.error());
  if (!checked) {
    std::fprintf(stderr, "moka: %s\n", checked.error().message.c_str());
    return kStatusBadInput;
  }
  if (options.value().output == OutputFormat::kJson) {
    print_json(checked.value());
  } else {
    print_text(checked.value(), shows_all);
  }
  return checked.value().breaks() != 0 ? 1 : 0;
}

}  // namespace moka
