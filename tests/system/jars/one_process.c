// SPDX-License-Identifier: Apache-2.0
//
// Runs a program that can start no second process: `one_process PROGRAM [ARGUMENT]...`. The oracle for programs in a VM,
// where fork, vfork, execve and a clone that makes no thread answer ENOSYS; here a seccomp filter says so.
//
// The filter must let one execve pass, the one that starts the program. It knows it by the address of the path, which
// lies on a page where no program has anything: that of a program started later is never there. clone3 is refused whole,
// since a filter cannot read its arguments; C libraries go on with clone then, as they do on older kernels.

#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PATH_ADDRESS 0x13370000UL
#define LOAD(member) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, member))
#define LOAD_HIGH(number) \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * (number) + 4)
#define LOAD_LOW(number) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args) + 8 * (number))
#define IF_EQUAL(value, then, other) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, then, other)
#define IF_BITS(bits, then, other) BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, then, other)

static int fail(const char *what) {
    fprintf(stderr, "one_process: %s: %s\n", what, strerror(errno));
    return 127;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fputs("usage: one_process PROGRAM [ARGUMENT]...\n", stderr);
        return 127;
    }
    char *path = mmap((void *)PATH_ADDRESS, 4096, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (path == MAP_FAILED)
        return fail("no page for the path");
    if (strlen(argv[1]) >= 4096) {
        errno = ENAMETOOLONG;
        return fail(argv[1]);
    }
    strcpy(path, argv[1]);

    struct sock_filter filter[] = {
        /*  0 */ LOAD(arch),
        /*  1 */ IF_EQUAL(AUDIT_ARCH_X86_64, 0, 13),
        /*  2 */ LOAD(nr),
        /*  3 */ IF_EQUAL(SYS_fork, 11, 0),
        /*  4 */ IF_EQUAL(SYS_vfork, 10, 0),
        /*  5 */ IF_EQUAL(SYS_execveat, 9, 0),
        /*  6 */ IF_EQUAL(SYS_clone3, 8, 0),
        /*  7 */ IF_EQUAL(SYS_clone, 0, 2),
        /*  8 */ LOAD_LOW(0),
        /*  9 */ IF_BITS(CLONE_THREAD, 6, 5),
        /* 10 */ IF_EQUAL(SYS_execve, 0, 5),
        /* 11 */ LOAD_LOW(0),
        /* 12 */ IF_EQUAL(PATH_ADDRESS, 0, 2),
        /* 13 */ LOAD_HIGH(0),
        /* 14 */ IF_EQUAL(0, 1, 0),
        /* 15 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        /* 16 */ BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        return fail("the kernel takes no filter");
    execve(path, argv + 1, environ);
    return fail(argv[1]);
}
