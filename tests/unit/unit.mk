# SPDX-License-Identifier: Apache-2.0
#
# Unit tests: kernel and launcher code on the host, under GoogleTest with ASan and UBSan. Each
# tests/unit/**/*_test.cc is a program of its own. It names the code that it tests in comments at its top:
#
#   // sources: kernel/sched/run_queue.cc kernel/base/format.cc
#
# (continued by further such lines); tests/unit/rules.py turns these into link rules. What the
# code under test needs from the machine comes from tests/unit/fakes, as an archive: a source named
# in a test wins over the fake of the same symbol.

UNIT_OUT := $(TEST_OUT)/unit
UNIT_TESTS := $(sort $(shell find tests/unit -name '*_test.cc'))
UNIT_FAKES := $(sort $(filter-out %_test.cc,$(wildcard tests/unit/fakes/*.cc)))
UNIT_BINARIES := $(UNIT_TESTS:tests/unit/%.cc=$(UNIT_OUT)/%)

UNIT_CXX ?= g++
# What the fakes do not replace of the machine's inline part (registers, layouts) is the real one.
UNIT_CXXFLAGS := -std=c++20 -g1 -fno-omit-frame-pointer -fsanitize=address,undefined \
  -fno-sanitize-recover=undefined -Wall -Wextra -Wshadow -Werror -DMOKAPOT_HOST_TEST=1 \
  -Ikernel -Itests/unit/fakes/include -Ikernel/arch/x64/include -Itests/unit -I. $(LZ4_INCLUDES)
# The launcher's own include path, for its files and their tests only: kernel and launcher may
# have headers of one name.
UNIT_LAUNCHER_FLAGS := -Ilauncher $(ZYDIS_INCLUDES)

# Most of a file's time goes to parsing headers, so those are precompiled (the kernel's as in kernel/kernel.mk),
# and most of the rest to optimising code that is run for a second: only the kernel's is worth it.
UNIT_KERNEL_PRELUDE := $(UNIT_OUT)/kernel_prelude.h
UNIT_TEST_PRELUDE := $(UNIT_OUT)/test_prelude.h
unit_prelude = $(UNIT_CXX) $(UNIT_CXXFLAGS) $(1) -x c++-header -MMD -MP -MT $@ -MF $(@:.gch=.d) -c $< -o $@.new && mv $@.new $@
$(UNIT_KERNEL_PRELUDE).gch: kernel/base/prelude.h tests/unit/unit.mk
	@mkdir -p $(@D)
	$(call step,PCH) $(call unit_prelude,-O1)
$(UNIT_TEST_PRELUDE).gch: tests/unit/prelude.h tests/unit/unit.mk
	@mkdir -p $(@D)
	$(call step,PCH) $(call unit_prelude,-O0)

UNIT_WITH_KERNEL_PRELUDE = -include $(UNIT_KERNEL_PRELUDE)
# Defines functions that the library's headers declare otherwise.
$(UNIT_OUT)/obj/kernel/base/freestanding.cc.o: UNIT_WITH_KERNEL_PRELUDE :=
$(UNIT_OUT)/obj/kernel/%.cc.o: kernel/%.cc tests/unit/unit.mk $(UNIT_KERNEL_PRELUDE).gch
	@mkdir -p $(@D)
	$(call step,CXX) $(UNIT_CXX) $(UNIT_CXXFLAGS) -O1 $(UNIT_WITH_KERNEL_PRELUDE) -MMD -MP -c $< -o $@

$(UNIT_OUT)/obj/kernel/fs/lz4.cc.o: $(LZ4_STAMP)
$(UNIT_OUT)/obj/%.cc.o: %.cc tests/unit/unit.mk $(UNIT_TEST_PRELUDE).gch
	@mkdir -p $(@D)
	$(call step,CXX) $(UNIT_CXX) $(UNIT_CXXFLAGS) -O0 $(if $(filter launcher/% tests/unit/launcher/%,$<),$(UNIT_LAUNCHER_FLAGS)) \
	  -include $(UNIT_TEST_PRELUDE) -MMD -MP -c $< -o $@

$(UNIT_OUT)/libfakes.a: $(UNIT_FAKES:%=$(UNIT_OUT)/obj/%.o)
	@mkdir -p $(@D)
	$(call step,AR) rm -f $@ && ar rcs $@ $^

# kernel/base and kernel/sync are clean on the host, and every test may use them without naming them.
UNIT_BASE := $(wildcard kernel/base/*.cc kernel/sync/*.cc)
$(UNIT_OUT)/libbase.a: $(UNIT_BASE:%=$(UNIT_OUT)/obj/%.o)
	@mkdir -p $(@D)
	$(call step,AR) rm -f $@ && ar rcs $@ $^

# The decoder is no source of ours: it comes built, and as a library (`// libs: $(ZYDIS)`).
$(UNIT_OUT)/obj/launcher/direct/instructions.cc.o: | $(ZYDIS_STAMP)
$(addprefix $(UNIT_OUT)/launcher/,direct/call_sites_test image/direct_calls_test image/image_cache_test session/session_test): | $(ZYDIS)

.PHONY: unit-tests
unit-tests: $(UNIT_BINARIES)

$(UNIT_OUT)/rules.mk: tests/unit/rules.py $(UNIT_TESTS)
	@mkdir -p $(@D)
	@python3 tests/unit/rules.py --out $(UNIT_OUT) $(UNIT_TESTS) > $@

# Only where tests are built: `make kernel` must not need Python for this.
ifneq ($(filter unit-tests test-programs $(UNIT_OUT)/%,$(MAKECMDGOALS)),)
include $(UNIT_OUT)/rules.mk
-include $(shell find $(UNIT_OUT) -name '*.d' 2>/dev/null)
endif
