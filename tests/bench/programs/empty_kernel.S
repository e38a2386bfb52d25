// SPDX-License-Identifier: Apache-2.0
//
// The least that QEMU boots as a kernel: one line on the serial port, then silence. What QEMU takes
// until that line is its own start (devices, firmware, the loader) and no kernel's, so it is taken off
// the figure for the first instruction of an application. Entered by PVH: 32-bit, paging off, flat.
#define XEN_ELFNOTE_PHYS32_ENTRY 18
#define SERIAL 0x3f8

        .section .note.pvh, "a", @note
        .balign 4
        .long   name_end - name, entry_end - entry_field, XEN_ELFNOTE_PHYS32_ENTRY
name:   .asciz  "Xen"
name_end:
        .balign 4
entry_field:
        .long   _start
entry_end:

        .text
        .code32
        .globl  _start
_start: movl    $message, %esi
        movl    $message_end - message, %ecx
        movw    $SERIAL, %dx
        cld
        rep outsb
        cli
halt:   hlt
        jmp     halt

message:
        .ascii  "empty\n"
message_end:
        .section .note.GNU-stack, "", @progbits
