// SPDX-License-Identifier: Apache-2.0
//
// The first program: arguments, environment, both output streams. Built static, dynamic and with musl.

#include "check.h"

const char* check_prefix;

int main(int count, char** arguments) {
  say("hello, %d arguments", count - 1);
  for (int i = 1; i < count; ++i) say("argument %d: '%s'", i, arguments[i]);
  const char* variable = getenv("MOKA_TEST");
  say("variable: %s", variable ? variable : "(none)");
  printf("printed\n");
  fprintf(stderr, "on standard error\n");
  return 0;
}
