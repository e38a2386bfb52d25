# SPDX-License-Identifier: Apache-2.0
#
# libFuzzer targets: tests/fuzz/*_fuzz.cc, each with the `// sources:` lines of a unit test (see
# tests/unit/unit.mk). Built by clang with ASan and UBSan. tests/fuzz/corpus/NAME/ holds seeds.

FUZZ_OUT := $(TEST_OUT)/fuzz
FUZZ_TARGETS := $(sort $(wildcard tests/fuzz/*_fuzz.cc))
FUZZ_BINARIES := $(FUZZ_TARGETS:tests/fuzz/%.cc=$(FUZZ_OUT)/%)

FUZZ_CXX ?= clang++-16
FUZZ_CXXFLAGS := -std=c++20 -O1 -g -fno-omit-frame-pointer -DMOKAPOT_HOST_TEST=1 \
  -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
  -Ikernel -Itests/unit/fakes/include -Itests/unit -Ilauncher -I.

# One compiler call a target: they are few and small, and clang's objects are not the unit tests'.
# The fakes come last and only where the sources leave something undefined, as an archive.
FUZZ_FAKES := $(FUZZ_OUT)/libfakes.a
$(FUZZ_OUT)/fakes/%.o: tests/unit/fakes/%.cc tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(call step,CXX) $(FUZZ_CXX) $(subst fuzzer$(comma),fuzzer-no-link$(comma),$(FUZZ_CXXFLAGS)) -MMD -MP -c $< -o $@
$(FUZZ_FAKES): $(UNIT_FAKES:tests/unit/fakes/%.cc=$(FUZZ_OUT)/fakes/%.o)
	$(call step,AR) rm -f $@ && ar rcs $@ $^

fuzz_sources = $(shell sed -n 's|^// *sources: *||p' $(1)) $(UNIT_BASE)
fuzz_libs = $(shell sed -n 's|^// *libs: *||p' $(1))
.SECONDEXPANSION:
$(FUZZ_BINARIES): $(FUZZ_OUT)/%: tests/fuzz/%.cc $$(call fuzz_sources,tests/fuzz/$$*.cc) $(FUZZ_FAKES) tests/fuzz/fuzz.mk
	@mkdir -p $(@D)
	$(call step,FUZZ) $(FUZZ_CXX) $(FUZZ_CXXFLAGS) -o $@ $(filter %.cc,$^) $(FUZZ_FAKES) $(call fuzz_libs,$<)

.PHONY: fuzzers
fuzzers: $(FUZZ_BINARIES)
