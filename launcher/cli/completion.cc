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

// What may follow a command: its own first words, then options where one is begun.
std::string bash_script(const std::vector<CommandWords>& commands) {
  std::string text =
      "_moka() {\n"
      "  local word=${COMP_WORDS[COMP_CWORD]} words= options=\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    words='" +
      names_of(commands) +
      "'\n"
      "  else\n"
      "    case ${COMP_WORDS[1]} in\n";
  for (const CommandWords& command : commands)
    text += "      " + command.name + ") words='" + join(command.subcommands) + "' options='" +
            join(command.options) + "' ;;\n";
  return text +
         "    esac\n"
         "    [ \"$COMP_CWORD\" -eq 2 ] || words=\n"
         "    case $word in -*) words=$options ;; esac\n"
         "  fi\n"
         "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
         "}\n"
         "complete -o default -F _moka moka\n";
}

// In a folder of zsh's function path it is loaded at the first completion; by `source` it registers
// itself.
std::string zsh_script(const std::vector<CommandWords>& commands) {
  std::string text =
      "#compdef moka\n"
      "_moka() {\n"
      "  local -a first options\n"
      "  if [[ $CURRENT -eq 2 ]]; then\n"
      "    compadd -- " +
      names_of(commands) +
      "\n"
      "    return\n"
      "  fi\n"
      "  case ${words[2]} in\n";
  for (const CommandWords& command : commands)
    text += "    " + command.name + ") first=(" + join(command.subcommands) + ") options=(" +
            join(command.options) + ") ;;\n";
  return text +
         "  esac\n"
         "  if [[ ${words[CURRENT]} == -* ]]; then\n"
         "    compadd -- $options\n"
         "  elif [[ $CURRENT -eq 3 && ${#first} -gt 0 ]]; then\n"
         "    compadd -- $first\n"
         "  else\n"
         "    _files\n"
         "  fi\n"
         "}\n"
         "if [[ ${funcstack[1]} == _moka ]]; then _moka \"$@\"; else compdef _moka moka; fi\n";
}

std::string fish_script(const std::vector<CommandWords>& commands) {
  std::string text;
  for (const CommandWords& command : commands) {
    text += "complete -c moka -n __fish_use_subcommand -a " + command.name + "\n";
    for (const auto* words : {&command.subcommands, &command.options})
      for (const std::string& word : *words)
        text += "complete -c moka -n '__fish_seen_subcommand_from " + command.name + "' -a '" +
                word + "'\n";
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

std::vector<std::string> subcommands_in(std::string_view usage) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz";
  std::set<std::string> words;
  for (const std::string& line : split(usage, '\n')) {
    // "usage: moka image ls [--output json]", "       moka image rm NAME...", or "... VM a|b".
    const bool is_usage = line.starts_with("usage: moka ") || line.starts_with("       moka ");
    if (!is_usage) continue;
    const std::vector<std::string> parts = split(line.substr(7), ' ');
    if (parts.size() < 3) continue;
    const std::vector<std::string> choices = split(parts[2], '|');
    bool are_words = true;
    for (const std::string& choice : choices)
      are_words =
          are_words && !choice.empty() && choice.find_first_not_of(kLetters) == std::string::npos;
    if (are_words) words.insert(choices.begin(), choices.end());
  }
  return {words.begin(), words.end()};
}

int completion_command_line(const std::vector<std::string>& words,
                            const std::vector<CommandWords>& commands) {
  const std::string shell = words.size() == 1 ? words.front() : "";
  if (shell == "--help" || shell == "-h") {
    std::fputs(kCompletionUsage, stdout);
  } else if (shell == "bash") {
    std::fputs(bash_script(commands).c_str(), stdout);
  } else if (shell == "zsh") {
    std::fputs(zsh_script(commands).c_str(), stdout);
  } else if (shell == "fish") {
    std::fputs(fish_script(commands).c_str(), stdout);
  } else {
    std::fputs("moka: completion knows the shells bash, zsh and fish\n", stderr);
    return kStatusBadInput;
  }
  return 0;
}

}  // namespace moka
