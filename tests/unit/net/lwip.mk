# SPDX-License-Identifier: Apache-2.0
#
# lwIP on the host, for unit tests and fuzzers: they name files of its core as lwip/FILE.c among their sources.

LWIP_HOST_CFLAGS = -std=gnu11 -g1 -O1 -w -fno-omit-frame-pointer -DMOKAPOT_HOST_TEST=1 -Ikernel $(LWIP_INCLUDES)

$(UNIT_OUT)/obj/kernel/net/% $(UNIT_OUT)/obj/tests/unit/net/%: UNIT_CXXFLAGS += $(LWIP_INCLUDES)
$(UNIT_OUT)/obj/lwip/%.c.o: $(LWIP_STAMP) tests/unit/net/lwip.mk
	@mkdir -p $(@D)
	$(call step,CC) $(KERNEL_CC) $(LWIP_HOST_CFLAGS) -fsanitize=address,undefined -c $(LWIP_TREE)/src/core/$*.c -o $@

$(FUZZ_OUT)/obj/kernel/net/% $(FUZZ_OUT)/obj/tests/fuzz/net% $(FUZZ_OUT)/obj/tests/unit/net/%: FUZZ_CXXFLAGS += $(LWIP_INCLUDES)
$(FUZZ_OUT)/obj/lwip/%.c.o: $(LWIP_STAMP) tests/unit/net/lwip.mk
	@mkdir -p $(@D)
	$(call step,CC) $(patsubst clang++%,clang%,$(FUZZ_CXX)) $(LWIP_HOST_CFLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZERS) \
	  -c $(LWIP_TREE)/src/core/$*.c -o $@

# It checks the options by the preprocessor, which knows constants only.
$(UNIT_OUT)/obj/lwip/init.c.o $(FUZZ_OUT)/obj/lwip/init.c.o: LWIP_HOST_CFLAGS += -DMOKAPOT_LWIP_CHECKS_OPTIONS

# The compiler's lists of headers leave system headers out, and a patch may change what they declare.
LWIP_HOST_USERS := $(filter kernel/net/%,$(KERNEL_SOURCES)) $(wildcard tests/unit/net/*.cc) \
  $(filter tests/fuzz/net%,$(FUZZ_TARGETS))
$(LWIP_HOST_USERS:%=$(UNIT_OUT)/obj/%.o) $(LWIP_HOST_USERS:%=$(FUZZ_OUT)/obj/%.o): $(LWIP_STAMP)
