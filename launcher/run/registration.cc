// SPDX-License-Identifier: Apache-2.0
#include "run/registration.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "support/files.h"
#include "tools/tool_server.h"

namespace moka {
namespace {

// The last word on a flag of HotSpot's that is off by default.
bool is_switched_on(const std::vector<std::string>& jvm_options, const std::string& flag) {
  bool is_on = false;
  for (const std::string& option : jvm_options) {
    if (option == "-XX:+" + flag) is_on = true;
    if (option == "-XX:-" + flag) is_on = false;
  }
  return is_on;
}

Result<VmEntry> claim(const RunOptions& options) {
  const VmRegistry registry = MOKA_TRY(VmRegistry::open());
  if (!options.vm_name.empty()) return registry.claim(options.vm_name);
  return registry.claim_any(default_vm_name(options.name));
}

}  // namespace

Result<Registration> Registration::make(const RunOptions& options, const Messages& messages) {
  Registration made;
  Result<VmEntry> entry = claim(options);
  if (!entry) {
    if (!options.vm_name.empty() || options.is_detached) return entry.error();
    std::fputs(
        messages.note("moka ps and tools will not know this VM: " + entry.error().message).c_str(),
        stderr);
    if (options.artifacts.empty() || options.artifacts == kNoArtifacts) return made;
    made.artifacts_.emplace(MOKA_TRY(Artifacts::create(options.artifacts, "")));
    return made;
  }
  made.entry_.emplace(std::move(entry).value());
  made.entry_->record.is_detached = options.is_detached;
  made.tool_listener_ = MOKA_TRY(listen_for_tools(made.entry_->folder()));
  if (options.artifacts != kNoArtifacts)
    made.artifacts_.emplace(MOKA_TRY(Artifacts::create(options.artifacts, made.entry_->name())));
  return made;
}

Result<void> Registration::describe(const RunOptions& options, bool is_java,
                                    const std::vector<std::string>& jvm_options,
                                    std::uint64_t memory_mib, unsigned cpus) {
  if (!entry_) return {};
  VmRecord& record = entry_->record;
  record.program = options.name;
  record.is_java = is_java;
  record.can_attach = !is_switched_on(jvm_options, "DisableAttachMechanism");
  record.memory_mib = memory_mib;
  record.cpus = cpus;
  record.started = std::time(nullptr);
  if (artifacts_) record.artifacts = artifacts_->folder();
  return entry_->save();
}

void Registration::note_port(const PortNotice& notice) {
  if (!entry_ || !notice.address || notice.kind == PortNotice::Kind::kRefused) return;
  std::vector<VmRecord::Port>& ports = entry_->record.ports;
  const VmRecord::Port port{notice.protocol == Protocol::kUdp ? "udp" : "tcp",
                            notice.address->text(), notice.host_port, notice.guest_port};
  std::erase(ports, port);
  if (notice.kind == PortNotice::Kind::kPublished) ports.push_back(port);
  (void)entry_->save();  // `moka ps` shows a port less; nothing depends on it
}

std::string Registration::last_words(const Messages& messages) const {
  if (!artifacts_) return {};
  // A crash's report in full: whoever runs a VM far away may see its console and nothing else.
  std::string text = artifacts_->crash_report();
  for (const Artifacts::File& file : artifacts_->written())
    text += messages.artifact(file.path, file.size);
  return text;
}

void Registration::end(const ExitReport& report) {
  artifacts_.reset();
  if (entry_) entry_->end(report.json());
  entry_.reset();
}

}  // namespace moka
