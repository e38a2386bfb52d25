# SPDX-License-Identifier: Apache-2.0
#
# `make lint` and `make layers`. Each file's check leaves a stamp, so that a second run looks only at
# what changed.

LINT_OUT := $(BUILD)/lint
LINT_CXX ?= clang++-16

# clang refuses libstdc++'s headers without SSE, so -mgeneral-regs-only goes. It is the second
# compiler here, not the one that ships: only its thread-safety analysis is asked for.
LINT_CXXFLAGS := $(filter-out -mgeneral-regs-only -g -O2,$(KERNEL_CXXFLAGS)) -fsyntax-only \
  -Wthread-safety -Werror=thread-safety -Wno-unused-command-line-argument -Wno-unknown-warning-option
LINT_SOURCES := $(filter %.cc,$(KERNEL_SOURCES))
LINT_HEADERS := $(sort $(shell find kernel -name '*.h'))
LINT_STAMPS := $(LINT_SOURCES:%=$(LINT_OUT)/%.ok) $(LINT_HEADERS:%=$(LINT_OUT)/%.ok)

.PHONY: lint layers lint-files
lint: layers lint-files $(LINT_STAMPS)

layers:
	@python3 tests/lint/layers.py --draw $(BUILD)/layers.svg

lint-files:
	@python3 tests/lint/files.py

$(LINT_STAMPS): | $(LWIP_STAMP) $(LZ4_STAMP)

$(LINT_OUT)/%.cc.ok: %.cc tests/lint/lint.mk
	@mkdir -p $(@D)
	$(call step,LINT) $(LINT_CXX) $(LINT_CXXFLAGS) -MMD -MP -MF $(@:.ok=.d) -MT $@ $< && touch $@

# A header must compile alone, under the compiler that ships.
$(LINT_OUT)/%.h.ok: %.h tests/lint/lint.mk
	@mkdir -p $(@D)
	$(call step,HEADER) echo '#include "$<"' | $(KERNEL_CXX) $(KERNEL_CXXFLAGS) -I. -fsyntax-only \
	  -MMD -MP -MF $(@:.ok=.d) -MT $@ -x c++ - && touch $@

ifneq ($(filter lint,$(MAKECMDGOALS)),)
-include $(LINT_STAMPS:.ok=.d)
endif
