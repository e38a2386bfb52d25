// SPDX-License-Identifier: Apache-2.0
#include "linux/fifo.h"

#include "fs/device_node.h"
#include "io/pipe.h"
#include "linux/file_arguments.h"
#include "process/descriptor_table.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

// A FIFO's pipe, kept by its vnode between opens.
class FifoAttachment final : public VnodeAttachment {
 public:
  explicit FifoAttachment(RefPtr<Pipe> p) : pipe(std::move(p)) {}
  const RefPtr<Pipe> pipe;
};

SyscallResult make_pipe(VirtAddr to, std::uint64_t flags) {
  if ((flags & ~std::uint64_t{kOpenCloseOnExec | kOpenNonBlock}) != 0) return Errno::kEINVAL;
  PipePair pair = TRY(create_pipe(static_cast<std::uint32_t>(flags & kOpenNonBlock)));
  const CloseOnExec close_on_exec = (flags & kOpenCloseOnExec) != 0 ? CloseOnExec::kYes : CloseOnExec::kNo;
  DescriptorReservation read_end = TRY(DescriptorReservation::create());
  DescriptorReservation write_end = TRY(DescriptorReservation::create());
  const std::int32_t numbers[2] = {read_end.number(), write_end.number()};
  TRY(copy_to_application(to, numbers, sizeof(numbers)));
  read_end.install(std::move(pair.read_end), close_on_exec);
  write_end.install(std::move(pair.write_end), close_on_exec);
  return 0;
}

// Two openers of a FIFO that nobody had open yet must end up with one pipe.
constinit SpinLock first_open_lock{LockRank::kReadiness};

// Nothing but this file hangs attachments on FIFOs.
Result<RefPtr<File>> open_fifo_node(std::uint32_t flags, Vnode& node) {
  RefPtr<VnodeAttachment> attachment = node.attachment();
  if (!attachment) {
    RefPtr<Pipe> pipe = TRY(make_ref<Pipe>());
    RefPtr<VnodeAttachment> fresh = TRY(make_ref<FifoAttachment>(std::move(pipe)));
    SpinGuard guard(first_open_lock);
    attachment = node.attachment();
    if (!attachment) node.set_attachment(attachment = fresh);
  }
  // SAFETY: see above.
  return static_cast<FifoAttachment&>(*attachment).pipe->open_fifo(flags);
}

}  // namespace

void install_fifo_opener() { set_fifo_opener(&open_fifo_node); }

SyscallResult sys_pipe(VirtAddr to) { return make_pipe(to, 0); }
SyscallResult sys_pipe2(VirtAddr to, Flags flags) { return make_pipe(to, flags); }

}  // namespace mokapot
