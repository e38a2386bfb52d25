# SPDX-License-Identifier: Apache-2.0
#
# LZ4, for compressed files of EROFS images: Debian's source package, fetched under build/, whose one C file
# kernel/fs/lz4.cc includes. Nothing of it is in the repository.

LZ4_PORT      := kernel/fs/lz4_port
LZ4_TREE      := $(BUILD)/third-party/lz4
# Not under $(BUILD): builds of other names share what has been fetched.
LZ4_DOWNLOADS ?= build/downloads
LZ4_STAMP     := $(LZ4_TREE).unpacked

$(LZ4_STAMP): $(LZ4_PORT)/unpack.py $(LZ4_PORT)/lz4.mk kernel/third_party.py
	@mkdir -p $(@D)
	$(call step,FETCH) python3 $(LZ4_PORT)/unpack.py --downloads $(LZ4_DOWNLOADS) --out $(LZ4_TREE) && touch $@

# As a system header: its warnings are its authors' business.
LZ4_INCLUDES := -isystem $(BUILD)/third-party
