// SPDX-License-Identifier: Apache-2.0
//
// /proc/net's counters: snmp, snmp6, netstat, sockstat and sockstat6, in Linux's columns. A column that has no counter here is zero.
// netstat has a protocol of our own at its end, which programs that look for theirs pass over.
#include "linux/proc_nodes_internal.h"
#include "net/inet_socket.h"
#include "net/network_statistics.h"
#include "net/port_table.h"

namespace mokapot::proc_nodes {
namespace {

struct SocketCount {
  int family;
  unsigned count = 0;
};
unsigned count_sockets(InetProtocol protocol, int family) {
  SocketCount sought{family};
  visit_port_holders(
      protocol,
      [](const PortHolder& holder, void* context) {
        auto& s = *static_cast<SocketCount*>(context);
        s.count += holder.socket.family() == s.family ? 1 : 0;
      },
      &sought);
  return sought.count;
}

void print_ip(TextSink& out, const NetworkStatistics& all) {
  const auto& ip = all.ip;
  out.print("Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos InDiscards InDelivers "
            "OutRequests OutDiscards OutNoRoutes ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs FragFails FragCreates\n");
  out.print("Ip: 2 64 %lu %lu %lu 0 %lu %lu %lu %lu %lu %lu 0 %lu %lu %lu %lu %lu %lu\n", number(ip.in_receives),
            number(ip.in_header_errors), number(ip.in_address_errors), number(ip.in_unknown_protocols), number(ip.in_discards),
            number(ip.in_delivers), number(ip.out_requests), number(ip.out_discards), number(ip.out_no_routes),
            number(ip.reassembly_wanted), number(ip.reassembled), number(ip.reassembly_failures), number(ip.fragmented),
            number(ip.fragment_failures), number(ip.fragments_made));
}

void print_icmp(TextSink& out, const NetworkStatistics& all) {
  const auto& icmp = all.icmp;
  out.print("Icmp: InMsgs InErrors InCsumErrors InDestUnreachs InTimeExcds InParmProbs InSrcQuenchs InRedirects InEchos InEchoReps "
            "InTimestamps InTimestampReps InAddrMasks InAddrMaskReps OutMsgs OutErrors OutDestUnreachs OutTimeExcds OutParmProbs "
            "OutSrcQuenchs OutRedirects OutEchos OutEchoReps OutTimestamps OutTimestampReps OutAddrMasks OutAddrMaskReps\n");
  out.print("Icmp: %lu %lu 0 %lu 0 0 0 0 %lu %lu 0 0 0 0 %lu %lu %lu 0 0 0 0 %lu %lu 0 0 0 0\n",
            number(icmp.in_messages), number(icmp.in_errors), number(icmp.in_unreachable), number(icmp.in_echoes),
            number(icmp.in_echo_replies), number(icmp.out_messages), number(icmp.out_errors), number(icmp.out_unreachable),
            number(icmp.out_echoes), number(icmp.out_echo_replies));
}

void print_tcp(TextSink& out, const NetworkStatistics& all) {
  const auto& tcp = all.tcp;
  out.print("Tcp: RtoAlgorithm RtoMin RtoMax MaxConn ActiveOpens PassiveOpens AttemptFails EstabResets CurrEstab InSegs OutSegs "
            "RetransSegs InErrs OutRsts InCsumErrors\n");
  out.print("Tcp: 1 200 120000 -1 %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu 0\n", number(tcp.active_opens),
            number(tcp.passive_opens), number(tcp.failed_attempts), number(tcp.resets), number(tcp.established),
            number(tcp.in_segments), number(tcp.out_segments), number(tcp.retransmitted), number(tcp.in_errors),
            number(tcp.out_resets));
}

void print_udp(TextSink& out, const NetworkStatistics& all) {
  const auto& udp = all.udp;
  out.print("Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors IgnoredMulti MemErrors\n");
  out.print("Udp: %lu %lu %lu %lu 0 0 0 0 0\n", number(udp.in_datagrams), number(udp.no_ports), number(udp.in_errors),
            number(udp.out_datagrams));
}

}  // namespace

Result<void> print_protocol_statistics(TextSink& out, PseudoContext) {
  const NetworkStatistics all = network_statistics();
  print_ip(out, all);
  print_icmp(out, all);
  print_tcp(out, all);
  print_udp(out, all);
  return {};
}

Result<void> print_more_statistics(TextSink& out, PseudoContext) {
  const NetworkStatistics all = network_statistics();
  out.print("TcpExt: SyncookiesSent SyncookiesRecv\nTcpExt: %lu %lu\n", number(all.tcp.cookies_sent),
            number(all.tcp.cookies_received));
  out.print("Firewall: TcpDropped UdpDropped\nFirewall: %lu %lu\n", number(all.tcp.nobody_listens),
            number(all.udp.nobody_listens));
  return {};
}

Result<void> print_socket_statistics(TextSink& out, PseudoContext) {
  const unsigned tcp = count_sockets(InetProtocol::kTcp, kFamilyIpv4), udp = count_sockets(InetProtocol::kUdp, kFamilyIpv4);
  const unsigned tcp6 = count_sockets(InetProtocol::kTcp, kFamilyIpv6), udp6 = count_sockets(InetProtocol::kUdp, kFamilyIpv6);
  const NetworkStatistics all = network_statistics();
  out.print("sockets: used %u\nTCP: inuse %u orphan %lu tw %lu alloc %u mem 0\nUDP: inuse %u mem 0\nUDPLITE: inuse 0\n"
            "RAW: inuse 0\nFRAG: inuse 0 memory 0\n", tcp + udp + tcp6 + udp6, tcp, number(all.tcp.orphans),
            number(all.tcp.time_wait), tcp + tcp6, udp);
  return {};
}

Result<void> print_socket6_statistics(TextSink& out, PseudoContext) {
  out.print("TCP6: inuse %u\nUDP6: inuse %u\nUDPLITE6: inuse 0\nRAW6: inuse 0\nFRAG6: inuse 0 memory 0\n",
            count_sockets(InetProtocol::kTcp, kFamilyIpv6), count_sockets(InetProtocol::kUdp, kFamilyIpv6));
  return {};
}

// What the stack counts for IPv6 apart. UDP is counted with both protocols together, in snmp.
Result<void> print_protocol6_statistics(TextSink& out, PseudoContext) {
  const NetworkStatistics all = network_statistics();
  const auto line = [&out](const char* name, std::uint64_t value) { out.print("%-32s\t%lu\n", name, number(value)); };
  line("Ip6InReceives", all.ip6.in_receives);
  line("Ip6InHdrErrors", all.ip6.in_header_errors);
  line("Ip6InUnknownProtos", all.ip6.in_unknown_protocols);
  line("Ip6InDiscards", all.ip6.in_discards);
  line("Ip6OutRequests", all.ip6.out_requests);
  line("Ip6OutNoRoutes", all.ip6.out_no_routes);
  line("Ip6ReasmReqds", all.ip6.fragments_in);
  line("Ip6FragCreates", all.ip6.fragments_out);
  line("Icmp6InMsgs", all.icmp6.in_messages);
  line("Icmp6InErrors", all.icmp6.in_errors);
  line("Icmp6OutMsgs", all.icmp6.out_messages);
  return {};
}

}  // namespace mokapot::proc_nodes
