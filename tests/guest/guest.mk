# SPDX-License-Identifier: Apache-2.0
#
# Guest programs: ordinary Linux binaries that run on the build host first and in the VM next, and
# must say the same. tests/guest/c/suite/*.c make one program, guest_suite (static, dynamic and musl),
# in which each test is a function; tests/guest/c/*.c are programs of their own, those that end their
# process in a way that is the point. tests/stress/*.c too.

GUEST_OUT := $(TEST_OUT)/guest
GUEST_CC ?= gcc
# These programs misuse system calls on purpose: the compiler is not to object to null arguments.
GUEST_CFLAGS := -std=gnu11 -O1 -g -Wall -Wextra -Wno-unused-parameter -Wno-nonnull -Wno-stringop-overread -Wno-stringop-overflow \
  -Wno-infinite-recursion -Wno-missing-field-initializers -Werror -pthread -Itests/guest/c \
  -fno-strict-aliasing -fcf-protection=none
GUEST_LIBS := -lm

GUEST_SUITE_SOURCES := $(sort $(wildcard tests/guest/c/suite/*.c))
GUEST_SUITE_OBJECTS := $(GUEST_SUITE_SOURCES:tests/guest/c/%.c=$(GUEST_OUT)/obj/%.o)
GUEST_PROGRAMS := $(patsubst tests/guest/c/%.c,$(GUEST_OUT)/%,$(sort $(wildcard tests/guest/c/*.c)))
STRESS_PROGRAMS := $(patsubst tests/stress/%.c,$(GUEST_OUT)/stress/%,$(sort $(wildcard tests/stress/*.c)))

$(GUEST_OUT)/obj/%.o: tests/guest/c/%.c tests/guest/guest.mk
	@mkdir -p $(@D)
	$(call step,GUEST) $(GUEST_CC) $(GUEST_CFLAGS) -fPIC -MMD -MP -c $< -o $@

$(GUEST_OUT)/guest_suite: $(GUEST_SUITE_OBJECTS)
	$(call step,GUEST) $(GUEST_CC) $(GUEST_CFLAGS) -static -o $@ $^ $(GUEST_LIBS)
$(GUEST_OUT)/guest_suite_dynamic: $(GUEST_SUITE_OBJECTS)
	$(call step,GUEST) $(GUEST_CC) $(GUEST_CFLAGS) -o $@ $^ $(GUEST_LIBS)

# Static, so that a failure is the kernel's and not the dynamic loader's; hello_dynamic is the loader's.
$(GUEST_OUT)/%: tests/guest/c/%.c tests/guest/c/check.h tests/guest/guest.mk
	@mkdir -p $(@D)
	$(call step,GUEST) $(GUEST_CC) $(GUEST_CFLAGS) -static -o $@ $< $(GUEST_LIBS)
# Without the C library, whose string functions use vectors.
$(GUEST_OUT)/no_vectors: tests/guest/c/no_vectors.c tests/guest/guest.mk
	@mkdir -p $(@D)
	$(call step,GUEST) $(GUEST_CC) $(GUEST_CFLAGS) -nostdlib -mgeneral-regs-only -static -o $@ $<
$(GUEST_OUT)/%_dynamic: tests/guest/c/%.c tests/guest/c/check.h tests/guest/guest.mk
	@mkdir -p $(@D)
	$(call step,GUEST) $(GUEST_CC) $(GUEST_CFLAGS) -o $@ $< $(GUEST_LIBS)
$(GUEST_OUT)/%_musl: tests/guest/c/%.c tests/guest/c/check.h tests/guest/guest.mk
	@mkdir -p $(@D)
	$(call step,GUEST) musl-gcc $(GUEST_CFLAGS) -o $@ $<
$(GUEST_OUT)/stress/%: tests/stress/%.c tests/guest/c/check.h tests/guest/guest.mk
	@mkdir -p $(@D)
	$(call step,GUEST) $(GUEST_CC) $(GUEST_CFLAGS) -static -o $@ $< $(GUEST_LIBS)

# The system-call fuzzer: its grammar is the kernel's own table.
$(GUEST_OUT)/fuzzer_table.h: kernel/linux/syscalls.def tests/guest/fuzzer/generate.py
	@mkdir -p $(@D)
	@python3 tests/guest/fuzzer/generate.py $< > $@
$(GUEST_OUT)/fuzzer: tests/guest/fuzzer/fuzzer.c $(GUEST_OUT)/fuzzer_table.h tests/guest/c/check.h
	$(call step,GUEST) $(GUEST_CC) $(GUEST_CFLAGS) -I$(GUEST_OUT) -static -o $@ $<

.PHONY: guest-programs
guest-programs: $(GUEST_OUT)/fuzzer $(GUEST_OUT)/guest_suite $(GUEST_OUT)/guest_suite_dynamic $(GUEST_PROGRAMS) \
  $(GUEST_OUT)/direct_calls_dynamic $(GUEST_OUT)/hello_dynamic $(GUEST_OUT)/hello_musl $(STRESS_PROGRAMS)

-include $(GUEST_SUITE_OBJECTS:.o=.d)
