// SPDX-License-Identifier: Apache-2.0
#include "api/proc_question.h"

#include "base/format.h"
#include "base/vector.h"
#include "fs/vfs.h"

namespace mokapot {
namespace {

constexpr std::size_t kChunk = 4096;
constexpr std::size_t kLongestName = 64;

// Files of processes are links away from the files that are meant; names that lead elsewhere are none.
bool is_name(std::string_view name) {
  if (name.empty() || name.size() > kLongestName) return false;
  for (const char letter : name) {
    const bool is_plain = (letter >= 'a' && letter <= 'z') || (letter >= '0' && letter <= '9') || letter == '_' || letter == '/';
    if (!is_plain) return false;
  }
  return true;
}

}  // namespace

std::string_view answer_from_proc(std::span<const std::string_view> names, ToolStream& stream) {
  Vector<char> chunk;
  if (!chunk.resize(kChunk).ok()) return "the VM has no memory left for tools";
  for (const std::string_view name : names) {
    if (!is_name(name)) return "this is no name of a file in /proc";
    TextBuffer<kLongestName + 8> path, header;
    path.append("/proc/%.*s", static_cast<int>(name.size()), name.data());
    header.append("== %.*s\n", static_cast<int>(name.size()), name.data());
    const Result<RefPtr<File>> file = vfs_open(nullptr, path.view(), kOpenReadOnly, 0);
    if (!file.ok()) return "there is no such file in /proc of this kernel; moka is newer than it";
    if (!stream.send(header.view().data(), header.view().size()).ok()) return "";
    while (true) {
      IoBuffer into(chunk.data(), kChunk);
      const Result<std::size_t> size = file.value()->read(into);
      if (!size.ok()) return "a file in /proc cannot be read";
      if (size.value() == 0) break;
      if (!stream.send(chunk.data(), size.value()).ok()) return "";
    }
  }
  return "";
}

}  // namespace mokapot
