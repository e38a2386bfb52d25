// SPDX-License-Identifier: Apache-2.0
//
// `moka doctor`: what this host can do, and what to install for the rest.
#pragma once

#include <string>
#include <vector>

namespace moka {

// `words`: what follows `moka doctor`. Returns the exit status: 0 where moka run and moka build
// work, 1 where something that they need is missing.
int doctor_command_line(const std::vector<std::string>& words);

extern const char* const kDoctorUsage;

}  // namespace moka
