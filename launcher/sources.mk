# SPDX-License-Identifier: Apache-2.0
#
# What build/moka is made of.

MOKA_SOURCES := $(sort $(wildcard launcher/*.cc launcher/*/*.cc))
# Statically but for libc, so that the command runs on a host that never had a compiler.
MOKA_LIBS = -static-libstdc++ -static-libgcc -l:libz.a $(ZYDIS)
