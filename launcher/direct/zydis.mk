# SPDX-License-Identifier: Apache-2.0
#
# Zydis, the instruction decoder that finds direct calls: Debian's source package, fetched under build/, of which the
# decoder is compiled into an archive. (Debian's binary package has a shared library only, and moka runs on hosts
# that have installed nothing.) The headers of the small library that it is written with are Debian's libzycore-dev.

ZYDIS_TREE  := $(BUILD)/third-party/zydis
ZYDIS       := $(BUILD)/third-party/libzydis.a
# Not under $(BUILD): builds of other names share what has been fetched.
ZYDIS_DOWNLOADS ?= build/downloads
ZYDIS_STAMP := $(ZYDIS_TREE).unpacked

$(ZYDIS_STAMP): launcher/direct/unpack_zydis.py kernel/third_party.py
	@mkdir -p $(@D)
	$(call step,FETCH) python3 $< --downloads $(ZYDIS_DOWNLOADS) --out $(ZYDIS_TREE) && touch $@

# As system headers: their warnings are their authors' business.
ZYDIS_INCLUDES := -DZYDIS_STATIC_BUILD -DZYCORE_STATIC_BUILD -isystem $(ZYDIS_TREE)/include
ZYDIS_CFLAGS := -O2 -fPIC -w -DZYDIS_DISABLE_FORMATTER -DZYDIS_DISABLE_ENCODER -I$(ZYDIS_TREE)/src $(ZYDIS_INCLUDES)
ZYDIS_OBJECTS := $(addprefix $(ZYDIS_TREE).objects/,$(addsuffix .o,Decoder DecoderData MetaInfo Mnemonic Register \
  Segment SharedData Utils))

$(ZYDIS_OBJECTS): $(ZYDIS_TREE).objects/%.o: $(ZYDIS_STAMP) launcher/direct/zydis.mk
	@mkdir -p $(@D)
	$(call step,CC) gcc $(ZYDIS_CFLAGS) -c $(ZYDIS_TREE)/src/$*.c -o $@

$(ZYDIS): $(ZYDIS_OBJECTS)
	$(call step,AR) rm -f $@ && ar rcs $@ $^

# Not by the compiler's lists of headers, which leave system headers out.
$(filter $(BUILD)/launcher/direct/%,$(MOKA_OBJECTS)): $(ZYDIS_STAMP)
$(MOKA): $(ZYDIS)
