// SPDX-License-Identifier: Apache-2.0
//
// The hooks through which lwIP asks the port, in C. Core lock held.
#pragma once

#include "lwip/ip_addr.h"

#ifdef __cplusplus
extern "C" {
#endif

struct netif;
struct dhcp;
struct dhcp_msg;
struct pbuf;
struct tcp_seg;
struct tcp_pcb;

// An initial sequence number after RFC 6528: a keyed hash of the connection plus a clock.
u32_t mokapot_tcp_isn(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote, u16_t remote_port);
#define LWIP_HOOK_TCP_ISN mokapot_tcp_isn

// SYN cookies (net/syn_cookie.h). The second gives the MSS that the SYN offered, or 0: no cookie of ours. Cookies
// are believed only while SYNs are being answered with them.
u32_t mokapot_syn_cookie(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote, u16_t remote_port,
                         u32_t sequence, u16_t mss);
u16_t mokapot_check_syn_cookie(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote, u16_t remote_port,
                               u32_t sequence, u32_t cookie);
#define LWIP_HOOK_TCP_SYN_COOKIE mokapot_syn_cookie
#define LWIP_HOOK_TCP_CHECK_SYN_COOKIE mokapot_check_syn_cookie

// A buffer that cites bytes given to tcp_write(), which holds who owns them (net/cited_buffer.h). NULL: no memory.
struct pbuf* mokapot_tcp_cite(const void* bytes, u16_t size);
#define LWIP_HOOK_TCP_CITE mokapot_tcp_cite
// The same for what lies behind `offset` in a buffer that has been written.
struct pbuf* mokapot_tcp_cite_rest(struct pbuf* buffer, u16_t offset);
#define LWIP_HOOK_TCP_CITE_REST mokapot_tcp_cite_rest

// Whether the port has taken a segment, whose TCP header but for the sum is there, behind others of its connection that
// wait for the device (net/transmit_path.h). Then it needs no headers of its own below TCP.
int mokapot_tcp_continues(struct tcp_seg* segment, const struct tcp_pcb* pcb, const struct netif* netif);
#define LWIP_HOOK_TCP_CONTINUES mokapot_tcp_continues
// Of IPv4 packets: the next identifications.
void ip4_take_ids(u16_t count);

// The firewall's word on a packet that no socket wants; nonzero: drop it without an answer.
int mokapot_nobody_listens(struct netif* from, u8_t protocol);
#define LWIP_HOOK_NOBODY_LISTENS mokapot_nobody_listens

// An option of a DHCP server's message that lwIP does not know. The options are asked for by number: name
// servers, search domain, MTU. What lwIP gives as the interface is loopback's, since broadcasts are for whoever has an
// address; where the packet came in is what matters.
#define LWIP_DHCP_FURTHER_REQUEST_OPTIONS 6, 15, 26
void mokapot_dhcp_option(struct netif* netif, u8_t message_type, u8_t option, u8_t length, const struct pbuf* packet,
                         u16_t offset);
#define LWIP_HOOK_DHCP_PARSE_OPTION(netif, dhcp, state, message, message_type, option, length, packet, offset) \
  do {                                                                                                         \
    (void)(message);                                                                                           \
    mokapot_dhcp_option(ip_current_input_netif(), message_type, option, length, packet, offset);               \
  } while (0)

#ifdef __cplusplus
}
#endif
