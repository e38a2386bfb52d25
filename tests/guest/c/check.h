// SPDX-License-Identifier: Apache-2.0
//
// For guest programs: saying what happened in words that do not depend on where it happened. A program
// runs on the build host and in the VM, and every byte of its output must agree, so addresses, process
// numbers and times are never printed, only what is true of them.
#pragma once

#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1
#endif

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The prefix of every line; the suite sets it to the running test's name.
extern const char* check_prefix;

// One line on standard output, by one write: lines of several threads do not mix.
__attribute__((format(printf, 1, 2))) static inline void say(const char* format, ...) {
  char line[1024];
  int length = check_prefix ? snprintf(line, sizeof line, "%s: ", check_prefix) : 0;
  va_list arguments;
  va_start(arguments, format);
  length += vsnprintf(line + length, sizeof line - length - 1, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof line - 2) length = sizeof line - 2;
  line[length++] = '\n';
  for (int done = 0; done < length;) {
    ssize_t n = write(1, line + done, length - done);
    if (n < 0) _exit(99);
    done += n;
  }
}

static inline const char* check_errno_name(int number) {
  static __thread char text[16];
  switch (number) {
#define NAME(e) case e: return #e
    NAME(EPERM); NAME(ENOENT); NAME(ESRCH); NAME(EINTR); NAME(EIO); NAME(ENXIO); NAME(E2BIG);
    NAME(ENOEXEC); NAME(EBADF); NAME(ECHILD); NAME(EAGAIN); NAME(ENOMEM); NAME(EACCES);
    NAME(EFAULT); NAME(EBUSY); NAME(EEXIST); NAME(EXDEV); NAME(ENODEV); NAME(ENOTDIR);
    NAME(EISDIR); NAME(EINVAL); NAME(ENFILE); NAME(EMFILE); NAME(ENOTTY); NAME(EFBIG);
    NAME(ENOSPC); NAME(ESPIPE); NAME(EROFS); NAME(EMLINK); NAME(EPIPE); NAME(EDOM); NAME(ERANGE);
    NAME(EDEADLK); NAME(ENAMETOOLONG); NAME(ENOSYS); NAME(ENOTEMPTY); NAME(ELOOP);
    NAME(EOVERFLOW); NAME(ENOTSOCK); NAME(EOPNOTSUPP); NAME(EAFNOSUPPORT); NAME(ETIMEDOUT);
    NAME(ECONNREFUSED); NAME(EOWNERDEAD); NAME(ENOTRECOVERABLE); NAME(ENODATA); NAME(ETXTBSY);
#undef NAME
    default: snprintf(text, sizeof text, "errno %d", number); return text;
  }
}

static inline long check_result(const char* what, long result, int value_matters) {
  if (result == -1) {
    say("%s: %s", what, check_errno_name(errno));
  } else if (value_matters) {
    say("%s: %ld", what, result);
  } else {
    say("%s: ok", what);
  }
  return result;
}

// Makes the call and says its text with its value, or the name of its error.
#define VALUE(call) check_result(#call, (long)(call), 1)
// The same where a successful value is an address, a descriptor or a time: says only "ok".
#define OUTCOME(call) check_result(#call, (long)(call), 0)
// Says whether something holds.
#define TRUTH(condition) say("%s: %s", #condition, (condition) ? "yes" : "NO")
// What must hold for the test to make sense at all.
#define NEED(condition)                                                               \
  do {                                                                                \
    if (!(condition)) say("FAILED %s:%d: %s (%s)", __FILE__, __LINE__, #condition,    \
                          check_errno_name(errno));                                   \
  } while (0)
