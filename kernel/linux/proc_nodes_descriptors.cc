// SPDX-License-Identifier: Apache-2.0
//
// /proc/<pid>/fd: links that lead to the open files themselves, whether they have a name or not; and fdinfo.

#include "base/format.h"
#include "fs/path_walk.h"
#include "fs/vfs.h"
#include "linux/proc_nodes_internal.h"
#include "process/descriptor_table.h"

namespace mokapot::proc_nodes {
namespace {

Result<RefPtr<File>> file_of(PseudoContext context) {
  auto file = descriptor_file_or_path(static_cast<std::int32_t>(context.b));
  if (!file.ok()) return Errno::kENOENT;
  return file;
}

Result<PseudoContext> find_descriptor(std::string_view name, PseudoContext context) {
  std::uint64_t number = 0;
  if (!parse_number(name, number) || number >= kMaxDescriptors) return Errno::kENOENT;
  context.b = number;
  TRY(file_of(context));
  return context;
}

Result<void> list_descriptors(PseudoContext, std::uint64_t first,
                              bool (*visit)(std::uint64_t number, std::string_view name, void* context),
                              void* visitor) {
  if (first >= kMaxDescriptors) return {};
  for (std::int32_t fd = next_descriptor(static_cast<std::int32_t>(first)); fd >= 0; fd = next_descriptor(fd + 1)) {
    char name[16];
    const std::size_t size = format_to(name, sizeof name, "%d", fd);
    if (!visit(static_cast<std::uint64_t>(fd), {name, size}, visitor)) break;
  }
  return {};
}

Result<RefPtr<Dentry>> follow_descriptor(PseudoContext context) { return dentry_of_file(TRY(file_of(context))); }

// What readlink shows: the path, or the kind of an object without one, with its inode where Linux has it.
Result<void> print_descriptor_target(TextSink& out, PseudoContext context) {
  RefPtr<File> file = TRY(file_of(context));
  RefPtr<Dentry> named;
  if (Dentry* dentry = file->dentry()) named = RefPtr<Dentry>(dentry);
  if (named) {
    std::unique_ptr<char[]> path(new (std::nothrow) char[kPathMax]);
    if (!path) return Errno::kENOMEM;
    out.write({path.get(), TRY(path_of(*named, path.get(), kPathMax))});
    return {};
  }
  char description[64];
  if (const std::size_t size = file->describe(description, sizeof description); size != 0) {
    out.write({description, size < sizeof description ? size : sizeof description - 1});
    return {};
  }
  const FileStatus status = TRY(file->status());
  const auto inode = static_cast<unsigned long>(status.inode);
  switch (status.mode & kModeType) {
    case kModeFifo: out.print("pipe:[%lu]", inode); break;
    case kModeSocket: out.print("socket:[%lu]", inode); break;
    case kModeCharDevice: {
      // A terminal or a device of /dev; the console is the only one that has no node open.
      const bool null = status.special_device == make_device_number(1, 3);
      out.write(null ? "/dev/null" : "/dev/console");
      break;
    }
    default: out.write("anon_inode:[eventfd]"); break;
  }
  return {};
}

Result<void> print_descriptor_information(TextSink& out, PseudoContext context) {
  RefPtr<File> file = TRY(file_of(context));
  std::uint64_t position = 0;
  if (auto at = file->seek(0, Whence::kCurrent); at.ok()) position = at.value();
  const FileStatus status = TRY(file->status());
  out.print("pos:\t%lu\nflags:\t0%o\nmnt_id:\t%d\nino:\t%lu\n", static_cast<unsigned long>(position), file->flags(), 15,
            static_cast<unsigned long>(status.inode));
  return {};
}

constexpr PseudoEntry make_link() {
  PseudoEntry e = pseudo_object_link("", follow_descriptor, 0700);
  e.generate = print_descriptor_target;
  return e;
}
constexpr PseudoEntry kLink = make_link();
constexpr PseudoEntry kInformation = pseudo_file("", print_descriptor_information, 0400);

}  // namespace

constexpr PseudoDynamic kDescriptorLinks{find_descriptor, list_descriptors, &kLink};
constexpr PseudoDynamic kDescriptorInformation{find_descriptor, list_descriptors, &kInformation};

}  // namespace mokapot::proc_nodes
