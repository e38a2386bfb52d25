// SPDX-License-Identifier: Apache-2.0
//
// A tool's side: asks the `moka run` of a VM, and through it the VM's kernel and JVM. Blocks.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/vm_registry.h"
#include "support/result.h"

namespace moka {

// Asks a question (contract/vm_contract.h, or tools/tool_server.h) and hands on the answer piece by
// piece. An error is what the other side says of it, or that it went away.
using TakeAnswer = std::function<void(std::string_view)>;
// Called a few times a second while the answer is awaited; false gives up.
using WhileWaiting = std::function<bool()>;
Result<void> ask_vm(const VmView& vm, const std::vector<std::string>& words, const TakeAnswer& take,
                    const WhileWaiting& waiting = nullptr);

// An operation of HotSpot's attach mechanism. The JVM's own refusal is in `error`, as it says it;
// its answer goes to `take` otherwise.
struct JvmAnswer {
  int status = 0;  // 0: done
  std::string error;
};
Result<JvmAnswer> ask_jvm(const VmView& vm, const std::vector<std::string>& words,
                          const TakeAnswer& take, const WhileWaiting& waiting = nullptr);

// One diagnostic command (jcmd) as one word of text.
Result<JvmAnswer> run_diagnostic_command(const VmView& vm, const std::string& command,
                                         const TakeAnswer& take,
                                         const WhileWaiting& waiting = nullptr);

}  // namespace moka
