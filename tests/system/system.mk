# SPDX-License-Identifier: Apache-2.0
#
# Jars for the system tests; how each is put together is tests/system/build_jars.py's business.

SYSTEM_OUT := $(TEST_OUT)/system
SYSTEM_JAVA := $(shell find tests/system/java -type f)

$(SYSTEM_OUT)/jars.done: $(SYSTEM_JAVA) tests/system/build_jars.py
	$(call step,JARS) python3 tests/system/build_jars.py --out $(SYSTEM_OUT) && touch $@

.PHONY: system-programs
system-programs: $(SYSTEM_OUT)/jars.done
