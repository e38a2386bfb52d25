# SPDX-License-Identifier: Apache-2.0
#
# build/moka, the host command. Which files it is made of is said in launcher/sources.mk
# (MOKA_SOURCES, MOKA_LIBS).

MOKA := $(BUILD)/moka
MOKA_SOURCES :=
MOKA_LIBS :=
-include launcher/sources.mk
MOKA_OBJECTS := $(addprefix $(BUILD)/,$(addsuffix .o,$(MOKA_SOURCES)))

include launcher/direct/zydis.mk

MOKA_CXX ?= g++
# Of kernel/ it sees the one folder that both sides share: kernel/contract (docs/layers.txt).
MOKA_CXXFLAGS := -std=c++20 -O2 -g -Wall -Wextra -Wshadow -Werror -Ilauncher -Ikernel $(ZYDIS_INCLUDES)

$(BUILD)/launcher/%.cc.o: launcher/%.cc launcher/launcher.mk
	@mkdir -p $(@D)
	$(call step,CXX) $(MOKA_CXX) $(MOKA_CXXFLAGS) -MMD -MP -c $< -o $@

# What the kernel consists of, with the notices of the sources that the build fetched.
KERNEL_PARTS := $(BUILD)/launcher/build/kernel_parts.cc
$(KERNEL_PARTS): launcher/build/kernel_parts.py LICENSE $(LWIP_STAMP) $(LZ4_STAMP)
	@mkdir -p $(@D)
	$(call step,GEN) python3 $< --third-party $(BUILD)/third-party > $@.new && mv $@.new $@
$(KERNEL_PARTS).o: $(KERNEL_PARTS) launcher/launcher.mk
	$(call step,CXX) $(MOKA_CXX) $(MOKA_CXXFLAGS) -MMD -MP -c $< -o $@
MOKA_OBJECTS += $(KERNEL_PARTS).o

$(MOKA): $(MOKA_OBJECTS)
	@mkdir -p $(@D)
	$(call step,LINK) $(MOKA_CXX) -o $@ $(MOKA_OBJECTS) $(MOKA_LIBS)

-include $(MOKA_OBJECTS:.o=.d)
