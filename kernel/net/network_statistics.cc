// SPDX-License-Identifier: Apache-2.0
#include "net/network_statistics.h"

#include "net/firewall.h"
#include "net/stack.h"
#include "net/syn_cookie_counters.h"

#include "lwip/priv/tcp_priv.h"
#include "lwip/stats.h"

namespace mokapot {
namespace {

std::uint64_t count(const tcp_pcb* list, bool (*counts)(const tcp_pcb&)) {
  std::uint64_t found = 0;
  for (; list != nullptr; list = list->next) found += counts(*list) ? 1 : 0;
  return found;
}

bool is_established(const tcp_pcb& pcb) { return pcb.state == ESTABLISHED || pcb.state == CLOSE_WAIT; }
// Its socket has let go of it (StackTcpEndpoint::close), or its listener never had one for it.
bool is_orphan(const tcp_pcb& pcb) { return pcb.state > SYN_RCVD && pcb.recv == nullptr; }
bool is_any(const tcp_pcb&) { return true; }

}  // namespace

NetworkStatistics network_statistics() {
  const NetCoreGuard core;
  NetworkStatistics all;
  const stats_mib2& mib = lwip_stats.mib2;
  all.ip = {mib.ipinreceives, mib.ipinhdrerrors, mib.ipinaddrerrors, mib.ipinunknownprotos, mib.ipindiscards, mib.ipindelivers,
            mib.ipoutrequests, mib.ipoutdiscards, mib.ipoutnoroutes, mib.ipreasmreqds, mib.ipreasmoks, mib.ipreasmfails,
            mib.ipfragoks, mib.ipfragfails, mib.ipfragcreates};
  all.icmp = {mib.icmpinmsgs, mib.icmpinerrors, mib.icmpindestunreachs, mib.icmpinechos, mib.icmpinechoreps, mib.icmpoutmsgs,
              mib.icmpouterrors, mib.icmpoutdestunreachs, mib.icmpoutechos, mib.icmpoutechoreps};
  const stats_proto &ip6 = lwip_stats.ip6, &fragments = lwip_stats.ip6_frag, &icmp6 = lwip_stats.icmp6;
  all.ip6 = {ip6.recv, ip6.chkerr + ip6.lenerr, ip6.proterr, ip6.drop, ip6.xmit, ip6.rterr, fragments.recv, fragments.xmit};
  all.icmp6 = {icmp6.recv, icmp6.err + icmp6.chkerr + icmp6.lenerr, icmp6.xmit};
  const FirewallCounters dropped = firewall_counters();
  const SynCookieCounters cookies = syn_cookie_counters();
  all.tcp = {mib.tcpactiveopens, mib.tcppassiveopens, mib.tcpattemptfails, mib.tcpestabresets,
             count(tcp_active_pcbs, is_established), mib.tcpinsegs, mib.tcpoutsegs, mib.tcpretranssegs, mib.tcpinerrs,
             mib.tcpoutrsts, cookies.sent, cookies.received, count(tcp_active_pcbs, is_orphan), count(tcp_tw_pcbs, is_any),
             dropped.tcp};
  all.udp = {mib.udpindatagrams, mib.udpnoports, mib.udpinerrors, mib.udpoutdatagrams, dropped.udp};
  return all;
}

}  // namespace mokapot
