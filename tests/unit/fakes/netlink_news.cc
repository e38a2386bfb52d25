// SPDX-License-Identifier: Apache-2.0
//
// A network without netlink: nobody is told that an address or a link has changed.
#include "net/netlink_news.h"

namespace mokapot {

void note_interface_change() {}

}  // namespace mokapot
