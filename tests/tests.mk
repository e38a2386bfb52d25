# SPDX-License-Identifier: Apache-2.0
#
# What the tests are made of. This file only builds; tests/run.py runs what was built and prints the
# tally that `make test` ends with. A test that does not build is a failure there, not a stop here.

TEST_OUT := $(BUILD)/tests

include tests/lint/lint.mk
include tests/unit/unit.mk
include tests/fuzz/fuzz.mk
include tests/unit/net/lwip.mk
include tests/guest/guest.mk
include tests/system/system.mk

# The kernel that checks itself, for the part `checking`; MOKA_KERNEL runs all other tests on it, too.
CHECKING_BUILD := $(BUILD)/checked
.PHONY: checking-kernel
checking-kernel:
	+@$(MAKE_QUIETLY) BUILD=$(CHECKING_BUILD) DEBUG=1 kernel

.PHONY: conformance
conformance:
	+@$(MAKE_QUIETLY) deps
	+@$(MAKE_QUIETLY) all
	@python3 tests/run.py --mode soak --only conformance --only openjdk $(TEST_OPTIONS); status=$$?; \
	  python3 tests/conformance/readme_matrix.py && exit $$status

.PHONY: test soak bench test-kvm test-programs
test-programs: unit-tests fuzzers guest-programs system-programs checking-kernel

# -k: one broken test must not hide the results of the others.
test soak:
	+@$(MAKE_QUIETLY) deps
	+@$(MAKE_QUIETLY) -k all test-programs || true
	@python3 tests/run.py --mode $@ $(TEST_OPTIONS)

test-kvm:
	+@$(MAKE_QUIETLY) deps
	+@$(MAKE_QUIETLY) -k kernel moka guest-programs $(KVM_INSTRUCTIONS) || true
	@python3 tests/run.py --mode kvm $(TEST_OPTIONS)

bench:
	+@$(MAKE_QUIETLY) deps
	+@$(MAKE_QUIETLY) all guest-programs system-programs
	@tests/bench/run $(BENCH_OPTIONS)
