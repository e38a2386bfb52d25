// SPDX-License-Identifier: Apache-2.0
//
// The hooks through which lwIP asks the port, in C. Core lock held.
#pragma once

#include "lwip/ip_addr.h"

#ifdef __cplusplus
extern "C" {
#endif

// An initial sequence number after RFC 6528: a keyed hash of the connection plus a clock.
u32_t mokapot_tcp_isn(const ip_addr_t* local, u16_t local_port, const ip_addr_t* remote, u16_t remote_port);
#define LWIP_HOOK_TCP_ISN mokapot_tcp_isn

#ifdef __cplusplus
}
#endif
