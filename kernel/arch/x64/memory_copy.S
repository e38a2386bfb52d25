// SPDX-License-Identifier: Apache-2.0
//
// Copies that may fault on application memory. Each instruction that may do so has an entry in the exception table:
// a pair of 32-bit offsets (instruction, continuation) relative to their own places, so that no
// relocation is needed. Also memcpy and friends for the compiler, and the page routines.
//
// Method: words by unrolled loads and stores. String instructions are slow under TCG, and the sizes here are mostly
// small; REP MOVSB pays on hardware with fast short strings only from about a page on.

.macro may_fault instruction, continuation
    .pushsection .exception_table, "a"
    .balign 4
    .long \instruction - .
    .long \continuation - .
    .popsection
.endm

.section .text.memory_copy, "ax"

// size_t copy_or_fault(void* to /*rdi*/, const void* from /*rsi*/, size_t size /*rdx*/): bytes not copied
.balign 16
.global arch_copy_or_fault
arch_copy_or_fault:
    cmpq $32, %rdx
    jb 3f
1:
10: movq (%rsi), %rax
11: movq 8(%rsi), %rcx
12: movq 16(%rsi), %r8
13: movq 24(%rsi), %r9
14: movq %rax, (%rdi)
15: movq %rcx, 8(%rdi)
16: movq %r8, 16(%rdi)
17: movq %r9, 24(%rdi)
    addq $32, %rsi
    addq $32, %rdi
    subq $32, %rdx
    cmpq $32, %rdx
    jae 1b
3:  cmpq $8, %rdx
    jb 5f
18: movq (%rsi), %rax
19: movq %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    subq $8, %rdx
    jmp 3b
5:  testq %rdx, %rdx
    jz 7f
// Also where a faulting word copy goes on, byte by byte, to move all that can be moved.
6:
20: movb (%rsi), %al
21: movb %al, (%rdi)
    incq %rsi
    incq %rdi
    decq %rdx
    jnz 6b
7:  movq %rdx, %rax
    ret
.irp label, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19
    may_fault \label\()b, 6b
.endr
.irp label, 20, 21
    may_fault \label\()b, 7b
.endr

// size_t clear_or_fault(void* to /*rdi*/, size_t size /*rsi*/): bytes not cleared
.balign 16
.global arch_clear_or_fault
arch_clear_or_fault:
    xorl %eax, %eax
1:  cmpq $8, %rsi
    jb 2f
30: movq %rax, (%rdi)
    addq $8, %rdi
    subq $8, %rsi
    jmp 1b
2:  testq %rsi, %rsi
    jz 4f
3:
31: movb %al, (%rdi)
    incq %rdi
    decq %rsi
    jnz 3b
4:  movq %rsi, %rax
    ret
    may_fault 30b, 3b
    may_fault 31b, 4b

// int64_t copy_string_or_fault(char* to, const char* from, size_t size)
.balign 16
.global arch_copy_string_or_fault
arch_copy_string_or_fault:
    xorl %eax, %eax
1:  cmpq %rdx, %rax
    jae 3f
40: movb (%rsi, %rax), %cl
    movb %cl, (%rdi, %rax)
    testb %cl, %cl
    jz 3f
    incq %rax
    jmp 1b
3:  ret
4:  movq $-1, %rax
    ret
    may_fault 40b, 4b

// bool load_u32_or_fault(const uint32_t* address, uint32_t& value)
.global arch_load_u32_or_fault
arch_load_u32_or_fault:
50: movl (%rdi), %eax
    movl %eax, (%rsi)
    movl $1, %eax
    ret
5:  xorl %eax, %eax
    ret
    may_fault 50b, 5b

// bool compare_exchange_u32_or_fault(uint32_t* address, uint32_t& expected, uint32_t desired)
.global arch_compare_exchange_u32_or_fault
arch_compare_exchange_u32_or_fault:
    movl (%rsi), %eax
60: lock cmpxchgl %edx, (%rdi)
    movl %eax, (%rsi)
    movl $1, %eax
    ret
6:  xorl %eax, %eax
    ret
    may_fault 60b, 6b

.balign 16
.global arch_clear_page
arch_clear_page:
    xorl %eax, %eax
    movl $64, %ecx
1:  movq %rax, (%rdi)
    movq %rax, 8(%rdi)
    movq %rax, 16(%rdi)
    movq %rax, 24(%rdi)
    movq %rax, 32(%rdi)
    movq %rax, 40(%rdi)
    movq %rax, 48(%rdi)
    movq %rax, 56(%rdi)
    addq $64, %rdi
    decl %ecx
    jnz 1b
    ret

.balign 16
.global arch_clear_page_string
arch_clear_page_string:
    xorl %eax, %eax
    movl $4096, %ecx
    rep stosb
    ret

.balign 16
.global arch_copy_page
arch_copy_page:
    movl $64, %ecx
1:  movq (%rsi), %rax
    movq 8(%rsi), %rdx
    movq 16(%rsi), %r8
    movq 24(%rsi), %r9
    movq %rax, (%rdi)
    movq %rdx, 8(%rdi)
    movq %r8, 16(%rdi)
    movq %r9, 24(%rdi)
    movq 32(%rsi), %rax
    movq 40(%rsi), %rdx
    movq 48(%rsi), %r8
    movq 56(%rsi), %r9
    movq %rax, 32(%rdi)
    movq %rdx, 40(%rdi)
    movq %r8, 48(%rdi)
    movq %r9, 56(%rdi)
    addq $64, %rsi
    addq $64, %rdi
    decl %ecx
    jnz 1b
    ret

// What the compiler may call. No faults expected.
.balign 16
.global memcpy
memcpy:
    movq %rdi, %r10
    movq %rdx, %rcx
    shrq $3, %rcx
    jz 2f
1:  movq (%rsi), %rax
    movq %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    decq %rcx
    jnz 1b
2:  andl $7, %edx
    jz 4f
3:  movb (%rsi), %al
    movb %al, (%rdi)
    incq %rsi
    incq %rdi
    decl %edx
    jnz 3b
4:  movq %r10, %rax
    ret

.balign 16
.global memmove
memmove:
    movq %rdi, %rax
    subq %rsi, %rax
    cmpq %rdx, %rax                  // destination outside [from, from + size): forwards is fine
    jae memcpy
    movq %rdi, %rax
    leaq -1(%rsi, %rdx), %rsi
    leaq -1(%rdi, %rdx), %rdi
1:  testq %rdx, %rdx
    jz 2f
    movb (%rsi), %cl
    movb %cl, (%rdi)
    decq %rsi
    decq %rdi
    decq %rdx
    jmp 1b
2:  ret

.balign 16
.global memset
memset:
    movq %rdi, %r10
    movzbl %sil, %eax
    movabsq $0x0101010101010101, %rcx
    imulq %rcx, %rax
    movq %rdx, %rcx
    shrq $3, %rcx
    jz 2f
1:  movq %rax, (%rdi)
    addq $8, %rdi
    decq %rcx
    jnz 1b
2:  andl $7, %edx
    jz 4f
3:  movb %al, (%rdi)
    incq %rdi
    decl %edx
    jnz 3b
4:  movq %r10, %rax
    ret

.balign 16
.global memcmp
memcmp:
    xorl %eax, %eax
    xorl %ecx, %ecx
1:  cmpq %rdx, %rcx
    jae 2f
    movzbl (%rdi, %rcx), %eax
    movzbl (%rsi, %rcx), %r8d
    incq %rcx
    subl %r8d, %eax
    jz 1b
2:  ret
