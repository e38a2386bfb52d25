// SPDX-License-Identifier: Apache-2.0
//
// The trampoline of a further CPU: from real mode at a page below 1 MiB straight to long mode, on the boot
// stub's page tables (they map this page one to one and the image), then to the kernel's own tables and its
// C++ entry. Copied to its page; the parameter block at its end is filled in by prepare_processor_start.

.section .rodata
.global processor_start_begin, processor_start_end
.balign 16
processor_start_begin:
.code16
    cli
    cld
    movw %cs, %ax
    movw %ax, %ds                    // DS:0 is this page
    lgdtl (gdt_pointer - processor_start_begin)
    movl %cr4, %eax
    orl $0x20, %eax                  // PAE
    movl %eax, %cr4
    movl (boot_root - processor_start_begin), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx           // EFER
    rdmsr
    orl $0x900, %eax                 // LME, NXE: the final tables use no-execute
    wrmsr
    movl %cr0, %eax
    andl $0x9fffffff, %eax           // caches on
    orl $0x80000001, %eax            // PG, PE
    movl %eax, %cr0
    ljmpl *(long_mode_pointer - processor_start_begin)
.code64
long_mode:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movq parameters(%rip), %rax      // virtual address of processor_start_high
    leaq parameters(%rip), %rbx
    jmp *%rax
.balign 8
gdt:
    .quad 0
    .quad 0x00af9b000000ffff
    .quad 0x00cf93000000ffff
gdt_pointer:
    .word gdt_pointer - gdt - 1
gdt_address:
    .long 0
boot_root:
    .long 0
long_mode_pointer:
    .long 0
    .word 0x08
.balign 8
parameters:
    .quad 0                          // processor_start_high
    .quad 0                          // root
    .quad 0                          // stack
    .quad 0                          // entry
    .quad 0                          // argument
processor_start_end:
// Offsets that prepare_processor_start fills in.
.global processor_start_offsets
processor_start_offsets:
    .long gdt - processor_start_begin, gdt_address - processor_start_begin, boot_root - processor_start_begin
    .long long_mode_pointer - processor_start_begin, long_mode - processor_start_begin
    .long parameters - processor_start_begin

.text
// At the image's addresses: on to the kernel's tables, which do not map the trampoline. RBX: parameters.
.global processor_start_high
processor_start_high:
    movq 8(%rbx), %rax
    movq 16(%rbx), %rsp
    movq 24(%rbx), %rdx
    movq 32(%rbx), %rdi
    movq %rax, %cr3
    xorl %ebp, %ebp
    pushq $0
    pushq $0
    call *%rdx
    ud2
