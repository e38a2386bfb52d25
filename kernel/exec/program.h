// SPDX-License-Identifier: Apache-2.0
//
// Starting the one program: its segments and its interpreter's, the vDSO, the first stack with arguments,
// environment and auxiliary vector, and the task that runs it. Thread context, before any task exists.
#pragma once

#include <span>
#include <string_view>

#include "base/ref_counted.h"
#include "base/result.h"
#include "process/task.h"

namespace mokapot {

struct ProgramRequest {
  std::string_view path;                         // absolute
  std::span<const std::string_view> arguments;   // argv[0] first
  std::span<const std::string_view> environment;
  std::string_view hostname;
};

// The task is ready to start(). Errors as execve(2): kENOENT, kEACCES, kENOEXEC, kELIBBAD (interpreter),
// kE2BIG, kENOMEM. failed_path says which file an error is about.
Result<RefPtr<Task>> load_program(const ProgramRequest& request, std::string_view& failed_path);

// Publishes the clock to the vDSO's data page; again after the wall clock was set.
void refresh_vdso_clock();

}  // namespace mokapot
