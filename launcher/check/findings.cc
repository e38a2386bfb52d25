// SPDX-License-Identifier: Apache-2.0
#include "check/findings.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "check/bytecode.h"
#include "check/certain_calls.h"
#include "check/native_libraries.h"
#include "check/rules.h"
#include "support/files.h"

namespace moka {
namespace {

// Class files of release N have major version 44 + N.
constexpr unsigned kClassVersionOffset = 44;

std::string dotted(std::string_view name) {
  std::string text(name);
  std::replace(text.begin(), text.end(), '/', '.');
  return text;
}

class Scan {
 public:
  Scan(const Program& program, const Jdk& jdk, std::set<std::string> libraries)
      : program_(program), jdk_(jdk), libraries_(std::move(libraries)) {}

  std::vector<Finding> run(const std::vector<std::string>& mains) {
    struct Suspect {
      std::string place, bytes;
    };
    // Most classes are none, and need not be kept.
    std::vector<Suspect> suspects;
    std::set<std::string> super_classes;
    program_.for_each_class([&](const std::string& place, const std::string&, std::string bytes) {
      const Result<ClassFile> file = ClassFile::parse(bytes);
      if (!file) return;  // java says what is wrong with it, if it ever loads it
      super_classes.emplace(file.value().super());
      note_version(place, file.value());
      const auto is_ruled = [](const MethodReference& method) {
        return rule_for(method) != nullptr;
      };
      if (file.value().refers_to(is_ruled)) suspects.push_back({place, std::move(bytes)});
    });
    certain_ = find_certain_calls(program_, mains, super_classes);
    for (const Suspect& suspect : suspects)
      if (const Result<ClassFile> file = ClassFile::parse(suspect.bytes))
        look_at(suspect.place, file.value());
    add_versions();
    return std::move(findings_);
  }

 private:
  void note_version(const std::string& place, const ClassFile& file) {
    if (jdk_.feature_release == 0 ||
        file.major_version() <= jdk_.feature_release + kClassVersionOffset)
      return;
    too_new_[place].emplace_back(std::string(file.name()), file.major_version());
  }

  // One for a place: who builds for a newer Java does so with all of a jar.
  void add_versions() {
    for (const auto& [place, classes] : too_new_) {
      Finding finding;
      finding.kind = Finding::Kind::kClassVersion;
      finding.place = place;
      finding.class_name = dotted(classes.front().first);
      unsigned major = classes.front().second;
      for (const auto& [name, version] : classes) {
        if (certain_.classes.find(name) == certain_.classes.end()) continue;
        finding.severity = Finding::Severity::kBreaks;
        finding.class_name = dotted(name);
        major = version;
        break;
      }
      const std::string release = std::to_string(major - kClassVersionOffset);
      finding.what =
          "is of Java " + release + ", and the JDK of Java " + std::to_string(jdk_.feature_release);
      finding.consequence =
          "it fails with an UnsupportedClassVersionError where it is loaded; name "
          "a JDK " +
          release + " or newer by --jdk";
      finding.count = classes.size();
      findings_.push_back(std::move(finding));
    }
  }

  bool has_library(std::string_view name) const {
    const std::string file = "lib" + std::string(name) + ".so";
    return libraries_.count(file) != 0 || is_regular_file(jdk_.home + "/lib/" + file);
  }

  void look_at(const std::string& place, const ClassFile& file) {
    for (const Method& method : file.methods()) {
      if (method.code.empty()) continue;
      const Bytecode code(method.code);
      for (const Call& call : code.calls(file)) {
        const Rule* const rule = rule_for(call.method);
        if (rule == nullptr) continue;
        const bool is_library = rule->kind == Finding::Kind::kLibrary;
        // A name that is put together at run time tells nothing.
        if (is_library && (call.constant.empty() || has_library(call.constant))) continue;
        Finding finding;
        const CertainCalls::Site site(std::string(file.name()), method_key(method), call.offset);
        if (certain_.sites.count(site) != 0) finding.severity = Finding::Severity::kBreaks;
        finding.kind = rule->kind;
        finding.place = place;
        finding.class_name = dotted(file.name());
        finding.method = std::string(method.name);
        finding.what = std::string(rule->does) + " by " + dotted(rule->owner) + "." +
                       std::string(call.method.name);
        finding.consequence = rule->consequence;
        if (is_library) {
          finding.what += "(\"" + std::string(call.constant) + "\")";
          finding.consequence += ": no lib" + std::string(call.constant) +
                                 ".so is in the jars or the JDK; give its folder by -J "
                                 "-Djava.library.path=DIR";
        }
        add(std::move(finding));
      }
    }
  }

  // A method that does the same thing twice is one place.
  void add(Finding finding) {
    for (Finding& other : findings_) {
      if (other.place != finding.place || other.class_name != finding.class_name ||
          other.method != finding.method || other.what != finding.what)
        continue;
      if (finding.severity == Finding::Severity::kBreaks) other.severity = finding.severity;
      return;
    }
    findings_.push_back(std::move(finding));
  }

  const Program& program_;
  const Jdk& jdk_;
  const std::set<std::string> libraries_;
  CertainCalls certain_;
  std::map<std::string, std::vector<std::pair<std::string, unsigned>>> too_new_;
  std::vector<Finding> findings_;
};

}  // namespace

std::size_t Checked::breaks() const {
  return static_cast<std::size_t>(std::count_if(
      findings.begin(), findings.end(),
      [](const Finding& finding) { return finding.severity == Finding::Severity::kBreaks; }));
}

Checked find_what_breaks(const Program& program, const Jdk& jdk, const std::string& main_class,
                         const std::vector<std::string>& libraries) {
  NativeLibraries native = examine_libraries(program, jdk);
  native.names.insert(libraries.begin(), libraries.end());
  Checked checked;
  checked.classes = program.classes();
  checked.places = program.places();
  checked.findings =
      Scan(program, jdk, native.names)
          .run(main_class.empty() ? program.main_classes() : std::vector<std::string>{main_class});
  checked.findings.insert(checked.findings.end(), native.findings.begin(), native.findings.end());
  std::stable_sort(checked.findings.begin(), checked.findings.end(),
                   [](const Finding& a, const Finding& b) {
                     return std::tie(a.severity, a.place, a.class_name) <
                            std::tie(b.severity, b.place, b.class_name);
                   });
  return checked;
}

const char* kind_name(Finding::Kind kind) {
  switch (kind) {
    case Finding::Kind::kProcess:
      return "process";
    case Finding::Kind::kDisplay:
      return "display";
    case Finding::Kind::kLibrary:
      return "library";
    case Finding::Kind::kClassVersion:
      return "classVersion";
  }
  return "";
}

std::string place_of(const Finding& finding) {
  return finding.place + "!" + finding.class_name +
         (finding.method.empty() ? "" : "." + finding.method);
}

}  // namespace moka
