// SPDX-License-Identifier: Apache-2.0
//
// /proc/net's counters: snmp, netstat and sockstat, in Linux's columns. A column that has no counter here is zero.
// netstat has a protocol of our own at its end, which programs that look for theirs pass over.
#include "linux/proc_nodes_internal.h"
#include "net/network_statistics.h"
#include "net/port_table.h"

namespace mokapot::proc_nodes {
namespace {

unsigned count_sockets(InetProtocol protocol) {
  unsigned count = 0;
  visit_port_holders(protocol, [](const PortHolder&, void* context) { ++*static_cast<unsigned*>(context); }, &count);
  return count;
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
  const unsigned tcp = count_sockets(InetProtocol::kTcp), udp = count_sockets(InetProtocol::kUdp);
  const NetworkStatistics all = network_statistics();
  out.print("sockets: used %u\nTCP: inuse %u orphan %lu tw %lu alloc %u mem 0\nUDP: inuse %u mem 0\nUDPLITE: inuse 0\n"
            "RAW: inuse 0\nFRAG: inuse 0 memory 0\n", tcp + udp, tcp, number(all.tcp.orphans), number(all.tcp.time_wait), tcp, udp);
  return {};
}

}  // namespace mokapot::proc_nodes
