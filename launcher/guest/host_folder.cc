// SPDX-License-Identifier: Apache-2.0
#include "guest/host_folder.h"

#include <unistd.h>

#include <cerrno>

#include "support/files.h"

namespace moka {

Result<HostFolder> parse_host_folder(std::string_view text) {
  const std::string option = "--mount " + std::string(text);
  HostFolder folder;
  std::string_view rest = text;
  if (rest.ends_with(":ro") || rest.ends_with(":rw")) {
    folder.is_read_only = rest.ends_with(":ro");
    rest.remove_suffix(3);
  }
  // The last colon parts them: a path of the host may hold others.
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == rest.size())
    return Error{option + " is no mount; give HOST:GUEST, and :ro behind it to write nothing"};
  folder.host = absolute_path(rest.substr(0, colon));
  const std::string_view guest = rest.substr(colon + 1);
  if (guest.front() != '/')
    return Error{option + ": the guest's path must be absolute, as in /data"};
  folder.guest = absolute_path(guest);
  if (folder.guest == "/")
    return Error{option + ": the guest's root is taken; name a folder in it"};
  if (!is_directory(folder.host)) return Error{option + ": no such folder: " + folder.host};
  if (::access(folder.host.c_str(), R_OK | X_OK | (folder.is_read_only ? 0 : W_OK)) != 0)
    return Error{option + ": " + folder.host + ": " + error_text(errno) +
                 (errno == EACCES && !folder.is_read_only ? "; give :ro to read only" : "")};
  return folder;
}

std::string mount_tag(std::size_t number) { return "mokapot" + std::to_string(number); }

}  // namespace moka
