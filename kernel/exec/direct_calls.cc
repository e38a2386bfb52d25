// SPDX-License-Identifier: Apache-2.0
#include "exec/direct_calls.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "base/global.h"
#include "base/intrusive.h"
#include "exec/direct_call_table.h"
#include "fs/vfs.h"
#include "sync/spinlock.h"
#include "trace/log.h"
#include "vm/address_space.h"
#include "vm/text_patch.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr const char* kRegionName = "[direct-calls]";

constinit bool allowed = false;  // set at boot, before there is a program

class Module;
struct ModuleList;

// One mapped text with its trampolines. On the list from the moment that jumps to them may be seen.
class Module final : public TextPatch {
 public:
  Module(DirectCallTable table, VirtAddr text) : table_(std::move(table)), text_(text) {}
  ~Module() override;

  Result<void> map_trampolines();
  void publish();

  bool covers(VirtAddr page) const override { return page >= text_ && table_.has_sites_in(page - text_); }
  void apply(VirtAddr page, std::byte* contents) const override { table_.put_jumps(page - text_, contents, code_, text_); }
  void revert(VirtAddr page, std::byte* contents) const override { table_.take_jumps(page - text_, contents, code_, text_); }

  bool runs_at(VirtAddr address) const { return address >= code_ && address < code_ + table_.code_size(); }
  bool begins_trampoline(VirtAddr address) const { return runs_at(address) && table_.begins_trampoline(address - code_); }
  VirtAddr original_of(VirtAddr address) const { return text_ + table_.original_place(address - code_); }

  ListHook hook;  // modules

 private:
  const DirectCallTable table_;
  const VirtAddr text_;  // where the segment begins
  VirtAddr code_;        // of the trampolines; null: there are none yet
};

struct ModuleList {
  SpinLock lock{LockRank::kTask};
  IntrusiveList<Module, &Module::hook> list GUARDED_BY(lock);
};
constinit Global<ModuleList> modules;

void Module::publish() {
  SpinGuard guard(modules->lock);
  modules->list.push_back(*this);
}

// No region has the text any more.
Module::~Module() {
  if (hook.is_linked()) {
    SpinGuard guard(modules->lock);
    modules->list.erase(modules->list.iterator_to(*this));
  }
  if (!code_.is_null()) address_space().unmap_named(code_, table_.code_size(), kRegionName);
}

Result<void> Module::map_trampolines() {
  MapRequest request;
  request.size = table_.code_size();
  request.address = text_;
  request.placement = Placement::kNear;
  request.protection = Protection::kRead | Protection::kWrite;
  request.stack = true;  // 4 KiB pages
  request.name = kRegionName;
  code_ = TRY(address_space().map(request));
  Vector<std::byte> code;
  TRY(code.resize(table_.code_size()));
  TRY(table_.write_code(code.span(), code_, text_));
  TRY(copy_to_application(code_, code.data(), code.size()));
  return address_space().protect(code_, request.size, Protection::kRead | Protection::kExecute);
}

Result<Vector<std::uint64_t>> read_table(File& file, std::size_t& size) {
  char path[kPathMax];
  const std::size_t folder = std::strlen(contract::kDirectCallsFolder);
  if (file.dentry() == nullptr) return Errno::kENOENT;
  std::memcpy(path, contract::kDirectCallsFolder, folder);
  const std::size_t length = folder + TRY(path_of(*file.dentry(), path + folder, sizeof(path) - folder));
  const RefPtr<File> table = TRY(vfs_open(nullptr, {path, length}, kOpenReadOnly, 0));
  size = TRY(table->status()).size;
  if (size > contract::kDirectCallsMostBytes) return Errno::kEINVAL;
  Vector<std::uint64_t> words;
  TRY(words.resize(align_up(size, sizeof(std::uint64_t)) / sizeof(std::uint64_t)));
  IoBuffer buffer(words.data(), size);
  for (std::size_t done = 0; done < size;) {
    const std::size_t count = TRY(table->read_at(buffer, done));
    if (count == 0) return Errno::kEINVAL;
    done += count;
  }
  return words;
}

Result<void> install(File& file, VirtAddr place, std::uint64_t size, std::uint64_t offset) {
  std::size_t table_size = 0;
  Vector<std::uint64_t> words = TRY(read_table(file, table_size));
  DirectCallTable table = TRY(DirectCallTable::create(std::move(words), table_size));
  const contract::DirectCallsHeader& header = table.header();
  // The whole of the segment and nothing else, as loaders map it.
  if (header.segment_offset != offset || header.segment_size > align_up(size, kPageSize)) return Errno::kENOENT;
  RefPtr<Module> module = TRY(make_ref<Module>(std::move(table), place));
  TRY(module->map_trampolines());
  module->publish();
  return address_space().patch_text(place, size, RefPtr<TextPatch>(module));
}

}  // namespace

void allow_direct_calls() {
  modules.construct();
  allowed = true;
}

void install_direct_calls(File& file, VirtAddr place, std::uint64_t size, std::uint64_t offset) {
  if (!allowed) return;
  const Result<void> installed = install(file, place, size, offset);
  if (!installed.ok() && installed.error() != Errno::kENOENT)
    LOG_INFO("mokapot: no direct calls for the text at %#lx: %s", place.value(), errno_name(installed.error()));
}

void leave_trampoline(arch::TrapFrame& frame) {
  if (!allowed) return;
  const VirtAddr address = frame.instruction_pointer();
  SpinGuard guard(modules->lock);
  for (const Module& module : modules->list) {
    if (!module.runs_at(address)) continue;
    frame.set_instruction_pointer(module.original_of(address));
    return;
  }
}

bool enters_trampoline(const arch::TrapFrame& frame) {
  if (!allowed) return false;
  SpinGuard guard(modules->lock);
  return std::any_of(modules->list.begin(), modules->list.end(),
                     [&](const Module& module) { return module.begins_trampoline(frame.instruction_pointer()); });
}

}  // namespace mokapot
