// SPDX-License-Identifier: Apache-2.0
//
// Files whose contents the kernel makes up when they are read: procfs, sysfs and the cgroup tree. The layers
// above describe nodes by tables of PseudoEntry. A file's text is made when a read does not continue the one before:
// whoever reads it in pieces sees one state, and whoever goes back to its beginning sees the next.
//
// A node carries two words for its generator (a thread id, a CPU number ...), inherited from its directory.
// Locks: none; entries are const. Generators run in thread context with no lock held but those of a
// directory look-up in fixed directories (namespace lock, shared), and may block.
#pragma once

#include <cstdarg>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/ref_counted.h"
#include "base/result.h"
#include "fs/vnode.h"

namespace mokapot {

// Text that grows as it is written. The first failure to grow is kept and reported by the read.
class TextSink {
 public:
  TextSink() = default;
  TextSink(const TextSink&) = delete;
  TextSink& operator=(const TextSink&) = delete;
  void print(const char* format, ...) __attribute__((format(printf, 2, 3)));
  void write(std::string_view text);
  bool failed() const { return failed_; }
  std::string_view view() const { return {text_.get(), size_}; }
  Result<std::unique_ptr<char[]>> take(std::size_t& size);

 private:
  bool reserve(std::size_t more);
  std::unique_ptr<char[]> text_;
  std::size_t size_ = 0, capacity_ = 0;
  bool failed_ = false;
};

struct PseudoContext {
  std::uint64_t a = 0, b = 0;
};

struct PseudoEntry;
// A directory whose names come and go.
struct PseudoDynamic {
  // The context of the child called name; kENOENT.
  Result<PseudoContext> (*find)(std::string_view name, PseudoContext context);
  // Names in ascending order of their number (>= first); the number is the position. visit returns false to stop.
  Result<void> (*list)(PseudoContext context, std::uint64_t first,
                       bool (*visit)(std::uint64_t number, std::string_view name, void* context), void* visitor);
  const PseudoEntry* child;  // what each of them is; its name is not used
};

struct PseudoEntry {
  enum class Kind : std::uint8_t { kFile, kLink, kObjectLink, kDirectory, kEnd } kind = Kind::kEnd;
  const char* name = nullptr;
  std::uint32_t mode = 0;
  // kFile: the contents. kLink: the target.
  Result<void> (*generate)(TextSink& out, PseudoContext context) = nullptr;
  // kFile, if it may be written: one write's text.
  Result<void> (*accept)(std::string_view text, PseudoContext context) = nullptr;
  // kFile, instead of generate: what stands at an offset, for files that are tables by address. 0 at the end.
  Result<std::size_t> (*read)(IoBuffer& into, std::uint64_t offset, PseudoContext context) = nullptr;
  // kObjectLink: what it leads to; generate gives what readlink shows, or null: the object's path.
  Result<RefPtr<Dentry>> (*follow)(PseudoContext context) = nullptr;
  const PseudoEntry* children = nullptr;   // kDirectory: up to kEnd
  const PseudoDynamic* dynamic = nullptr;  // kDirectory: after the children
  bool (*present)(PseudoContext context) = nullptr;  // null: always
  // A constant text is file(name, "text") without a generator.
  const char* text = nullptr;
};

// Makes tables readable.
constexpr PseudoEntry pseudo_entry(PseudoEntry::Kind kind, const char* name, std::uint32_t mode) {
  PseudoEntry e;
  e.kind = kind;
  e.name = name;
  e.mode = mode;
  return e;
}
constexpr PseudoEntry pseudo_file(const char* name, Result<void> (*generate)(TextSink&, PseudoContext),
                                  std::uint32_t mode = 0444,
                                  Result<void> (*accept)(std::string_view, PseudoContext) = nullptr) {
  PseudoEntry e = pseudo_entry(PseudoEntry::Kind::kFile, name, mode);
  e.generate = generate;
  e.accept = accept;
  return e;
}
constexpr PseudoEntry pseudo_text(const char* name, const char* text, std::uint32_t mode = 0444) {
  PseudoEntry e = pseudo_entry(PseudoEntry::Kind::kFile, name, mode);
  e.text = text;
  return e;
}
constexpr PseudoEntry pseudo_table(const char* name,
                                   Result<std::size_t> (*read)(IoBuffer&, std::uint64_t, PseudoContext),
                                   std::uint32_t mode = 0444) {
  PseudoEntry e = pseudo_entry(PseudoEntry::Kind::kFile, name, mode);
  e.read = read;
  return e;
}
constexpr PseudoEntry pseudo_directory(const char* name, const PseudoEntry* children,
                                       const PseudoDynamic* dynamic = nullptr, std::uint32_t mode = 0555) {
  PseudoEntry e = pseudo_entry(PseudoEntry::Kind::kDirectory, name, mode);
  e.children = children;
  e.dynamic = dynamic;
  return e;
}
constexpr PseudoEntry pseudo_link(const char* name, Result<void> (*target)(TextSink&, PseudoContext)) {
  PseudoEntry e = pseudo_entry(PseudoEntry::Kind::kLink, name, 0777);
  e.generate = target;
  return e;
}
constexpr PseudoEntry pseudo_text_link(const char* name, const char* target) {
  PseudoEntry e = pseudo_entry(PseudoEntry::Kind::kLink, name, 0777);
  e.text = target;
  return e;
}
constexpr PseudoEntry pseudo_object_link(const char* name, Result<RefPtr<Dentry>> (*follow)(PseudoContext),
                                         std::uint32_t mode = 0777) {
  PseudoEntry e = pseudo_entry(PseudoEntry::Kind::kObjectLink, name, mode);
  e.follow = follow;
  return e;
}
inline constexpr PseudoEntry kPseudoEnd{};

// Gives the mounts of mount_pseudo_file_systems their contents. Each is a kDirectory; called once, at boot. A mount
// that was not given any is an empty directory.
void set_proc_root(const PseudoEntry* root);
void set_sys_root(const PseudoEntry* root);
void set_cgroup_root(const PseudoEntry* root);

enum class PseudoTree : std::uint8_t { kProc, kSys, kCgroup };
Result<RefPtr<Vnode>> make_pseudo_root(PseudoTree tree, std::uint64_t device);

}  // namespace mokapot
