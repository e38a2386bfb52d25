// SPDX-License-Identifier: Apache-2.0
//
// What the stack has counted since boot, and what it holds that no socket shows: for /proc/net. Takes the core lock;
// thread context.
#pragma once

#include <cstdint>

namespace mokapot {

// Names are those of Linux's /proc/net/snmp and netstat (RFC 1213).
struct NetworkStatistics {
  struct {
    std::uint64_t in_receives, in_header_errors, in_address_errors, in_unknown_protocols, in_discards, in_delivers, out_requests,
        out_discards, out_no_routes, reassembly_wanted, reassembled, reassembly_failures, fragmented, fragment_failures,
        fragments_made;
  } ip = {};
  struct {
    std::uint64_t in_receives, in_header_errors, in_unknown_protocols, in_discards, out_requests, out_no_routes,
        fragments_in, fragments_out;
  } ip6 = {};
  struct {
    std::uint64_t in_messages, in_errors, out_messages;
  } icmp6 = {};
  struct {
    std::uint64_t in_messages, in_errors, in_unreachable, in_echoes, in_echo_replies, out_messages, out_errors, out_unreachable,
        out_echoes, out_echo_replies;
  } icmp = {};
  struct {
    std::uint64_t active_opens, passive_opens, failed_attempts, resets, established, in_segments, out_segments, retransmitted,
        in_errors, out_resets;
    std::uint64_t cookies_sent, cookies_received;
    std::uint64_t orphans;    // connections that go on without a socket, to deliver and to say good-bye
    std::uint64_t time_wait;
    std::uint64_t nobody_listens;  // segments that the firewall has dropped
  } tcp = {};
  struct {
    std::uint64_t in_datagrams, no_ports, in_errors, out_datagrams;
    std::uint64_t nobody_listens;  // of no_ports, what the firewall has dropped and nobody was told of
  } udp = {};
};

NetworkStatistics network_statistics();

}  // namespace mokapot
