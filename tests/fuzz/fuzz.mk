# SPDX-License-Identifier: Apache-2.0
#
# libFuzzer targets: tests/fuzz/*_fuzz.cc, each with the `// sources:` lines of a unit test (see
# tests/unit/unit.mk). Built by clang with ASan and UBSan. Seeds are text in
# tests/fuzz/corpus/NAME/, and what tests/parts/fuzz_seeds.py makes.

FUZZ_OUT := $(TEST_OUT)/fuzz
FUZZ_TARGETS := $(sort $(wildcard tests/fuzz/*_fuzz.cc))
FUZZ_BINARIES := $(FUZZ_TARGETS:tests/fuzz/%.cc=$(FUZZ_OUT)/%)

FUZZ_CXX ?= clang++-16
FUZZ_SANITIZERS := address,undefined
FUZZ_CXXFLAGS := -std=c++20 -O1 -g1 -fno-omit-frame-pointer -DMOKAPOT_HOST_TEST=1 \
  -fno-sanitize-recover=undefined \
  -Ikernel -Itests/unit/fakes/include -Ikernel/arch/x64/include -Itests/unit -Ilauncher -I. $(LZ4_INCLUDES) $(ZYDIS_INCLUDES)

# Instrumented for the fuzzer, whose main() comes with the link.
$(FUZZ_OUT)/obj/kernel/fs/lz4.cc.o: $(LZ4_STAMP)
$(FUZZ_OUT)/obj/%.cc.o: %.cc tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(call step,CXX) $(FUZZ_CXX) $(FUZZ_CXXFLAGS) -fsanitize=fuzzer-no-link,$(FUZZ_SANITIZERS) -MMD -MP -c $< -o $@

# kernel/base, kernel/sync and the fakes: as archives, so that what a target's own sources define comes first.
fuzz_archive = rm -f $@ && ar rcs $@ $^
$(FUZZ_OUT)/libfakes.a: $(UNIT_FAKES:%=$(FUZZ_OUT)/obj/%.o)
	$(call step,AR) $(fuzz_archive)
$(FUZZ_OUT)/libbase.a: $(UNIT_BASE:%=$(FUZZ_OUT)/obj/%.o)
	$(call step,AR) $(fuzz_archive)

fuzz_objects = $(patsubst %,$(FUZZ_OUT)/obj/%.o,$(1) $(shell sed -n 's|^// *sources: *||p' $(1)))
fuzz_libs = $(shell sed -n 's|^// *libs: *||p' $(1))
.SECONDEXPANSION:
# libbase twice: it needs the fake panic, and the fakes need it.
$(FUZZ_BINARIES): $(FUZZ_OUT)/%: $$(call fuzz_objects,tests/fuzz/$$*.cc) $(FUZZ_OUT)/libbase.a $(FUZZ_OUT)/libfakes.a
	$(call step,FUZZ) $(FUZZ_CXX) $(FUZZ_CXXFLAGS) -fsanitize=fuzzer,$(FUZZ_SANITIZERS) -o $@ $^ $(FUZZ_OUT)/libbase.a \
	  $(call fuzz_libs,tests/fuzz/$*.cc)

# The decoder is no source of ours: it comes built, and as a library.
$(FUZZ_OUT)/obj/launcher/direct/instructions.cc.o: | $(ZYDIS_STAMP)
$(FUZZ_OUT)/direct_calls_fuzz: | $(ZYDIS)

.PHONY: fuzzers
fuzzers: $(FUZZ_BINARIES)

ifneq ($(filter fuzzers test-programs $(FUZZ_OUT)/%,$(MAKECMDGOALS)),)
-include $(shell find $(FUZZ_OUT)/obj -name '*.d' 2>/dev/null)
endif
