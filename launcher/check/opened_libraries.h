// SPDX-License-Identifier: Apache-2.0
//
// Which libraries of the system a program opens by a name that stands in its bytecode: JNA's Native.load("udev", ...) and the
// like. The linker knows nothing of them, so they are looked for here.
#pragma once

#include <set>
#include <string>

#include "check/class_file.h"
#include "check/program.h"

namespace moka {

// "udev" for libudev.so.1; or a file's name, as "libudev.so.1". Names that are computed are not found.
std::set<std::string> names_opened_in(const ClassFile& file);

// By all classes of a program that has JNA. Of JNA's own, which know libraries of every system, only by those that a
// class of somebody else's refers to. Blocks; reads every class.
std::set<std::string> find_opened_libraries(const Program& program);

}  // namespace moka
