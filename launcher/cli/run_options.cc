// SPDX-License-Identifier: Apache-2.0
#include "cli/run_options.h"

#include <algorithm>
#include <cstdlib>
#include <deque>
#include <span>

#include "cli/argument_file.h"
#include "cli/artifact_options.h"
#include "cli/environment_file.h"
#include "cli/java_options.h"
#include "guest/memory_plan.h"
#include "registry/vm_name.h"
#include "support/files.h"
#include "support/numbers.h"

namespace moka {

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

  static bool takes_value(std::string_view word) {
    const auto options = all_options();
    return std::any_of(options.begin(), options.end(), [word](const Option& option) {
      return option.name == word && option.has_value;
    });
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
    MOKA_TRY(apply_debugging());
    MOKA_TRY(check_network_options(options_.network));
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

  // An option of ours, and what takes its value ("" where it has none).
  struct Option {
    std::string_view name;
    bool has_value;
    Result<void> (Parser::*read)(std::string value);
    bool may_have_value = false;  // behind '=' only
  };
  static std::span<const Option> all_options();

  Result<void> read_option(const std::string& word) {
    std::string name = word;
    std::optional<std::string> joined;
    const std::size_t equals = word.find('=');
    if (word.starts_with("--") && equals != std::string::npos) {
      name = word.substr(0, equals);
      joined = word.substr(equals + 1);
    } else if (!word.starts_with("--") && !is_class_path_option(word) && word != "-jar" &&
               word.size() > 2 &&
               std::string_view("mcJep").find(word[1]) != std::string_view::npos) {
      name = word.substr(0, 2);
      joined = word.substr(2);
    }
    for (const Option& option : all_options()) {
      if (option.name != name) continue;
      if (!option.has_value && !option.may_have_value && joined)
        return Error{name + " takes no value (moka run --help)"};
      return (this->*option.read)(joined             ? std::move(*joined)
                                  : option.has_value ? MOKA_TRY(value_of(name))
                                                     : "");
    }
    return Error{"unknown option " + word + "; an option for the JVM is given by -J, as in -J " +
                 word};
  }

  template <auto kField>
  Result<void> set_text(std::string value) {
    options_.*kField = std::move(value);
    return {};
  }
  // Of moka's own files; --dir changes where the program's relative paths begin, not these.
  template <auto kField>
  Result<void> set_path(std::string value) {
    if (value.empty()) return Error{"an option that wants a path has an empty one"};
    options_.*kField = absolute_path(value);
    return {};
  }
  template <auto kField>
  Result<void> set_flag(std::string) {
    options_.*kField = true;
    return {};
  }
  template <auto kRead>
  Result<void> read_network(std::string value) {
    return kRead(value, options_.network);
  }

  Result<void> read_memory(std::string value) {
    options_.memory_mib = MOKA_TRY(parse_memory_mib(value));
    return {};
  }

  Result<void> read_trace(std::string value) {
    if (value != "syscalls" && value != "scheduler")
      return Error{"--trace knows only \"syscalls\" and \"scheduler\""};
    options_.trace = std::move(value);
    return {};
  }

  Result<void> read_output(std::string value) {
    if (value != "text" && value != "json") return Error{"--output knows text and json"};
    options_.output = value == "json" ? OutputFormat::kJson : OutputFormat::kText;
    return {};
  }

  Result<void> read_folder(std::string value) {
    if (!is_directory(value)) return Error{"--dir " + value + ": no such folder"};
    options_.folder = absolute_path(value);
    return {};
  }

  Result<void> read_name(std::string value) {
    if (!is_vm_name(value))
      return Error{"--name " + value +
                   ": a name has letters, digits, '.', '_' and '-', at most 63, and begins with a "
                   "letter or digit"};
    options_.vm_name = value;
    return {};
  }

  Result<void> read_artifacts(std::string value) {
    if (value.empty()) return Error{"--artifacts needs a folder, or none"};
    options_.artifacts = value == kNoArtifacts ? value : absolute_path(value);
    return {};
  }

  Result<void> read_debug(std::string value) {
    options_.is_debugged = true;
    if (value.empty()) return {};
    const std::optional<std::uint16_t> port = parse_port(value);
    if (!port) return Error{"--debug=" + value + ": no port; give a number from 1 to 65535"};
    options_.debug_port = *port;
    return {};
  }

  // The debugger's port, in the JVM and on the host's IPv4 loopback, where jdb looks for
  // "localhost".
  Result<void> apply_debugging() {
    if (!options_.is_debugged) {
      if (options_.is_suspended) return Error{"--suspend is for --debug: give both"};
      return {};
    }
    if (options_.network.kind != NetworkOptions::Kind::kUser)
      return Error{
          "--debug needs user networking, which leads from this host's localhost to the VM; with "
          "--net give -J -agentlib:jdwp=..."};
    for (const std::string& option : options_.jvm_options)
      if (option.starts_with("-agentlib:jdwp") || option.starts_with("-Xrunjdwp"))
        return Error{"--debug and " + option + " both open a debugger; give one of them"};
    const std::string port = std::to_string(options_.debug_port);
    options_.jvm_options.push_back("-agentlib:jdwp=transport=dt_socket,server=y,quiet=y,suspend=" +
                                   std::string(options_.is_suspended ? "y" : "n") +
                                   ",address=127.0.0.1:" + port);
    options_.network.mappings.push_back(
        {Protocol::kTcp, IpAddress::v4_loopback(), options_.debug_port, options_.debug_port});
    return {};
  }

  Result<void> add_mount(std::string value) {
    options_.mounts.push_back(MOKA_TRY(parse_host_folder(value)));
    return {};
  }

  Result<void> add_environment_file(std::string value) {
    for (std::string& variable : MOKA_TRY(read_environment_file(value)))
      options_.environment.push_back(std::move(variable));
    return {};
  }

  Result<void> add_mapping(std::string value) {
    options_.network.mappings.push_back(MOKA_TRY(parse_port_mapping(value)));
    return {};
  }

  Result<void> refuse_publishing(std::string) {
    options_.network.publishes = false;
    return {};
  }

  Result<void> read_capture(std::string value) {
    if (value.empty()) return Error{"--pcap needs the name of a file"};
    options_.network.capture = absolute_path(value);
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

  Result<void> add_jvm_option(std::string option) {
    if (option.size() < 2 || option.front() != '@') {
      options_.jvm_options.push_back(option);
      return {};
    }
    const std::vector<std::string> words = MOKA_TRY(read_argument_file(option.substr(1)));
    options_.jvm_options.insert(options_.jvm_options.end(), words.begin(), words.end());
    return {};
  }

  Result<void> add_variable(std::string variable) {
    if (variable.empty() || variable.front() == '=') return Error{"-e needs NAME=VALUE"};
    if (variable.find('=') != std::string::npos) {
      options_.environment.push_back(variable);
    } else if (const char* value = std::getenv(variable.c_str())) {
      options_.environment.push_back(variable + "=" + value);
    }
    return {};
  }

  Result<void> read_cpus(std::string text) {
    const unsigned cpus = parse_number<unsigned>(text).value_or(0);
    if (cpus == 0 || cpus > kMostCpus)
      return Error{"-c " + text + " is no number of CPUs; give one from 1 to " +
                   std::to_string(kMostCpus)};
    options_.cpus = cpus;
    return {};
  }

  Result<void> read_owner(std::string text) {
    const int owner = parse_number<int>(text).value_or(0);
    if (owner <= 0) return Error{"--owner " + text + " is no process; give its number"};
    options_.owner = owner;
    return {};
  }

  Result<void> read_machine(std::string text) {
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

std::span<const Parser::Option> Parser::all_options() {
  static const Option kOptions[] = {
      {"-m", true, &Parser::read_memory},
      {"-c", true, &Parser::read_cpus},
      {"--jdk", true, &Parser::set_path<&RunOptions::jdk>},
      {"-J", true, &Parser::add_jvm_option},
      {"-e", true, &Parser::add_variable},
      {"--env-file", true, &Parser::add_environment_file},
      {"--dir", true, &Parser::read_folder},
      {"--mount", true, &Parser::add_mount},
      {"--name", true, &Parser::read_name},
      {"-d", false, &Parser::set_flag<&RunOptions::is_detached>},
      {"--artifacts", true, &Parser::read_artifacts},
      {"--debug", false, &Parser::read_debug, true},
      {"--suspend", false, &Parser::set_flag<&RunOptions::is_suspended>},
      {"-v", false, &Parser::set_flag<&RunOptions::is_verbose>},
      {"--output", true, &Parser::read_output},
      {"--status-file", true, &Parser::set_path<&RunOptions::status_file>},
      {"--owner", true, &Parser::read_owner},
      {"-cp", true, &Parser::set_text<&RunOptions::class_path>},
      {"-classpath", true, &Parser::set_text<&RunOptions::class_path>},
      {"--class-path", true, &Parser::set_text<&RunOptions::class_path>},
      {"-jar", false, &Parser::set_flag<&RunOptions::is_jar>},

      {"-p", true, &Parser::add_mapping},
      {"--publish-all", true, &Parser::read_network<read_publish_address>},
      {"--no-publish", false, &Parser::refuse_publishing},
      {"--net", true, &Parser::read_network<read_network_kind>},
      {"--ip", true, &Parser::read_network<read_interface_address>},
      {"--gateway", true, &Parser::read_network<read_gateway>},
      {"--dns", true, &Parser::read_network<read_name_server>},
      {"--mtu", true, &Parser::read_network<read_mtu>},
      {"--pcap", true, &Parser::read_capture},

      {"--kernel", true, &Parser::set_path<&RunOptions::kernel>},
      {"--machine", true, &Parser::read_machine},
      {"--trace", true, &Parser::read_trace},
      {"--no-direct-calls", false, &Parser::set_flag<&RunOptions::forgoes_direct_calls>},
      {"--gdb", false, &Parser::set_flag<&RunOptions::waits_for_gdb>},
      {"--qmp", true, &Parser::set_path<&RunOptions::monitor_socket>},
  };
  return kOptions;
}

}  // namespace

bool run_option_takes_value(std::string_view word) { return Parser::takes_value(word); }

Result<RunOptions> parse_run_options(const std::vector<std::string>& words) {
  return Parser(words).run();
}

}  // namespace moka
