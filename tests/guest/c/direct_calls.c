// SPDX-License-Identifier: Apache-2.0
//
// Whether system calls of this program are direct, as far as it can see that (docs/concepts/direct-calls.md): a jump
// in the C library's text, and the region of the trampolines.

#include "check.h"

#include <string.h>
#include <unistd.h>

const char* check_prefix;

int main(void) {
  const unsigned char* text = (const unsigned char*)getppid;
  FILE* maps = fopen("/proc/self/maps", "re");
  char line[512];
  int regions = 0;
  while (maps != NULL && fgets(line, sizeof line, maps) != NULL)
    if (strstr(line, "[direct-calls]") != NULL) regions += strstr(line, " r-xp ") != NULL;
  printf("jump: %s, trampolines: %s, getppid: %d\n", text[0] == 0xe9 ? "yes" : "no", regions > 0 ? "yes" : "no", getppid());
  return 0;
}
