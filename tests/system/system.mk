# SPDX-License-Identifier: Apache-2.0
#
# Jars for the system tests; how each is put together is tests/system/build_jars.py's business. And a
# host program that says what this machine's KVM can do.

SYSTEM_OUT := $(TEST_OUT)/system
SYSTEM_JAVA := $(shell find tests/system/java -type f)

$(SYSTEM_OUT)/jars.done: $(SYSTEM_JAVA) tests/system/build_jars.py
	$(call step,JARS) python3 tests/system/build_jars.py --out $(SYSTEM_OUT) && touch $@

KVM_INSTRUCTIONS := $(SYSTEM_OUT)/kvm_instructions
$(KVM_INSTRUCTIONS): tests/system/kvm/kvm_instructions.c
	@mkdir -p $(@D)
	$(call step,CC) $(GUEST_CC) -std=gnu11 -O1 -Wall -Wextra -Werror -o $@ $<

# The bad network of the fault tests, a program of the host.
FAULT_RELAY := $(TEST_OUT)/faults/relay
$(FAULT_RELAY): $(wildcard tests/system/faults/relay/*.cc tests/system/faults/relay/*.h) tests/system/system.mk
	@mkdir -p $(@D)
	$(call step,CXX) $(UNIT_CXX) -std=c++20 -O2 -Wall -Wextra -Wshadow -Werror -I. -o $@ $(filter %.cc,$^)

# Starts a program that can start no other, as in a VM: the oracle of the public jars.
ONE_PROCESS := $(TEST_OUT)/jars/one_process
$(ONE_PROCESS): tests/system/jars/one_process.c
	@mkdir -p $(@D)
	$(call step,CC) $(GUEST_CC) -std=gnu11 -O1 -Wall -Wextra -Werror -o $@ $<

.PHONY: system-programs
system-programs: $(ONE_PROCESS) $(SYSTEM_OUT)/jars.done $(KVM_INSTRUCTIONS) $(FAULT_RELAY)
