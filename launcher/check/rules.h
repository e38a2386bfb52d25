// SPDX-License-Identifier: Apache-2.0
//
// Which methods of the JDK cannot do their work in a VM.
#pragma once

#include <optional>
#include <string>

#include "check/bytecode.h"
#include "check/findings.h"

namespace moka {

struct Rule {
  Finding::Kind kind;
  std::string_view owner;
  std::string_view name;  // ends with '*': begins so
  const char* does;       // "starts a process"
  const char* consequence;
};

// The rule that a call comes under, or nullptr. Loading libraries is one, whatever their name.
const Rule* rule_for(const MethodReference& method);

// Whether a handler of this type takes what the call throws, so that the program goes on.
bool takes_failure(Finding::Kind kind, std::string_view exception);

}  // namespace moka
