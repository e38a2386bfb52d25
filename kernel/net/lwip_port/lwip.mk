# SPDX-License-Identifier: Apache-2.0
#
# lwIP, the TCP/IP stack: Debian's source package, fetched and patched under build/, of which the core's C files
# are compiled. Nothing of it is in the repository but our own patches. See docs/adr/0004-network-stack.md.

LWIP_PORT    := kernel/net/lwip_port
LWIP_TREE    := $(BUILD)/third-party/lwip
# Not under $(BUILD): builds of other names share what has been fetched.
LWIP_DOWNLOADS ?= build/downloads
LWIP_PATCHES := $(sort $(wildcard $(LWIP_PORT)/patches/*.patch))
LWIP_STAMP   := $(LWIP_TREE).unpacked
# What includes lwIP's headers includes the port's through them, and then the compiler does not list those either.
LWIP_HEADERS := $(wildcard $(LWIP_PORT)/include/*.h $(LWIP_PORT)/include/arch/*.h)

$(LWIP_STAMP): $(LWIP_PORT)/unpack.py kernel/third_party.py $(LWIP_PATCHES) $(LWIP_PORT)/lwip.mk $(LWIP_HEADERS)
	@mkdir -p $(@D)
	$(call step,FETCH) python3 $(LWIP_PORT)/unpack.py --downloads $(LWIP_DOWNLOADS) --out $(LWIP_TREE) $(LWIP_PATCHES) && touch $@

# As system headers: their warnings are their authors' business.
LWIP_INCLUDES := -I$(LWIP_PORT)/include -isystem $(LWIP_TREE)/src/include

LWIP_FILES := def inet_chksum init ip mem memp netif pbuf raw stats sys tcp tcp_in tcp_out udp \
  ipv4/dhcp ipv4/etharp ipv4/icmp ipv4/igmp ipv4/ip4 ipv4/ip4_addr ipv4/ip4_frag \
  ipv6/ethip6 ipv6/icmp6 ipv6/inet6 ipv6/ip6 ipv6/ip6_addr ipv6/ip6_frag ipv6/mld6 ipv6/nd6
LWIP_OBJECTS := $(LWIP_FILES:%=$(KERNEL_OUT)/net/lwip/%.o)

KERNEL_CC ?= gcc
# The kernel's flags but for the language and the warnings.
LWIP_CFLAGS = $(filter-out -std=% -fno-rtti -fno-exceptions -fno-threadsafe-statics -W%,$(KERNEL_CXXFLAGS)) -std=gnu11 -w
# init.c checks the options by the preprocessor, which knows constants only.
$(KERNEL_OUT)/net/lwip/init.o: LWIP_CFLAGS += -DMOKAPOT_LWIP_CHECKS_OPTIONS
$(LWIP_OBJECTS): $(KERNEL_OUT)/net/lwip/%.o: $(LWIP_STAMP) kernel/kernel.mk
	@mkdir -p $(@D)
	$(call step,CC) $(KERNEL_CC) $(LWIP_CFLAGS) -MMD -MP -c $(LWIP_TREE)/src/core/$*.c -o $@

# Not by the compiler's lists of headers, which leave system headers out.
$(filter $(BUILD)/kernel/net/%,$(KERNEL_OBJECTS)): $(LWIP_STAMP)
