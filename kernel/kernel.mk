# SPDX-License-Identifier: Apache-2.0
#
# The kernel: every .cc and .S under kernel/ compiled freestanding and linked into one relocatable
# ELF file. There is no list of sources to keep: a file that exists is part of the kernel.

KERNEL       := $(BUILD)/mokapot-kernel.elf
KERNEL_DEBUG := $(BUILD)/mokapot-kernel.debug.elf
KERNEL_OUT   := $(BUILD)/kernel

KERNEL_SOURCES := $(sort $(shell find kernel -name '*.cc' -o -name '*.S'))
KERNEL_OBJECTS := $(addprefix $(BUILD)/,$(addsuffix .o,$(KERNEL_SOURCES)))

include kernel/net/lwip_port/lwip.mk
include kernel/fs/lz4_port/lz4.mk

KERNEL_CXX ?= g++
KERNEL_INCLUDES := -Ikernel -Ikernel/arch/x64/include $(LWIP_INCLUDES) $(LZ4_INCLUDES)
# The canary is the running thread's, in its CPU's block (arch_impl/cpu.h): never the application's at FS.
STACK_PROTECTOR := -fstack-protector-strong -mstack-protector-guard=tls -mstack-protector-guard-reg=gs \
  -mstack-protector-guard-offset=72
# No vector registers: the application's stay live across a system call. No red zone: interrupts
# land below the stack pointer. PIE: the boot stub relocates the image to a random base.
KERNEL_CXXFLAGS := -std=c++20 -O2 -g -ffreestanding -fno-exceptions -fno-rtti -mno-red-zone \
  -mgeneral-regs-only -fPIE -fvisibility=hidden -fno-omit-frame-pointer -fcf-protection=none \
  -fno-threadsafe-statics -fno-asynchronous-unwind-tables $(STACK_PROTECTOR) \
  -ffunction-sections -fdata-sections -Wall -Wextra -Wshadow -Werror $(KERNEL_INCLUDES)
KERNEL_ASFLAGS := -g -fPIE -fcf-protection=none $(KERNEL_INCLUDES)

# DEBUG=1, with a BUILD of its own: the checking kernel (docs/concepts/testing.md).
ifdef DEBUG
KERNEL_CXXFLAGS += -DMOKAPOT_DEBUG -fsanitize=undefined -fno-sanitize=vptr -fno-sanitize-recover=all \
  -Wno-maybe-uninitialized  # the checks' own branches confuse GCC 12
endif

# Parsing the standard library and Boost takes most of a file's time: once for all.
KERNEL_PRELUDE := $(KERNEL_OUT)/prelude.h
$(KERNEL_PRELUDE).gch: kernel/base/prelude.h kernel/kernel.mk
	@mkdir -p $(@D)
	$(call step,PCH) $(KERNEL_CXX) $(KERNEL_CXXFLAGS) -x c++-header -MMD -MP -MT $@ -MF $(KERNEL_PRELUDE).d -c $< -o $@.new && mv $@.new $@

KERNEL_WITH_PRELUDE := -include $(KERNEL_PRELUDE)
# Defines functions that the library's headers declare otherwise.
$(BUILD)/kernel/base/freestanding.cc.o: KERNEL_WITH_PRELUDE :=
$(BUILD)/kernel/%.cc.o: kernel/%.cc kernel/kernel.mk $(KERNEL_PRELUDE).gch
	@mkdir -p $(@D)
	$(call step,CXX) $(KERNEL_CXX) $(KERNEL_CXXFLAGS) $(KERNEL_WITH_PRELUDE) -MMD -MP -c $< -o $@

$(BUILD)/kernel/%.S.o: kernel/%.S kernel/kernel.mk
	@mkdir -p $(@D)
	$(call step,AS) $(KERNEL_CXX) $(KERNEL_ASFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/kernel/fs/lz4.cc.o: $(LZ4_STAMP)
# Its pointers may run past a buffer's end before they are compared with it, which the checks would call a fault.
$(BUILD)/kernel/fs/lz4.cc.o: KERNEL_CXXFLAGS := $(filter-out -fsanitize=%,$(KERNEL_CXXFLAGS))

# --- The vDSO: a shared library for the application, embedded as data ------------------------------
VDSO := $(KERNEL_OUT)/vdso.so
VDSO_FLAGS := -O2 -fPIC -shared -nostdlib -ffreestanding -fno-stack-protector -fcf-protection=none \
  -fno-asynchronous-unwind-tables -Wall -Wextra -Werror \
  -Wl,-Bsymbolic,-soname,linux-vdso.so.1,--hash-style=both,-z,max-page-size=4096,-z,norelro,--build-id=none
$(VDSO): kernel/exec/vdso/vdso.c kernel/exec/vdso/vdso_data.h kernel/exec/vdso/vdso.ld kernel/kernel.mk
	@mkdir -p $(@D)
	$(call step,VDSO) gcc $(VDSO_FLAGS) -Wl,-T,kernel/exec/vdso/vdso.ld $< -o $@
$(BUILD)/kernel/exec/vdso_image.S.o: $(VDSO)
$(BUILD)/kernel/exec/vdso_image.S.o: KERNEL_ASFLAGS += -Wa,-I$(BUILD)

# --- Link ----------------------------------------------------------------------------------------
# Two passes: the first gives the addresses of the functions, from which the symbol table for backtraces
# is made; the table lies behind the text, so the second pass moves no function.
KERNEL_LINKER_SCRIPT := kernel/arch/x64/kernel.ld
KERNEL_LDFLAGS := -nostdlib -static-pie -Wl,--no-dynamic-linker,--gc-sections,--build-id=none \
  -Wl,-z,max-page-size=4096,-z,noexecstack,-T,$(KERNEL_LINKER_SCRIPT)
kernel_link = $(KERNEL_CXX) $(KERNEL_LDFLAGS) -o $(1) $(2) -lgcc

KERNEL_LINKED := $(KERNEL_OBJECTS) $(LWIP_OBJECTS)
$(KERNEL_OUT)/without-symbols.elf: $(KERNEL_LINKED) $(KERNEL_LINKER_SCRIPT)
	$(call step,LINK) $(call kernel_link,$@,$(KERNEL_LINKED))

KERNEL_SYMBOLS := $(KERNEL_OUT)/symbols
$(KERNEL_SYMBOLS).o: $(KERNEL_OUT)/without-symbols.elf kernel/arch/x64/symbol_table.awk
	$(call step,SYMBOLS) nm -C -n $< | awk -f kernel/arch/x64/symbol_table.awk > $(KERNEL_SYMBOLS).S
	@gcc -c $(KERNEL_SYMBOLS).S -o $@

$(KERNEL_DEBUG): $(KERNEL_LINKED) $(KERNEL_SYMBOLS).o $(KERNEL_LINKER_SCRIPT)
	$(call step,LINK) $(call kernel_link,$@,$(KERNEL_LINKED) $(KERNEL_SYMBOLS).o)

# GRUB refuses a kernel whose section headers speak of relocations, even of those that the kernel applies itself.
# They say nothing to a loader, so the ELF header forgets them: e_shoff, then e_shnum and e_shstrndx.
zero_bytes = head -c $(1) /dev/zero | dd of=$(3) bs=1 seek=$(2) conv=notrunc status=none
$(KERNEL): $(KERNEL_DEBUG) kernel/kernel.mk
	$(call step,STRIP) objcopy --strip-all $< $@ && $(call zero_bytes,8,40,$@) && $(call zero_bytes,4,60,$@)

-include $(KERNEL_LINKED:.o=.d) $(KERNEL_PRELUDE).d
