// SPDX-License-Identifier: Apache-2.0
//
// What a vnode answers where its file system has nothing to say.

#include "fs/vnode.h"

#include "fs/dentry.h"
#include "fs/device_node.h"
#include "fs/page_cache.h"
#include "fs/vnode_file.h"
#include "sync/spinlock.h"

namespace mokapot {
namespace {

constinit SpinLock attachment_lock{LockRank::kDentries};

}  // namespace

Vnode::~Vnode() = default;

Result<RefPtr<Vnode>> Vnode::lookup(std::string_view) { return Errno::kENOENT; }
Result<RefPtr<Vnode>> Vnode::create(std::string_view, std::uint32_t type_and_mode, std::uint64_t) {
  return (type_and_mode & kModeType) == kModeRegular ? Errno::kEACCES : Errno::kEPERM;
}
Result<RefPtr<Vnode>> Vnode::create_link(std::string_view, std::string_view) { return Errno::kEPERM; }
Result<RefPtr<Vnode>> Vnode::create_unnamed(std::uint32_t) { return Errno::kEOPNOTSUPP; }
Result<void> Vnode::link(std::string_view, Vnode&) { return Errno::kEPERM; }
Result<void> Vnode::remove(std::string_view, Vnode&) { return Errno::kEPERM; }
Result<void> Vnode::rename(std::string_view, Vnode&, Vnode&, std::string_view, Vnode*, bool) {
  return Errno::kEPERM;
}
Result<void> Vnode::read_directory(std::uint64_t, EntryVisitor, void*) { return {}; }
Result<std::size_t> Vnode::read_link(char*, std::size_t) { return Errno::kEINVAL; }

Result<RefPtr<Dentry>> Vnode::follow_link() { return RefPtr<Dentry>(); }

Result<RefPtr<File>> Vnode::open(Dentry& dentry, std::uint32_t flags) {
  switch (type()) {
    case kModeRegular:
    case kModeDirectory: {
      auto file = TRY(make_ref<VnodeFile>(RefPtr<Dentry>(&dentry), flags));
      return RefPtr<File>(std::move(file));
    }
    case kModeCharDevice: return open_device(*this, TRY(status()).special_device, flags);
    case kModeFifo: return open_fifo(*this, flags);
    case kModeLink: return Errno::kELOOP;
    default: return Errno::kENXIO;  // sockets, and disks: their nodes exist, but they are not files
  }
}

Result<RefPtr<FileCache>> Vnode::cache() { return Errno::kENODEV; }
Result<std::size_t> Vnode::read(IoBuffer&, std::uint64_t, ReadAhead&) { return Errno::kEINVAL; }
Result<std::size_t> Vnode::write(IoBuffer&, std::uint64_t&, bool) { return Errno::kEINVAL; }
Result<void> Vnode::truncate(std::uint64_t) { return Errno::kEINVAL; }
Result<void> Vnode::allocate(std::uint32_t, std::uint64_t, std::uint64_t) { return Errno::kEOPNOTSUPP; }
Result<void> Vnode::change_attributes(const AttributeChange&) { return Errno::kEPERM; }

Result<std::size_t> Vnode::get_xattr(std::string_view, void*, std::size_t) { return Errno::kEOPNOTSUPP; }
Result<void> Vnode::set_xattr(std::string_view, const void*, std::size_t, std::uint32_t) {
  return Errno::kEOPNOTSUPP;
}
Result<std::size_t> Vnode::list_xattrs(char*, std::size_t) { return std::size_t{0}; }
Result<void> Vnode::remove_xattr(std::string_view) { return Errno::kEOPNOTSUPP; }

RefPtr<VnodeAttachment> Vnode::attachment() const {
  SpinGuard guard(attachment_lock);
  return attachment_;
}

void Vnode::set_attachment(RefPtr<VnodeAttachment> attachment) {
  // The old one is dropped with the parameter, after the lock.
  SpinGuard guard(attachment_lock);
  std::swap(attachment_, attachment);
}

}  // namespace mokapot
