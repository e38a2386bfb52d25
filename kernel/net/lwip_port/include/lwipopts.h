// SPDX-License-Identifier: Apache-2.0
//
// lwIP's options, where they differ from its defaults. C: lwIP's own files include it.
//
// No operating-system emulation (NO_SYS): threads of the application call the raw API themselves, under one lock
// (net/stack.h). Memory comes from the kernel heap throughout, so that nothing has a fixed number.
#pragma once

#include "arch/cc.h"
#include "tcp_recovery_state.h"

#define NO_SYS 1
#define SYS_LIGHTWEIGHT_PROT 0
#define LWIP_NETCONN 0
#define LWIP_SOCKET 0
#define LWIP_HOOK_FILENAME "lwip_hooks.h"
// The port's own (timers.cc): lwIP's allocate a record for each tick and know no other way out of a shortage of
// memory than to stop.
#define LWIP_TIMERS 1
#define LWIP_TIMERS_CUSTOM 1

// --- Memory ---
#define MEM_LIBC_MALLOC 1
#define MEMP_MEM_MALLOC 1
#define MEM_ALIGNMENT 8
#define LWIP_SUPPORT_CUSTOM_PBUF 1
#define LWIP_PBUF_REF_T u32_t  // one application page may be cited by many segments
// The payload of each packet that a device makes of this one; 0: it is one.
#define LWIP_PBUF_CUSTOM_DATA u16_t segment_size;
#define PBUF_POOL_SIZE 0
#define PBUF_POOL_BUFSIZE 1600

// --- Link and interfaces ---
#define LWIP_ARP 1
#define ARP_QUEUEING 1
#define ARP_QUEUE_LEN 16
#define ARP_TABLE_SIZE 120
#define ETHARP_TRUST_IP_MAC 0
#define LWIP_NETIF_HOSTNAME 1
#define LWIP_NETIF_LOOPBACK 1
#define LWIP_NETIF_LOOPBACK_MULTITHREADING 0
#define LWIP_HAVE_LOOPIF 1
#define LWIP_LOOPIF_MULTICAST 1
#define LWIP_NETIF_EXT_STATUS_CALLBACK 1
#define LWIP_CHECKSUM_CTRL_PER_NETIF 1

// --- IP ---
#define LWIP_IPV4 1
#define LWIP_IPV6 1
#define IP_FORWARD 0
#define IP_DEFAULT_TTL 64
#define IP_REASS_MAX_PBUFS 256
#define LWIP_ICMP 1
#define LWIP_ICMP6 1
#define LWIP_BROADCAST_PING 0
#define LWIP_MULTICAST_PING 0
#define LWIP_RAW 1
#define LWIP_IGMP 1
#define LWIP_MULTICAST_TX_OPTIONS 1
#define LWIP_IPV6_NUM_ADDRESSES 6
#define LWIP_IPV6_AUTOCONFIG 1
#define LWIP_IPV6_DUP_DETECT_ATTEMPTS 1
#define LWIP_IPV6_MLD 1
#define LWIP_IPV6_FORWARD 0
#define IPV6_FRAG_COPYHEADER 1  // its record of 64-bit pointers does not fit into the header that it would overwrite
#define LWIP_ND6_NUM_NEIGHBORS 64
#define LWIP_ND6_NUM_DESTINATIONS 64
#define LWIP_ND6_NUM_PREFIXES 8
#define LWIP_ND6_NUM_ROUTERS 4
#define LWIP_ND6_QUEUEING 1
#define LWIP_ND6_RDNSS_MAX_DNS_SERVERS 0

// --- DHCP ---
#define LWIP_DHCP 1
// Asking by ARP whether somebody has the address already costs seconds at start, and Linux's clients do not wait
// for it either.
#define DHCP_DOES_ARP_CHECK 0
#define LWIP_DHCP_AUTOIP_COOP 0
#define LWIP_AUTOIP 0
#define LWIP_DNS 0  // the image's own C library resolves

// --- UDP ---
#define LWIP_UDP 1
#define SO_REUSE 1
#define SO_REUSE_RXTOALL 1

// --- TCP ---
#define LWIP_TCP 1
// The longest that an acknowledgement is put off. Retransmissions have timers of their own (net/tcp_recovery.h).
#define TCP_TMR_INTERVAL 50
#define LWIP_TCP_RTO_TIME 1000  // before the first measurement: RFC 6298
// Milliseconds without a word after which what has come out of order is dropped. The sender may have been told of it,
// and finds out late.
#define LWIP_TCP_OOSEQ_TIMEOUT 60000U
#define LWIP_ALTCP 0
#define LWIP_CALLBACK_API 1
#define LWIP_TCP_PCB_NUM_EXT_ARGS 1
#define LWIP_TCP_KEEPALIVE 1
#define LWIP_TCP_TIMESTAMPS 1
#define LWIP_TCP_SACK_OUT 1
#define LWIP_TCP_MAX_SACK_NUM 4
#define TCP_QUEUE_OOSEQ 1
#define TCP_LISTEN_BACKLOG 1
#define TCP_DEFAULT_LISTEN_BACKLOG 0xff
#define TCP_MSS 8960                   // the most; what a connection uses follows from the interface's MTU
#define TCP_MIN_MSS 48                 // of what a peer may ask for, as Linux: room for options and some bytes
#define TCP_CALCULATE_EFF_SEND_MSS 1
#define TCP_MSL 30000UL                // as Linux: a minute in TIME_WAIT
#define TCP_TIME_WAIT_LIMIT 16384      // half a KiB each
#define LWIP_TCP_PORTS_ARE_THE_CALLERS 1  // the socket layer has a table of its own
#define TCP_SYNMAXRTX 6
#define TCP_MAXRTX 12
#define LWIP_WND_SCALE 1
#define TCP_RCV_SCALE 7
#define TCP_SND_QUEUELEN 0xffff        // buffers queued on one connection; the bytes are what bounds it
#define TCP_SNDLOWAT 16384
#define TCP_SNDQUEUELOWAT 1024
// Windows follow the VM's memory (net/stack_memory.h): set once, before the first connection.
#define MOKAPOT_TCP_MAX_WINDOW (4U << 20)
#ifdef MOKAPOT_LWIP_CHECKS_OPTIONS
#define TCP_WND MOKAPOT_TCP_MAX_WINDOW
#define TCP_SND_BUF MOKAPOT_TCP_MAX_WINDOW
#else
#ifdef __cplusplus
extern "C" {
#endif
extern uint32_t mokapot_tcp_receive_window;
extern uint32_t mokapot_tcp_send_buffer;
#ifdef __cplusplus
}
#endif
#define TCP_WND mokapot_tcp_receive_window
#define TCP_SND_BUF mokapot_tcp_send_buffer
#endif

// --- Statistics: /proc/net/snmp and interface counters ---
#define LWIP_STATS 1
#define LWIP_STATS_LARGE 1
#define LWIP_STATS_DISPLAY 0
#define MEM_STATS 0
#define MEMP_STATS 0
#define SYS_STATS 0
#define MIB2_STATS 1
