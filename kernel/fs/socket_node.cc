// SPDX-License-Identifier: Apache-2.0
#include "fs/socket_node.h"

#include "fs/vfs.h"

namespace mokapot {
namespace {

// The socket behind a node, as the node keeps it. The socket need not live as long.
class NamedSocket final : public VnodeAttachment {
 public:
  explicit NamedSocket(RefPtr<UnixSocketName> n) : name(std::move(n)) {}
  const RefPtr<UnixSocketName> name;
};

}  // namespace

Result<void> make_socket_node(UnixSocketBase& socket, std::string_view path) {
  constexpr std::uint32_t kSocketPermissions = 0777;  // cut by the umask
  Result<RefPtr<Dentry>> made = vfs_make_node(nullptr, path, kModeSocket | kSocketPermissions, 0);
  if (!made.ok()) return made.error() == Errno::kEEXIST ? Errno::kEADDRINUSE : made.error();
  made.value()->vnode().set_attachment(TRY(make_ref<NamedSocket>(TRY(socket.name_for_node()))));
  return {};
}

Result<RefPtr<UnixSocketBase>> find_socket_at(std::string_view path, int type) {
  RefPtr<Dentry> dentry = TRY(vfs_resolve(nullptr, path));
  if (dentry->vnode().type() != kModeSocket) return Errno::kECONNREFUSED;
  RefPtr<VnodeAttachment> attachment = dentry->vnode().attachment();
  if (!attachment) return Errno::kECONNREFUSED;
  // SAFETY: nothing else hangs attachments on socket nodes.
  RefPtr<UnixSocketBase> found = static_cast<NamedSocket&>(*attachment).name->socket();
  if (!found) return Errno::kECONNREFUSED;
  if (found->type() != type) return Errno::kEPROTOTYPE;
  return found;
}

}  // namespace mokapot
