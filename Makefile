# SPDX-License-Identifier: Apache-2.0
#
# Builds Mokapot out of tree, under build/. `make help` lists the targets. What a part needs is said
# beside it: kernel/kernel.mk, launcher/launcher.mk, java/java.mk, tests/tests.mk.
#
# `run`, `test` and their kin first call `deps`, in a make of their own: on a fresh machine the
# compilers themselves may be missing, so nothing may be parsed for building before it has run.

BUILD := build
comma := ,
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.SUFFIXES:
.DEFAULT_GOAL := all

# Parallel unless told otherwise; MOKA_JOBS bounds it on a shared machine.
MOKA_JOBS ?= $(shell nproc)
# A make below this one shares its job slots, for which its recipe lines begin with `+`.
ifeq ($(MAKELEVEL)$(filter -j%,$(MAKEFLAGS)),0)
MAKEFLAGS += -j$(MOKA_JOBS)
endif
MAKEFLAGS += --no-print-directory

# V=1 shows commands; otherwise one short line a step, on stderr: stdout belongs to the application.
ifdef V
step :=
else
step = @printf '  %-7s %s\n' "$(1)" "$@" >&2;
endif
MAKE_QUIETLY = $(MAKE) $(if $(V),,-s)

include kernel/kernel.mk
include launcher/launcher.mk
include launcher/install/install.mk
include java/java.mk
include tests/tests.mk

.PHONY: all kernel moka java run deps clean help format compile_commands.json
all: kernel moka java
kernel: $(KERNEL)
moka: $(MOKA)
java: $(JAVA_EXAMPLES) $(MAVEN_DIST)

# --- Running -------------------------------------------------------------------------------------
# make run [JAR=app.jar] [ARGS="a b"] [MEM=512] [CPUS=2] [JDK=/dir] [FLAGS=-v]
JAR ?= $(BUILD)/java/hello.jar
RUN_OPTIONS = $(if $(MEM),-m $(MEM)) $(if $(CPUS),-c $(CPUS)) $(if $(JDK),--jdk $(JDK)) $(FLAGS)

run:
	+@$(MAKE_QUIETLY) deps
	+@$(MAKE_QUIETLY) kernel moka $(if $(filter $(BUILD)/java/hello.jar,$(JAR)),$(BUILD)/java/hello.jar)
	@exec $(MOKA) run $(RUN_OPTIONS) $(JAR) $(ARGS)

# --- What the machine must have ------------------------------------------------------------------
PACKAGE_LISTS := packages.txt $(wildcard launcher/packages.txt)
deps:
	@tests/lint/install_packages.sh $(PACKAGE_LISTS)

# --- Housekeeping --------------------------------------------------------------------------------
CXX_FILES = $(shell git ls-files --cached --others --exclude-standard '*.cc' '*.h')
format:
	clang-format-16 -i $(CXX_FILES)

# Every C++ file with the command that compiles it, for editors and clang tools.
compile_commands.json: | $(BUILD)
	@python3 tests/lint/compile_commands.py --out $(BUILD)/compile_commands.json \
	  --group "$(KERNEL_CXX) $(KERNEL_CXXFLAGS)" $(filter %.cc,$(KERNEL_SOURCES)) \
	  --group "$(MOKA_CXX) $(MOKA_CXXFLAGS)" $(MOKA_SOURCES) \
	  --group "$(UNIT_CXX) $(UNIT_CXXFLAGS)" $(UNIT_TESTS) $(UNIT_FAKES)
	@ln -sf $(BUILD)/compile_commands.json compile_commands.json

$(BUILD):
	@mkdir -p $@

clean:
	rm -rf $(BUILD) compile_commands.json

help:
	@sed -n 's/^#: //p' $(firstword $(MAKEFILE_LIST))
#: make                    everything: the kernel, build/moka, the example jars
#: make install            moka, its kernel, manual pages and completions below PREFIX (/usr/local); also uninstall
#: make dist               build/dist: a Debian package, a relocatable archive, SHA256SUMS
#: make install-maven-plugin   mokapot-maven-plugin into ~/.m2
#: make run                boot the example jar in a VM (JAR= ARGS= MEM= CPUS= JDK= FLAGS=)
#: make test               all quick tests; the last line is the tally
#: make soak               the whole sampling matrix and long stress runs
#: make bench              Mokapot beside a Linux guest, into build/bench
#: make test-kvm           a static C program under KVM, where /dev/kvm opens
#: make lint               clang's thread-safety analysis, header, length and licence checks
#: make layers             which folder may include which (docs/layers.txt); picture in build/layers.svg
#: make format             clang-format over every C++ file
#: make compile_commands.json   for editors
#: make deps               install the Debian packages that are missing
#: make clean              remove build/
