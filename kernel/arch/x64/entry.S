// SPDX-License-Identifier: Apache-2.0
//
// Every way into the kernel, and out of it. The application runs at CPL 0 too, has a red zone below its RSP,
// and that RSP may be bad; so nothing here is pushed on it.
//
//   * Exceptions and interrupts arrive on this CPU's landing pad (IST 1) with interrupts off. The stub
//     copies the frame to where the kernel goes on: the top of the thread's kernel stack if the
//     interrupted RSP is the application's (lower half), else just below that RSP. The destination is
//     bounds-checked against the thread's kernel stack first: an overflow would fault on the copy, arrive on
//     the pad and copy again, for ever. NMI, #DF and #MC have stacks of their own and stay on them.
//     All pad users run with interrupts off and touch only memory that is always mapped, so one pad serves all.
//   * SYSCALL parks RSP in the per-CPU block and takes the thread's kernel stack. Interrupts stay on from the
//     first instruction to the last, which is a jump back: switching them is what a system call would spend most of
//     its time on. The few places that an interrupt must not take at their face value are between labels that
//     arch/x64/traps.cc knows: it starts the entry anew, or the exit, or lets the last jump have happened.
//   * A trampoline in the place of a SYSCALL (arch/direct_call.h) jumps to direct_entry, which differs in that
//     nobody has put the flags into R11, or cleared any; or to plain_entry, where the program has no use for its
//     flags, and to read and restore them would be a tenth of what a system call costs. (NT and AC stay as they were
//     meanwhile: the one is known to the trap handler, the other means nothing at CPL 0.)
//
// GS-relative offsets are those of CpuLocal in arch_impl/cpu.h; the frame layout is arch/trap_frame.h's.

.set GS_RSP_SCRATCH, 24
.set GS_STACK_TOP, 16
.set GS_RESCHEDULE, 36
.set GS_STACK_BOTTOM, 48
.set GS_RETURN_WORK, 64
.set GS_STACK_CANARY, 72
.set GS_EMERGENCY_TOP, 56
.set FRAME_SIZE, 176
.set FRAME_R15, 0
.set FRAME_R14, 8
.set FRAME_R13, 16
.set FRAME_R12, 24
.set FRAME_RBP, 32
.set FRAME_RBX, 40
.set FRAME_R11, 48
.set FRAME_R10, 56
.set FRAME_R9, 64
.set FRAME_R8, 72
.set FRAME_RAX, 80
.set FRAME_RCX, 88
.set FRAME_RDX, 96
.set FRAME_RSI, 104
.set FRAME_RDI, 112
.set FRAME_VECTOR, 120
.set FRAME_ERROR, 128
.set FRAME_RIP, 136
.set FRAME_RFLAGS, 152
.set FRAME_RSP, 160
.set KERNEL_CODE, 0x08
.set KERNEL_DATA, 0x10
.set SYSCALL_VECTOR, 0x100
.set SYSCALL_SLOTS, 512
// What SYSCALL clears of RFLAGS (kSyscallClears in cpu_setup.cc): TF DF IOPL NT AC.
.set SYSCALL_CLEARS, 0x47500
// What the fast way out restores of RFLAGS, or finds as it is: CF PF AF ZF SF IF OF and the bit that is always set.
.set ORDINARY_FLAGS, 0xad7
.set PLAIN_FLAGS, 0x202              // IF and the bit that is always set

// The general registers, as the frame has them below the vector.
.macro push_registers
    pushq %rdi
    pushq %rsi
    pushq %rdx
    pushq %rcx
    pushq %rax
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %rbx
    pushq %rbp
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
.endm

// The beginning of a way in, with the labels that the trap handler knows: from the application's stack to the kernel's,
// with the frame's SS and RSP on it.
.macro take_kernel_stack entry
.balign 16
.global \entry, \entry\()_on_kernel_stack, \entry\()_parked
\entry:                              // an interrupt up to the next label: the SYSCALL has not happened
    movq %rsp, %gs:GS_RSP_SCRATCH
    movq %gs:GS_STACK_TOP, %rsp
\entry\()_on_kernel_stack:           // up to the next label: no other thread may use this CPU's scratch word
    pushq $KERNEL_DATA
    pushq %gs:GS_RSP_SCRATCH
\entry\()_parked:
.endm

// The rest of a system call's frame, below RFLAGS, then the call's function; its result is in the frame afterwards.
.macro call_function
    pushq $KERNEL_CODE
    pushq %rcx                       // RIP
    pushq %rax                       // system-call number, kept for restarts
    pushq $SYSCALL_VECTOR
    push_registers
    xorl %ebp, %ebp
    movl $(SYSCALL_SLOTS - 1), %r11d
    cmpl %r11d, %eax                 // the lower half is the number, as on Linux
    cmoval %r11d, %eax               // the last slot is for numbers that are too high
    movq arch_system_calls(%rip), %r11
    movq %r10, %rcx                  // the fourth argument, where functions look for it; the others are there
    call *(%r11, %rax, 8)
    negq %rdx                        // an error, or none: the value is in RAX
    cmovnzq %rdx, %rax
    movq %rax, FRAME_RAX(%rsp)
.endm

// To syscall_exit_slowly if there is something to do before the application goes on.
.macro check_before_exit
    cmpl $0, %gs:GS_RESCHEDULE
    jne syscall_exit_slowly
    movq %gs:GS_RETURN_WORK, %rcx
    cmpl $0, (%rcx)
    jne syscall_exit_slowly
    cmpq $SYSCALL_VECTOR, FRAME_VECTOR(%rsp)
    jne syscall_exit_slowly          // rt_sigreturn, exec: the frame is another
.endm

// What a function may have changed, and where to go on: RCX. Callee-saved registers are as the application left them.
.macro load_call_registers
    movq FRAME_R10(%rsp), %r10
    movq FRAME_R9(%rsp), %r9
    movq FRAME_R8(%rsp), %r8
    movq FRAME_RAX(%rsp), %rax
    movq FRAME_RDX(%rsp), %rdx
    movq FRAME_RSI(%rsp), %rsi
    movq FRAME_RDI(%rsp), %rdi
    movq FRAME_RBP(%rsp), %rbp
    movq FRAME_RIP(%rsp), %rcx
    movq FRAME_RSP(%rsp), %rsp
.endm

.section .text.entry, "ax"

// One 16-byte stub a vector: an error code where the CPU gives none, the vector, and on.
.balign 16
.global vector_stubs
vector_stubs:
.set vector, 0
.rept 256
    .balign 16
    .if vector != 8 && vector != 10 && vector != 11 && vector != 12 && vector != 13 && vector != 14 && vector != 17 && vector != 21
    pushq $0
    .endif
    pushq $vector
    .if vector == 2 || vector == 8 || vector == 18
    jmp own_stack_entry
    .else
    jmp pad_entry
    .endif
    .set vector, vector + 1
.endr

// On the pad: vector, error, RIP, CS, RFLAGS, RSP, SS (seven words), interrupts off.
pad_entry:
    pushq %rax
    pushq %rcx
    pushq %rdx
    movq 24+40(%rsp), %rax           // interrupted RSP
    testq %rax, %rax
    js 1f
    movq %gs:GS_STACK_TOP, %rax      // the application's: start at the top of the kernel stack
    jmp 2f
1:  andq $-16, %rax
    movq %rax, %rcx
    subq $FRAME_SIZE, %rcx
    cmpq %gs:GS_STACK_BOTTOM, %rcx
    jb stack_overflow
    cmpq %gs:GS_STACK_TOP, %rax
    ja stack_overflow
2:  subq $FRAME_SIZE, %rax
    popq %rcx                        // rdx
    movq %rcx, FRAME_RDX(%rax)
    popq %rcx
    movq %rcx, FRAME_RCX(%rax)
    popq %rcx
    movq %rcx, FRAME_RAX(%rax)
    .set word, 0
    .rept 7
    popq %rcx
    movq %rcx, FRAME_VECTOR + word(%rax)
    .set word, word + 8
    .endr
    movq %rax, %rsp
    movq %r15, FRAME_R15(%rsp)
    movq %r14, FRAME_R14(%rsp)
    movq %r13, FRAME_R13(%rsp)
    movq %r12, FRAME_R12(%rsp)
    movq %rbp, FRAME_RBP(%rsp)
    movq %rbx, FRAME_RBX(%rsp)
    movq %r11, FRAME_R11(%rsp)
    movq %r10, FRAME_R10(%rsp)
    movq %r9, FRAME_R9(%rsp)
    movq %r8, FRAME_R8(%rsp)
    movq %rsi, FRAME_RSI(%rsp)
    movq %rdi, FRAME_RDI(%rsp)
    // QEMU's TCG empties SS with each change to an IST stack, where a CPU does so for another CPL alone. It translates
    // code for an SS that is empty and once more for one that is not, the application's as well, since the threads that
    // run next have it from here.
    movl %ss, %eax
    testl %eax, %eax
    jnz 3f
    movl $KERNEL_DATA, %eax
    movl %eax, %ss
3:  cld
    movq %rsp, %rdi
    movq %cr2, %rsi                  // read before anything can fault again
    xorl %ebp, %ebp
    call arch_handle_trap            // interrupts are off again when it returns
.global return_from_trap
return_from_trap:
    movq FRAME_R15(%rsp), %r15
    movq FRAME_R14(%rsp), %r14
    movq FRAME_R13(%rsp), %r13
    movq FRAME_R12(%rsp), %r12
    movq FRAME_RBP(%rsp), %rbp
    movq FRAME_RBX(%rsp), %rbx
    movq FRAME_R11(%rsp), %r11
    movq FRAME_R10(%rsp), %r10
    movq FRAME_R9(%rsp), %r9
    movq FRAME_R8(%rsp), %r8
    movq FRAME_RAX(%rsp), %rax
    movq FRAME_RCX(%rsp), %rcx
    movq FRAME_RDX(%rsp), %rdx
    movq FRAME_RSI(%rsp), %rsi
    movq FRAME_RDI(%rsp), %rdi
    addq $FRAME_RIP, %rsp
.global return_by_iret
return_by_iret:
    iretq

// The kernel stack has run out. The CPU's state lies on the pad; report it from the emergency stack.
stack_overflow:
    movq %rsp, %rdi
    movq %gs:GS_EMERGENCY_TOP, %rsp
    andq $-16, %rsp
    xorl %ebp, %ebp
    call arch_stack_overflow
    ud2

// NMI, #DF, #MC: a full frame on their own stack. The handlers neither fault nor sleep.
own_stack_entry:
    push_registers
    cld
    movq %rsp, %rdi
    xorl %ebp, %ebp
    movq %rsp, %rbx
    andq $-16, %rsp
    call arch_handle_own_stack_trap
    movq %rbx, %rsp
    jmp return_from_trap

take_kernel_stack plain_entry
.global plain_exit, plain_exit_jump
    pushq $PLAIN_FLAGS
    cld
    call_function
plain_exit:
    check_before_exit
    load_call_registers
plain_exit_jump:
    jmp *%rcx

take_kernel_stack direct_entry
    pushfq
    movq (%rsp), %r11
    testl $SYSCALL_CLEARS, %r11d
    jz flags_saved
    pushq %r11
    andq $~SYSCALL_CLEARS, (%rsp)
    popfq
    jmp flags_saved

take_kernel_stack syscall_entry
    pushq %r11                       // RFLAGS
flags_saved:
    call_function

// An interrupt up to the jump: all of this once more, since it may have brought work.
.global syscall_exit, syscall_exit_jump
syscall_exit:
    check_before_exit
    movq FRAME_RFLAGS(%rsp), %r11
    testl $~ORDINARY_FLAGS, %r11d
    jnz syscall_exit_slowly
    // The flags without POPF: OF by an addition that overflows, the others from AH.
    movzbl %r11b, %eax
    shll $8, %eax
    btl $11, %r11d
    adcb $0, %al
    addb $127, %al
    sahf
    load_call_registers
syscall_exit_jump:                   // an interrupt here: the jump has been made
    jmp *%rcx

syscall_exit_slowly:
    movq %rsp, %rdi
    call arch_settle_syscall_return  // interrupts are off when it returns
    jmp return_from_trap

// void arch_switch_stacks(SwitchContext* from, const SwitchContext* to)
// A stack's frames hold its own canary, so the two change together.
.global arch_switch_stacks
arch_switch_stacks:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %gs:GS_STACK_CANARY, %rax
    movq 8(%rsi), %rcx
    movq %rax, 8(%rdi)
    movq %rcx, %gs:GS_STACK_CANARY
    movq %rsp, (%rdi)
    movq (%rsi), %rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret

// First code of a new thread: arch_prepare_context left the entry in rbx and its argument in r12.
.global thread_start
thread_start:
    xorl %ebp, %ebp
    movq %r12, %rdi
    call *%rbx
    ud2

// [[noreturn]] void arch_enter_application(TrapFrame* frame): frame lies at the top of the kernel stack.
.global arch_enter_application
arch_enter_application:
    cli
    movq %rdi, %rsp
    jmp return_from_trap
