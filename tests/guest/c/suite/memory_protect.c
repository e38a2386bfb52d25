// SPDX-License-Identifier: Apache-2.0
//
// mprotect, and what faults on protected memory look like to a handler.

#include "suite.h"

#include <sys/mman.h>

enum { kPage = 4096, kReadWrite = PROT_READ | PROT_WRITE };

static char* map(int pages, int protection) {
  char* p = mmap(NULL, (size_t)pages * kPage, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  NEED(p != MAP_FAILED);
  return p;
}

static void say_fault(const char* what, struct fault f, void* expected) {
  say("%s: %s, address %s, trap %ld, error %ld", what, fault_name(f),
      f.address == expected ? "right" : "WRONG", f.trap, f.error & ~4L);  // user bit said apart
}

TEST(fault_codes) {
  char* p = map(3, PROT_READ);
  say_fault("read-only write", catch_fault(write_byte, p + 5), p + 5);
  read_byte(p + kPage);
  say_fault("read-only write after a read", catch_fault(write_byte, p + kPage + 7), p + kPage + 7);
  NEED(mprotect(p, kPage, PROT_NONE) == 0);
  say_fault("no access, read", catch_fault(read_byte, p + 9), p + 9);
  say_fault("no access, write", catch_fault(write_byte, p + 9), p + 9);
  say_fault("not executable", catch_fault(call_address, p + kPage), p + kPage);
  munmap(p, 3 * kPage);
  say_fault("unmapped read", catch_fault(read_byte, p + 11), p + 11);
  say_fault("unmapped write", catch_fault(write_byte, p + 11), p + 11);
  say_fault("unmapped call", catch_fault(call_address, p), p);
  say_fault("null read", catch_fault(read_byte, NULL), NULL);
  say_fault("null plus field read", catch_fault(read_byte, (void*)0x38), (void*)0x38);
  say_fault("null call", catch_fault(call_address, NULL), NULL);
  TRUTH((catch_fault(read_byte, NULL).error & 4) == 4);
}

TEST(fault_noncanonical) {
  // A general protection fault: si_code SI_KERNEL, si_addr 0.
  struct fault f = catch_fault(read_byte, (void*)0x8000000000000000);
  say("signal %d code %d address %d trap %ld error %ld", f.signal, f.code, f.address != NULL, f.trap, f.error);
}

TEST(mprotect_cycle) {
  char* p = map(1, PROT_NONE);
  for (int round = 0; round < 3; ++round) {
    NEED(mprotect(p, kPage, PROT_READ) == 0);
    say("read-only: read %s, write %s", fault_name(catch_fault(read_byte, p)),
        fault_name(catch_fault(write_byte, p)));
    NEED(mprotect(p, kPage, kReadWrite) == 0);
    say("read-write: write %s, value %d", fault_name(catch_fault(write_byte, p + round)), p[round]);
    NEED(mprotect(p, kPage, PROT_NONE) == 0);
    say("none: read %s", fault_name(catch_fault(read_byte, p)));
  }
  NEED(mprotect(p, kPage, PROT_READ) == 0);
  say("contents kept: %d%d%d", p[0], p[1], p[2]);
  munmap(p, kPage);
}

TEST(mprotect_errors) {
  char* p = map(4, kReadWrite);
  VALUE(mprotect(p + 1, kPage, PROT_READ));
  VALUE(mprotect(p, 0, PROT_READ));
  VALUE(mprotect(p, kPage, 0x100));
  VALUE(mprotect(p, (size_t)-kPage, PROT_READ));
  munmap(p + 2 * kPage, kPage);
  VALUE(mprotect(p, 4 * kPage, PROT_READ));  // ENOMEM at the hole, done before it
  say("before the hole: %s", fault_name(catch_fault(write_byte, p + kPage)));
  say("after the hole: %s", fault_name(catch_fault(write_byte, p + 3 * kPage)));
  VALUE(mprotect((void*)0x10000000, kPage, PROT_READ));
  munmap(p, 4 * kPage);
}

TEST(mprotect_guard_inside_a_stack_like_mapping) {
  // HotSpot's yellow zone: a hole of no access in the middle of one mapping, opened and closed.
  char* p = map(64, kReadWrite);
  memset(p, 's', 64 * kPage);
  NEED(mprotect(p + kPage, 3 * kPage, PROT_NONE) == 0);
  for (int round = 0; round < 100; ++round) {
    struct fault f = catch_fault(read_byte, p + 3 * kPage + 100);
    if (f.signal == 0 || f.code != 2) say("round %d: %s", round, fault_name(f));
    NEED(mprotect(p + kPage, 3 * kPage, kReadWrite) == 0);
    if (p[3 * kPage + 100] != 's') say("round %d: contents lost", round);
    NEED(mprotect(p + kPage, 3 * kPage, PROT_NONE) == 0);
  }
  say("below %c, above %c", p[0], p[4 * kPage]);
  munmap(p, 64 * kPage);
}

TEST(mprotect_huge_range_partly) {
  // 8 MiB that may be mapped by large pages: protections of single small pages inside stay exact.
  const size_t size = 8 << 20;
  char* p = mmap(NULL, size, kReadWrite, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  NEED(p != MAP_FAILED);
  memset(p, 7, size);
  for (size_t at = kPage; at < size; at += 776 * kPage) NEED(mprotect(p + at, kPage, PROT_READ) == 0);
  int refused = 0, allowed = 0;
  for (size_t at = 0; at < size; at += 3 * kPage) {
    if (catch_fault(write_byte, p + at).signal) ++refused; else ++allowed;
  }
  say("%d refused, %d allowed", refused, allowed);
  NEED(munmap(p + size / 2 + kPage, kPage) == 0);
  say("hole: %s, beside: %d", fault_name(catch_fault(read_byte, p + size / 2 + kPage)), p[size / 2 + 2 * kPage + 1]);
  munmap(p, size);
}

TEST(write_execute_memory) {
  // mov eax, imm32; ret: rewritten and called again, as a compiler's code cache is.
  unsigned char* code = (unsigned char*)map(1, PROT_READ | PROT_WRITE | PROT_EXEC);
  for (int value = 1; value <= 3; ++value) {
    const unsigned char text[] = {0xb8, value * 11, 0, 0, 0, 0xc3};
    memcpy(code, text, sizeof text);
    VALUE(((int (*)(void))code)());
  }
  NEED(mprotect(code, kPage, PROT_READ | PROT_EXEC) == 0);
  say("write to read-execute: %s", fault_name(catch_fault(write_byte, code)));
  NEED(mprotect(code, kPage, PROT_WRITE | PROT_EXEC) == 0);
  VALUE(((int (*)(void))code)());
  NEED(mprotect(code, kPage, kReadWrite) == 0);
  say("call of read-write: %s", fault_name(catch_fault(call_address, code)));
  munmap(code, kPage);
}

TEST(bad_pointers_in_calls_are_efault) {
  char* p = map(2, kReadWrite);
  munmap(p + kPage, kPage);
  int ends[2];
  NEED(pipe(ends) == 0);
  VALUE(write(ends[1], p + kPage, 10));
  VALUE(write(ends[1], NULL, 10));
  VALUE(write(ends[1], (void*)0xffff800000000000, 10));
  VALUE(write(ends[1], (void*)0x7fffffffffff, 1));
  NEED(write(ends[1], "hello", 5) == 5);
  VALUE(read(ends[0], NULL, 5));
  VALUE(read(ends[0], (void*)0xffffffff80000000, 5));
  NEED(mprotect(p, kPage, PROT_READ) == 0);
  VALUE(read(ends[0], p, 5));
  NEED(mprotect(p, kPage, kReadWrite) == 0);
  VALUE(read(ends[0], p, 5));
  VALUE(access(p + kPage, F_OK));
  VALUE(access(NULL, F_OK));
  memset(p + kPage - 8, 'n', 8);  // a name that runs into the hole
  VALUE(access(p + kPage - 8, F_OK));
  close(ends[0]);
  close(ends[1]);
  munmap(p, kPage);
}
