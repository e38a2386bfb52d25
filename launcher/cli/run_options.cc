// SPDX-License-Identifier: Apache-2.0
#include "cli/run_options.h"

#include <charconv>
#include <cstdlib>
#include <deque>

#include "cli/argument_file.h"
#include "cli/java_options.h"
#include "guest/memory_plan.h"

namespace moka {

const char* const kRunUsage =
    "usage: moka run [OPTION]... APP.jar [ARGS...]\n"
    "       moka run [OPTION]... -cp PATH MAINCLASS [ARGS...]\n"
    "       moka run [OPTION]... ./PROGRAM [ARGS...]\n"
    "       moka run [OPTION]... @ARGFILE [ARGS...]\n"
    "\n"
    "  -m SIZE            memory of the VM in MiB, or with K, M, G, T\n"
    "  -c CPUS            number of virtual CPUs\n"
    "  --jdk DIR          the JDK to use; else JAVA_HOME, else the newest installed\n"
    "  -J JVMOPTION       an option for the JVM, as in -J -Xmx1g; may be repeated\n"
    "  -e NAME=VALUE      an environment variable; -e NAME passes on the host's\n"
    "  -v                 show the kernel's log on standard error\n"
    "  --status-file F    write who ended the program, and how, to F as JSON\n";

namespace {

constexpr unsigned kMostCpus = 255;

// Words still to be read. Those from an @argfile follow java's grammar and not ours, since such
// files are written for java: there -m means a module.
struct Word {
  std::string text;
  bool is_java = false;
};

class Parser {
 public:
  explicit Parser(const std::vector<std::string>& words) {
    for (const std::string& word : words) rest_.push_back({word, false});
  }

  Result<RunOptions> run() {
    while (!rest_.empty()) {
      const Word word = take();
      if (word.text.size() > 1 && word.text.front() == '@' && expands_files_ && !word.is_java) {
        MOKA_TRY(expand(word.text));
      } else if (word.text == "--disable-@files") {
        expands_files_ = false;
      } else if (word.text.size() > 1 && word.text.front() == '-') {
        MOKA_TRY(word.is_java ? read_java_option(word.text) : read_option(word.text));
        if (options_.target == RunOptions::Target::kModule) return finish();
      } else {
        options_.name = word.text;
        if (options_.class_path && !options_.is_jar)
          options_.target = RunOptions::Target::kMainClass;
        return finish();
      }
    }
    return Error{"nothing to run: give a jar, -cp PATH MAINCLASS, or a program (moka run --help)"};
  }

 private:
  Word take() {
    Word word = std::move(rest_.front());
    rest_.pop_front();
    return word;
  }

  Result<std::string> value_of(const std::string& option) {
    if (rest_.empty()) return Error{option + " needs a value (moka run --help)"};
    return take().text;
  }

  // What is left belongs to the program; @words there are its own affair.
  Result<RunOptions> finish() {
    while (!rest_.empty()) options_.arguments.push_back(take().text);
    return std::move(options_);
  }

  Result<void> expand(const std::string& word) {
    // java's escape for a word that begins with '@'.
    if (word.starts_with("@@")) {
      rest_.push_front({word.substr(1), true});
      return {};
    }
    Result<std::vector<std::string>> words = read_argument_file(word.substr(1));
    if (!words) return Error{"argument file " + word + ": " + words.error().message};
    // Files named inside a file are not expanded, as with java.
    for (auto inner = words.value().rbegin(); inner != words.value().rend(); ++inner)
      rest_.push_front({*inner, true});
    return {};
  }

  Result<void> read_option(const std::string& word) {
    std::string name = word;
    std::optional<std::string> joined;
    const std::size_t equals = word.find('=');
    if (word.starts_with("--") && equals != std::string::npos) {
      name = word.substr(0, equals);
      joined = word.substr(equals + 1);
    } else if (!word.starts_with("--") && !is_class_path_option(word) && word != "-jar" &&
               word.size() > 2 &&
               std::string_view("mcJe").find(word[1]) != std::string_view::npos) {
      name = word.substr(0, 2);
      joined = word.substr(2);
    }
    const auto value = [&]() -> Result<std::string> { return joined ? *joined : value_of(name); };

    if (name == "-m") {
      const std::string size = MOKA_TRY(value());
      options_.memory_mib = MOKA_TRY(parse_memory_mib(size));
    } else if (name == "-c") {
      return read_cpus(MOKA_TRY(value()));
    } else if (name == "--jdk") {
      options_.jdk = MOKA_TRY(value());
    } else if (name == "-J") {
      return add_jvm_option(MOKA_TRY(value()));
    } else if (name == "-e") {
      return add_variable(MOKA_TRY(value()));
    } else if (name == "-v") {
      options_.is_verbose = true;
    } else if (name == "--status-file") {
      options_.status_file = MOKA_TRY(value());
    } else if (is_class_path_option(name)) {
      options_.class_path = MOKA_TRY(value());
    } else if (name == "-jar") {
      options_.is_jar = true;
    } else if (name == "--kernel") {
      options_.kernel = MOKA_TRY(value());
    } else if (name == "--machine") {
      return read_machine(MOKA_TRY(value()));
    } else if (name == "--trace") {
      if (MOKA_TRY(value()) != "syscalls") return Error{"--trace knows only \"syscalls\""};
      options_.traces_system_calls = true;
    } else if (name == "--gdb") {
      options_.waits_for_gdb = true;
    } else {
      return Error{"unknown option " + word + "; an option for the JVM is given by -J, as in -J " +
                   word};
    }
    return {};
  }

  Result<void> read_java_option(const std::string& word) {
    const std::size_t equals = word.find('=');
    const std::string name = word.substr(0, equals);
    if (is_class_path_option(name)) {
      options_.class_path =
          equals != std::string::npos ? word.substr(equals + 1) : MOKA_TRY(value_of(word));
    } else if (word == "-jar") {
      options_.is_jar = true;
    } else if (name == "-m" || name == "--module") {
      options_.target = RunOptions::Target::kModule;
      options_.name =
          equals != std::string::npos ? word.substr(equals + 1) : MOKA_TRY(value_of(word));
    } else {
      options_.jvm_options.push_back(word);
      if (takes_next_word(word)) options_.jvm_options.push_back(MOKA_TRY(value_of(word)));
    }
    return {};
  }

  Result<void> add_jvm_option(const std::string& option) {
    if (option.size() < 2 || option.front() != '@') {
      options_.jvm_options.push_back(option);
      return {};
    }
    const std::vector<std::string> words = MOKA_TRY(read_argument_file(option.substr(1)));
    options_.jvm_options.insert(options_.jvm_options.end(), words.begin(), words.end());
    return {};
  }

  Result<void> add_variable(const std::string& variable) {
    if (variable.empty() || variable.front() == '=') return Error{"-e needs NAME=VALUE"};
    if (variable.find('=') != std::string::npos) {
      options_.environment.push_back(variable);
    } else if (const char* value = std::getenv(variable.c_str())) {
      options_.environment.push_back(variable + "=" + value);
    }
    return {};
  }

  Result<void> read_cpus(const std::string& text) {
    unsigned cpus = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cpus);
    if (error != std::errc() || end != text.data() + text.size() || cpus == 0 || cpus > kMostCpus)
      return Error{"-c " + text + " is no number of CPUs; give one from 1 to " +
                   std::to_string(kMostCpus)};
    options_.cpus = cpus;
    return {};
  }

  Result<void> read_machine(const std::string& text) {
    if (text == "microvm")
      options_.machine = RunOptions::Machine::kMicrovm;
    else if (text == "q35")
      options_.machine = RunOptions::Machine::kQ35;
    else if (text == "pc")
      options_.machine = RunOptions::Machine::kPc;
    else
      return Error{"--machine knows microvm, q35 and pc"};
    return {};
  }

  std::deque<Word> rest_;
  RunOptions options_;
  bool expands_files_ = true;
};

}  // namespace

Result<RunOptions> parse_run_options(const std::vector<std::string>& words) {
  return Parser(words).run();
}

}  // namespace moka
