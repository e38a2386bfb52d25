// SPDX-License-Identifier: Apache-2.0
//
// The boot stub: from a loader's idea of a CPU to kernel_start() in the kernel's address space.
//
//   pvh_entry        32-bit protected mode, paging off, EBX = hvm_start_info (PVH: QEMU -kernel, Xen)
//   multiboot_entry  the same, EBX = Multiboot2 information (GRUB: disk images, BIOS and UEFI)
//   linux64_entry    64-bit mode, identity mapped, RSI = boot_params (Firecracker, Cloud Hypervisor)
//
// All meet in boot64, which runs at the physical load address: it chooses the image's virtual base,
// maps it, applies the RELATIVE relocations and jumps up. The page tables here are static data and serve
// only until kernel_start has built the real ones. Everything lies in .boot, whose physical
// address is known (LOAD_BASE), so same-section differences make physical addresses.

.set LOAD_BASE, 0x200000
.set IMAGE_SLOTS, 4                  // 2 MiB pages that cover the image
#define PHYS(symbol) (symbol - boot_start + LOAD_BASE)

.section .note.pvh, "a", @note
    .long 4, 4, 18                   // name size, descriptor size, XEN_ELFNOTE_PHYS32_ENTRY
    .asciz "Xen"
    .long pvh_entry_offset + LOAD_BASE

.section .boot, "awx", @progbits
boot_start:
.code32
.global pvh_entry
pvh_entry:
.set pvh_entry_offset, pvh_entry - boot_start
    movl $1, %edi                    // protocol: PVH
    jmp protected_mode

multiboot_entry:
    movl $3, %edi                    // protocol: Multiboot2
protected_mode:
    cli
    cld
    lgdtl PHYS(boot_gdt_pointer)
    movl $PHYS(boot_stack_top), %esp
    movl %ebx, %esi
    movl %cr4, %eax
    orl $0x20, %eax                  // PAE
    movl %eax, %cr4
    movl $PHYS(boot_pml4), %eax
    movl %eax, %cr3
    movl $0xc0000080, %ecx           // EFER
    rdmsr
    orl $0x100, %eax                 // LME
    wrmsr
    movl %cr0, %eax
    orl $0x80000001, %eax            // PG, PE
    movl %eax, %cr0
    ljmpl $0x08, $PHYS(boot64)

.code64
.global linux64_entry
linux64_entry:
    cli
    cld
    movl $2, %edi                    // protocol: Linux
    movl $PHYS(boot_pml4), %eax
    movq %rax, %cr3                  // the identity map covers this code before and after
    movl $PHYS(boot_gdt_pointer64), %eax
    lgdt (%rax)
    movl $PHYS(boot_stack_top), %esp
    pushq $0x08
    movl $PHYS(boot64), %eax
    pushq %rax
    lretq

boot64:
    xorl %eax, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %fs
    movl %eax, %gs
    movl $0x10, %eax
    movl %eax, %ss
    movl $PHYS(boot_stack_top), %esp
    movl %edi, %r12d                 // protocol
    movl %esi, %r13d                 // its information block

    // A random slot of 2 MiB: RDRAND where there is one, stirred with the TSC.
    rdtsc
    shlq $32, %rdx
    orq %rdx, %rax
    movabsq $0x9e3779b97f4a7c15, %rcx
    imulq %rcx, %rax
    shrq $23, %rax
    movq %rax, %r14
    movl $1, %eax
    cpuid
    btl $30, %ecx
    jnc 1f
    rdrand %rax
    xorq %rax, %r14
1:  movl %r14d, %eax
    xorl %edx, %edx
    movl $(512 - 2 * IMAGE_SLOTS), %ecx
    divl %ecx
    movl %edx, %r14d                 // slot

    // Map the image there.
    movl $PHYS(boot_pd_kernel), %edi
    leaq (%rdi, %r14, 8), %rdi
    movl $(LOAD_BASE + 0x83), %eax   // present, writable, 2 MiB
    movl $IMAGE_SLOTS, %ecx
2:  movq %rax, (%rdi)
    addq $0x200000, %rax
    addq $8, %rdi
    decl %ecx
    jnz 2b
    movq %cr3, %rax
    movq %rax, %cr3

    // Apply the relocations: all are R_X86_64_RELATIVE, value = addend + slide.
    shlq $21, %r14                   // slide
    leaq relocations_start(%rip), %rsi
    leaq relocations_end(%rip), %rdi
    movabsq $0xffffffff80000000, %r8 // LINK_BASE
3:  cmpq %rdi, %rsi
    jae 4f
    movq (%rsi), %rax                // r_offset
    subq %r8, %rax
    movq 16(%rsi), %rdx              // r_addend
    addq %r14, %rdx
    movq %rdx, LOAD_BASE(%rax)
    addq $24, %rsi
    jmp 3b

4:  // Up: virtual = physical - LOAD_BASE + LINK_BASE + slide.
    leaq high(%rip), %rax
    subq $LOAD_BASE, %rax
    addq %r8, %rax
    addq %r14, %rax
    jmp *%rax
high:
    leaq boot_cpu_stack_top(%rip), %rsp
    movl %r12d, %edi
    movq %r13, %rsi
    movq %r14, %rdx
    xorl %ebp, %ebp
    pushq $0                         // ends backtraces; keeps the stack aligned at the call
    pushq $0
    call kernel_start
    ud2

.balign 8
boot_gdt:
    .quad 0
    .quad 0x00af9b000000ffff         // 64-bit code
    .quad 0x00cf93000000ffff         // data
boot_gdt_pointer:
    .word boot_gdt_pointer - boot_gdt - 1
    .long PHYS(boot_gdt)
boot_gdt_pointer64:
    .word boot_gdt_pointer - boot_gdt - 1
    .quad PHYS(boot_gdt)

// Multiboot2 specification, 3.1: within the file's first 32 KiB. The entry is said here, since the ELF
// header's is the Linux protocol's.
.set MULTIBOOT_MAGIC, 0xe85250d6
.balign 8
multiboot_header:
    .long MULTIBOOT_MAGIC, 0         // for i386: entered in protected mode
    .long multiboot_header_end - multiboot_header
    .long -(MULTIBOOT_MAGIC + multiboot_header_end - multiboot_header)
    .word 3, 0                       // entry address
    .long 12, PHYS(multiboot_entry)
.balign 8
    .word 0, 0                       // end of tags
    .long 8
multiboot_header_end:

.org boot_start + 0x1000             // processor_start.cc knows that the root is the second page
boot_pml4:
    .quad PHYS(boot_pdpt) + 3        // identity
    .fill 255, 8, 0
    .quad PHYS(boot_pdpt) + 3        // direct map, first 4 GiB
    .fill 254, 8, 0
    .quad PHYS(boot_pdpt_kernel) + 3
boot_pdpt:
    .quad PHYS(boot_pd) + 3, PHYS(boot_pd) + 0x1003, PHYS(boot_pd) + 0x2003, PHYS(boot_pd) + 0x3003
    .fill 508, 8, 0
boot_pdpt_kernel:
    .fill 510, 8, 0
    .quad PHYS(boot_pd_kernel) + 3
    .quad 0
boot_pd_kernel:
    .fill 512, 8, 0
boot_pd:
    .set address, 0
    .rept 2048
    .quad address + 0x83
    .set address, address + 0x200000
    .endr
    .fill 512, 8, 0                  // the stub's stack
boot_stack_top:

.bss
.balign 4096
.global boot_cpu_stack_bottom, boot_cpu_stack_top
    .skip 4096                           // build_kernel_map leaves this page out: a guard
boot_cpu_stack_bottom:
    .skip 16384
boot_cpu_stack_top:
