// SPDX-License-Identifier: Apache-2.0
//
// /proc/net. `pnp` is where Linux's own DHCP client leaves what resolv.conf is to say; /etc/resolv.conf is a link to it.
#include "linux/proc_nodes_internal.h"
#include "net/network.h"

namespace mokapot::proc_nodes {
namespace {

// Opening it waits for the network: whoever reads it is about to resolve a name, and would keep what it finds.
Result<void> print_resolver_configuration(TextSink& out, PseudoContext) {
  TRY(wait_for_network(Interruptible::kYes));
  char text[512];
  out.write({text, format_resolver_configuration(text, sizeof(text))});
  return {};
}

}  // namespace

const PseudoEntry kNetworkEntries[] = {
    pseudo_file("pnp", print_resolver_configuration),
    kPseudoEnd,
};

}  // namespace mokapot::proc_nodes
