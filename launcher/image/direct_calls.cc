// SPDX-License-Identifier: Apache-2.0
#include "image/direct_calls.h"

#include <string>
#include <utility>
#include <vector>

#include "contract/direct_calls.h"
#include "direct/call_sites.h"
#include "elf/elf_file.h"

namespace moka {
namespace {

// Before anything is read: programs may be executed, and libraries are called so.
bool may_be_program(const std::string& path, const TreeEntry& entry) {
  if (entry.kind != TreeEntry::Kind::kFile) return false;
  return (entry.mode & 0111) != 0 || path.find(".so") != std::string::npos;
}

}  // namespace

void add_direct_calls(TreePlan& plan) {
  std::vector<std::pair<std::string, std::string>> tables;
  for (const auto& [path, entry] : plan.entries()) {
    if (!may_be_program(path, entry) || !looks_like_elf(entry.content)) continue;
    const auto text = ProgramText::read(entry.content);
    if (!text) continue;
    std::string table = direct_call_table(text.value());
    if (!table.empty()) tables.emplace_back(path, std::move(table));
  }
  for (auto& [path, table] : tables)
    plan.add_text(mokapot::contract::kDirectCallsFolder + path, std::move(table));
}

}  // namespace moka
