// SPDX-License-Identifier: Apache-2.0
//
// Which calls every run of a program makes, as far as the bytecode shows it: from main on, what
// stands on every way through a method, in methods that are sure to be the ones called. It says
// less than is true and never more.
#pragma once

#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "check/class_file.h"
#include "check/findings.h"
#include "check/program.h"

namespace moka {

struct CertainCalls {
  using Site = std::tuple<std::string, std::string, std::uint32_t>;  // class, method, offset

  // Those under a rule whose failure nothing catches.
  std::set<Site> sites;
  std::set<std::string> classes;  // that are loaded for sure
};

// `super_classes`: all classes of the program that another one extends: their methods may be
// overridden. `mains`: "a.b.C".
CertainCalls find_certain_calls(const Program& program, const std::vector<std::string>& mains,
                                const std::set<std::string>& super_classes);

std::string method_key(const Method& method);

}  // namespace moka
