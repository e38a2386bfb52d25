// SPDX-License-Identifier: Apache-2.0
#include "cli/completion.h"

#include <cstdio>
#include <set>

#include "session/exit_report.h"
#include "support/files.h"

namespace moka {

const char* const kCompletionUsage =
    "usage: moka completion bash|zsh|fish\n"
    "\n"
    "A script for the shell: source <(moka completion bash), or moka completion fish | source\n";

namespace {

std::string join(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string names_of(const std::vector<CommandWords>& commands) {
  std::string text;
  for (const CommandWords& command : commands) text += (text.empty() ? "" : " ") + command.name;
  return text;
}

// zsh reads it through its bash emulation.
std::string bash_script(const std::vector<CommandWords>& commands) {
  std::string text =
      "_moka() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} words=\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    words='" +
      names_of(commands) +
      "'\n"
      "  else\n"
      "    case ${COMP_WORDS[1]} in\n";
  for (const CommandWords& command : commands)
    text += "      " + command.name + ") words='" + join(command.options) + "' ;;\n";
  return text +
         "    esac\n"
         "    case $word in -*) ;; *) words= ;; esac\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "}\n"
         "complete -o default -F _moka moka\n";
}

std::string fish_script(const std::vector<CommandWords>& commands) {
  std::string text;
  for (const CommandWords& command : commands) {
    text += "complete -c moka -n __fish_use_subcommand -a " + command.name + "\n";
    for (const std::string& option : command.options)
      text += "complete -c moka -n '__fish_seen_subcommand_from " + command.name + "' -a '" +
              option + "'\n";
  }
  return text;
}

}  // namespace

std::vector<std::string> options_in(std::string_view usage) {
  std::set<std::string> options;
  for (const std::string& line : split(usage, '\n')) {
    if (!line.starts_with("  -")) continue;
    // "-J JVMOPTION, -e NAME=VALUE": an option, and what stands behind commas.
    for (const std::string& part : split(line, ',')) {
      const std::string_view word = trim(part);
      if (word.starts_with('-')) options.emplace(word.substr(0, word.find_first_of(" =[")));
    }
  }
  return {options.begin(), options.end()};
}

int completion_command_line(const std::vector<std::string>& words,
                            const std::vector<CommandWords>& commands) {
  const std::string shell = words.size() == 1 ? words.front() : "";
  if (shell == "--help" || shell == "-h") {
    std::fputs(kCompletionUsage, stdout);
  } else if (shell == "bash") {
    std::fputs(bash_script(commands).c_str(), stdout);
  } else if (shell == "zsh") {
    std::fputs(("autoload -U +X bashcompinit && bashcompinit\n" + bash_script(commands)).c_str(),
               stdout);
  } else if (shell == "fish") {
    std::fputs(fish_script(commands).c_str(), stdout);
  } else {
    std::fputs("moka: completion knows the shells bash, zsh and fish\n", stderr);
    return kStatusBadInput;
  }
  return 0;
}

}  // namespace moka
