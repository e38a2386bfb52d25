// SPDX-License-Identifier: Apache-2.0
//
// System calls at sites that the kernel may make direct: registers, flags, restarts, signals in the middle, threads
// that are cancelled in them, and text that is moved or written to. Linux has SYSCALL there and must say the same.

#include "suite.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

// Functions as a compiler writes them: a move of the number, or a comparison and a branch, then SYSCALL. They fill
// pages of their own, so that these can be moved.
long site_getppid(void);
long site_read(int file, void* buffer, size_t size);
long site_checked(long flag);  // getpid where flag_word is flag's, else -1
long site_registers(uint64_t seen[10]);
uint64_t site_flags(uint64_t flags);
long site_in_a_loop(long count);
extern const char site_read_behind[], site_pages[], site_pages_end[];
__attribute__((visibility("hidden"))) uint8_t site_flag_word = 1;

__asm__(
    ".pushsection .text.direct_call_sites, \"ax\", @progbits\n"
    ".balign 4096\n"
    "site_pages:\n"
    ".macro function name\n .globl \\name\n .type \\name, @function\n\\name:\n .cfi_startproc\n .endm\n"
    ".macro end name\n .cfi_endproc\n .size \\name, . - \\name\n .endm\n"
    "function site_getppid\n movl $110, %eax\n syscall\n ret\n end site_getppid\n"
    "function site_read\n movl $0, %eax\n syscall\n.globl site_read_behind\nsite_read_behind:\n ret\n end site_read\n"
    "function site_checked\n movl $39, %eax\n cmpb $0, site_flag_word(%rip)\n je 1f\n syscall\n ret\n"
    "1: movq $-1, %rax\n ret\n end site_checked\n"
    // Everything that a call keeps, and RCX and R11 behind it.
    "function site_registers\n"
    " pushq %rbx\n pushq %rbp\n pushq %r12\n pushq %r13\n pushq %r14\n pushq %r15\n pushq %rdi\n"
    " movl $0xb1, %ebx\n movl $0xb2, %ebp\n movl $0x12, %r12d\n movl $0x13, %r13d\n movl $0x14, %r14d\n"
    " movl $0x15, %r15d\n movl $0xd1, %edi\n movl $0x51, %esi\n movl $0xd2, %edx\n movl $0x10, %r10d\n"
    " movl $0x88, %r8d\n movl $0x99, %r9d\n"
    " movl $110, %eax\n syscall\n"
    "2: leaq 2b(%rip), %rax\n subq %rcx, %rax\n"
    " xorq $0xd1, %rdi\n orq %rdi, %rax\n xorq $0x51, %rsi\n orq %rsi, %rax\n xorq $0xd2, %rdx\n orq %rdx, %rax\n"
    " xorq $0x10, %r10\n orq %r10, %rax\n xorq $0x88, %r8\n orq %r8, %rax\n xorq $0x99, %r9\n orq %r9, %rax\n"
    " popq %rdi\n"
    " movq %rbx, (%rdi)\n movq %rbp, 8(%rdi)\n movq %r12, 16(%rdi)\n movq %r13, 24(%rdi)\n movq %r14, 32(%rdi)\n"
    " movq %r15, 40(%rdi)\n movq %r11, 48(%rdi)\n"
    " popq %r15\n popq %r14\n popq %r13\n popq %r12\n popq %rbp\n popq %rbx\n"
    " ret\n end site_registers\n"
    // RDI to the flags, and back after a call.
    "function site_flags\n pushfq\n andq $~0xcd5, (%rsp)\n orq %rdi, (%rsp)\n popfq\n"
    " movl $110, %eax\n syscall\n pushfq\n popq %rax\n cld\n ret\n end site_flags\n"
    "function site_in_a_loop\n"
    "3: movl $110, %eax\n cmpb $0, site_flag_word(%rip)\n je 4f\n syscall\n decq %rdi\n jnz 3b\n"
    "4: movq %rdi, %rax\n ret\n end site_in_a_loop\n"
    "function site_compared\n pushfq\n popq %rax\n orq %rdi, %rax\n pushq %rax\n popfq\n movl $110, %eax\n syscall\n"
    " cmpq $-4095, %rax\n pushfq\n pushq $2\n popfq\n popq %rdx\n movq %rdx, (%rsi)\n ret\n end site_compared\n"
    "function site_replaced\n movl $0, %eax\n syscall\n cmpq $-4095, %rax\n jae 5f\n ret\n5: movl $-1, %eax\n ret\n"
    " end site_replaced\n"
    ".balign 4096\n"
    ".globl site_pages, site_pages_end\n"
    "site_pages_end:\n"
    ".popsection\n");

TEST(sites_answer) {
  TRUTH(site_getppid() == syscall(SYS_getppid));
  TRUTH(site_checked(0) == getpid());
  site_flag_word = 0;
  VALUE(site_checked(0));
  site_flag_word = 1;
  VALUE(site_read(-1, NULL, 0));
  VALUE(site_in_a_loop(1000));
}

TEST(sites_keep_registers) {
  uint64_t seen[10] = {0};
  VALUE(site_registers(seen));
  static const uint64_t wanted[6] = {0xb1, 0xb2, 0x12, 0x13, 0x14, 0x15};
  TRUTH(memcmp(seen, wanted, sizeof wanted) == 0);
  TRUTH((seen[6] & 0x202) == 0x202);
}

TEST(sites_keep_flags) {
  static const uint64_t bits[] = {0x1, 0x4, 0x10, 0x40, 0x80, 0x400, 0x800};
  int wrong = 0;
  for (int set = 0; set < 128; ++set) {
    uint64_t flags = 0;
    for (int i = 0; i < 7; ++i) flags |= (set >> i & 1) ? bits[i] : 0;
    if ((site_flags(flags) & 0xcd5) != flags) ++wrong;
  }
  VALUE(wrong);
}

// The program compares after these calls, so nobody keeps its flags for it.
TEST(sites_whose_flags_are_replaced) {
  long site_replaced(int file, void* buffer, size_t size);
  int ends[2];
  char byte = 0;
  NEED(pipe(ends) == 0 && write(ends[1], "x", 1) == 1);
  VALUE(site_replaced(ends[0], &byte, 1));
  VALUE(byte);
  VALUE(site_replaced(-1, &byte, 1));
  close(ends[0]);
  close(ends[1]);
}

// Flags that no compiler sets: nested task (NT), and alignment checks where none fails.
TEST(sites_with_unusual_flags) {
  long site_compared(uint64_t flags, uint64_t* seen);
  uint64_t seen = 0;
  const long parent = getppid();
  TRUTH(site_compared(0x4000, &seen) == parent);
  VALUE((long)(seen & 0x4000));
  TRUTH(site_compared(0x40000, &seen) == parent);
  VALUE((long)(seen & 0x40000));
}

// NT outlives the plain way into the kernel and a wait there.
TEST(nested_task_flag_and_a_wait) {
  __asm__ volatile("pushfq\n orq $0x4000, (%%rsp)\n popfq" ::: "memory", "cc");
  const int slept = usleep(1000);
  uint64_t flags;
  __asm__ volatile("pushfq\n popq %0\n pushfq\n andq $~0x4000, (%%rsp)\n popfq" : "=r"(flags)::"memory", "cc");
  VALUE(slept);
  VALUE((long)(flags & 0x4000));
}

// --- Signals -------------------------------------------------------------------------------------------------

static volatile greg_t seen_rip, seen_rax;
static volatile long handled, strange;
static sigjmp_buf way_out;

static void note(int number, siginfo_t* information, void* context) {
  (void)number, (void)information;
  seen_rip = ((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
  seen_rax = ((ucontext_t*)context)->uc_mcontext.gregs[REG_RAX];
  ++handled;
}

static void leave(int number) {
  (void)number;
  siglongjmp(way_out, 1);
}

static void handle_usr1(void (*handler)(int, siginfo_t*, void*), int flags) {
  struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
  NEED(sigaction(SIGUSR1, &action, NULL) == 0);
}

struct blocked {
  pthread_t thread;
  int pipe[2];
};

// Signals a thread that reads until the handler has run, then lets the read end.
static void* disturb(void* argument) {
  struct blocked* blocked = argument;
  for (const long before = handled; handled == before;) {
    nanosleep(&(struct timespec){0, 2000000}, NULL);
    pthread_kill(blocked->thread, SIGUSR1);
  }
  NEED(write(blocked->pipe[1], "x", 1) == 1);
  return NULL;
}

static long read_disturbed(int flags, greg_t* rip) {
  struct blocked blocked = {.thread = pthread_self()};
  NEED(pipe(blocked.pipe) == 0);
  handle_usr1(note, flags);
  pthread_t other;
  char byte = 0;
  NEED(pthread_create(&other, NULL, disturb, &blocked) == 0);
  const long result = site_read(blocked.pipe[0], &byte, 1);
  *rip = seen_rip;
  pthread_join(other, NULL);
  close(blocked.pipe[0]);
  close(blocked.pipe[1]);
  signal(SIGUSR1, SIG_DFL);
  return result;
}

enum { kTurns = 200 };

TEST(a_blocked_site_is_interrupted) {
  // On a busy machine the signal may come before the read, which then finds its byte: once more.
  greg_t rip = 0;
  long result = 1;
  for (int turn = 0; turn < kTurns && result == 1; ++turn) result = read_disturbed(0, &rip);
  VALUE(result);
  TRUTH(rip == (greg_t)site_read_behind);
}

TEST(a_blocked_site_is_restarted) {
  greg_t rip = 0;
  long restarted = 0, result = 1;
  for (int turn = 0; turn < kTurns && result == 1 && restarted == 0; ++turn) {
    result = read_disturbed(SA_RESTART, &rip);
    restarted += rip == (greg_t)site_read_behind - 2;
  }
  VALUE(result);
  VALUE(restarted);
}

static void* jump_out(void* argument) {
  struct blocked* blocked = argument;
  while (!handled) {
    pthread_kill(blocked->thread, SIGUSR1);
    nanosleep(&(struct timespec){0, 2000000}, NULL);
  }
  return NULL;
}

TEST(longjmp_out_of_a_blocked_site) {
  struct blocked blocked = {.thread = pthread_self()};
  NEED(pipe(blocked.pipe) == 0);
  signal(SIGUSR1, leave);
  int jumps = 0;
  for (int turn = 0; turn < 3; ++turn) {
    pthread_t other;
    handled = 0;
    char byte;
    if (sigsetjmp(way_out, 1) == 0) {
      NEED(pthread_create(&other, NULL, jump_out, &blocked) == 0);
      (void)site_read(blocked.pipe[0], &byte, 1);
    } else {
      ++jumps;
    }
    sigset_t block, before;
    sigemptyset(&block);
    sigaddset(&block, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &block, &before);
    handled = 1;
    pthread_join(other, NULL);
    signal(SIGUSR1, SIG_IGN);  // forgets what is pending
    signal(SIGUSR1, leave);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
  }
  signal(SIGUSR1, SIG_DFL);
  VALUE(jumps);
  close(blocked.pipe[0]);
  close(blocked.pipe[1]);
}

// Wherever a signal finds a thread that does nothing but call: in the text of a file.
static struct {
  unsigned long begin, end;
} texts[32];
static int text_count;

static void find_texts(void) {
  FILE* maps = fopen("/proc/self/maps", "re");
  NEED(maps != NULL);
  char line[512], path[256], rights[8];
  for (text_count = 0; text_count < 32 && fgets(line, sizeof line, maps) != NULL;) {
    unsigned long begin, end;
    if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &begin, &end, rights, path) != 4) continue;
    if (rights[2] == 'x' && path[0] == '/') texts[text_count].begin = begin, texts[text_count++].end = end;
  }
  fclose(maps);
}

static void look_where(int number, siginfo_t* information, void* context) {
  (void)number, (void)information;
  const unsigned long rip = (unsigned long)((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
  int known = 0;
  for (int i = 0; i < text_count; ++i) known |= rip >= texts[i].begin && rip < texts[i].end;
  if (!known) __atomic_add_fetch(&strange, 1, __ATOMIC_RELAXED);
  __atomic_add_fetch(&handled, 1, __ATOMIC_RELAXED);
}

static volatile int loops_end;
static void* loop(void* unused) {
  (void)unused;
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGUSR1);
  while (!loops_end) {
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    (void)site_in_a_loop(2000);
    pthread_sigmask(SIG_BLOCK, &only, NULL);
  }
  return NULL;
}

TEST(a_signal_never_finds_a_site_elsewhere) {
  enum { kLoopers = 2, kSignals = 3000 };
  find_texts();
  handle_usr1(look_where, SA_RESTART);
  sigset_t only, before;
  sigemptyset(&only);
  sigaddset(&only, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &only, &before);
  pthread_t loopers[kLoopers];
  loops_end = 0;
  handled = strange = 0;
  for (int i = 0; i < kLoopers; ++i) NEED(pthread_create(&loopers[i], NULL, loop, NULL) == 0);
  for (int sent = 0; sent < kSignals; ++sent) {
    pthread_kill(loopers[sent % kLoopers], SIGUSR1);
    if (sent % 16 == 0) nanosleep(&(struct timespec){0, 41000}, NULL);
  }
  loops_end = 1;
  for (int i = 0; i < kLoopers; ++i) pthread_join(loopers[i], NULL);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  signal(SIGUSR1, SIG_DFL);
  TRUTH(handled > 0);
  VALUE(strange);
}

// --- Threads ---------------------------------------------------------------------------------------------------

static int cancel_pipe[2];
static void* read_for_ever(void* asynchronous) {
  int old;
  if (asynchronous != NULL) pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
  char byte;
  while (read(cancel_pipe[0], &byte, 1) != 0) {
  }
  return NULL;
}

TEST(threads_are_cancelled_in_a_call) {
  NEED(pipe(cancel_pipe) == 0);
  int cancelled = 0;
  for (int turn = 0; turn < 6; ++turn) {
    pthread_t thread;
    NEED(pthread_create(&thread, NULL, read_for_ever, turn % 2 ? &cancelled : NULL) == 0);
    if (turn > 1) nanosleep(&(struct timespec){0, 5000000}, NULL);
    pthread_cancel(thread);
    void* result = NULL;
    pthread_join(thread, &result);
    cancelled += result == PTHREAD_CANCELED;
  }
  VALUE(cancelled);
  close(cancel_pipe[0]);
  close(cancel_pipe[1]);
}

static void* call_until_the_end(void* unused) {
  (void)unused;
  while (!loops_end) (void)getppid();
  return NULL;
}

// glibc tells every thread by a signal, and each makes the call itself.
TEST(user_ids_change_in_all_threads) {
  enum { kCallers = 3 };
  pthread_t callers[kCallers];
  loops_end = 0;
  for (int i = 0; i < kCallers; ++i) NEED(pthread_create(&callers[i], NULL, call_until_the_end, NULL) == 0);
  int failures = 0;
  const uid_t me = getuid();
  for (int turn = 0; turn < 20; ++turn) failures += setuid(me) != 0;
  loops_end = 1;
  for (int i = 0; i < kCallers; ++i) pthread_join(callers[i], NULL);
  VALUE(failures);
}

// --- Single steps ------------------------------------------------------------------------------------------------

static volatile long steps_in_sites, steps_elsewhere;
static volatile size_t first_steps[8];

static void count_step(int number, siginfo_t* information, void* context) {
  (void)number;
  (void)information;
  const uintptr_t at = (uintptr_t)((ucontext_t*)context)->uc_mcontext.gregs[REG_RIP];
  if (at < (uintptr_t)site_pages || at >= (uintptr_t)site_pages_end) {
    ++steps_elsewhere;
  } else {
    if (steps_in_sites < 8) first_steps[steps_in_sites] = at - (uintptr_t)site_getppid;
    ++steps_in_sites;
  }
}

static void set_trap_flag(int on) {
  if (on) __asm__ volatile("pushfq\n orq $0x100, (%%rsp)\n popfq" ::: "memory", "cc");
  else __asm__ volatile("pushfq\n andq $~0x100, (%%rsp)\n popfq" ::: "memory", "cc");
}

// The trap flag outlives signals and system calls, and a step is an instruction of the program's text.
TEST(single_steps_through_system_calls) {
  struct sigaction action = {.sa_sigaction = count_step, .sa_flags = SA_SIGINFO}, old;
  NEED(sigaction(SIGTRAP, &action, &old) == 0);
  steps_in_sites = steps_elsewhere = 0;
  set_trap_flag(1);
  const long parent = site_getppid();
  const long again = getppid();
  set_trap_flag(0);
  NEED(sigaction(SIGTRAP, &old, NULL) == 0);
  TRUTH(parent == again);
  VALUE(steps_in_sites);
  for (int i = 0; i < 8 && i < steps_in_sites; ++i) VALUE((long)first_steps[i]);
  TRUTH(steps_elsewhere > 4);
}

// --- Text ------------------------------------------------------------------------------------------------------

typedef long call_function(void);

TEST(text_with_sites_is_moved) {
  const size_t size = (size_t)(site_pages_end - site_pages);
  const long parent = site_getppid();
  char* elsewhere = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  NEED(elsewhere != MAP_FAILED);
  NEED(mremap((void*)site_pages, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, elsewhere) == elsewhere);
  call_function* moved = (call_function*)(elsewhere + ((const char*)site_getppid - site_pages));
  TRUTH(moved() == parent);
  NEED(mremap(elsewhere, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void*)site_pages) == site_pages);
  TRUTH(site_getppid() == parent);
}

TEST(text_with_sites_is_written_to) {
  const size_t size = (size_t)(site_pages_end - site_pages);
  unsigned char* text = (unsigned char*)site_getppid;
  TRUTH(site_getppid() == syscall(SYS_getppid));
  NEED(mprotect((void*)site_pages, size, PROT_READ | PROT_WRITE | PROT_EXEC) == 0);
  TRUTH(text[0] == 0xb8 && text[1] == SYS_getppid && text[5] == 0x0f && text[6] == 0x05);
  text[1] = SYS_getpid;  // a part of the move
  TRUTH(site_getppid() == getpid());
  text[1] = SYS_getppid;
  NEED(mprotect((void*)site_pages, size, PROT_READ | PROT_EXEC) == 0);
  TRUTH(site_getppid() == syscall(SYS_getppid));
}
