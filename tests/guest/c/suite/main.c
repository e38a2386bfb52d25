// SPDX-License-Identifier: Apache-2.0
//
// guest_suite [--after NAME] [--only PREFIX] [--list]: runs the tests in order of file and line. Each
// ends with the line `NAME: end`, by which the runner knows how far it came; after a crash it
// goes on with --after.

#include "suite.h"

#include <dirent.h>
#include <ftw.h>
#include <sys/stat.h>

const char* check_prefix;

struct test {
  const char* file;
  int line;
  const char* name;
  void (*function)(void);
};

static struct test tests[512];
static int test_count;

void suite_register(const char* file, int line, const char* name, void (*function)(void)) {
  if (test_count == (int)(sizeof tests / sizeof *tests)) abort();
  tests[test_count++] = (struct test){file, line, name, function};
}

static int by_place(const void* a, const void* b) {
  const struct test *x = a, *y = b;
  int order = strcmp(x->file, y->file);
  return order ? order : x->line - y->line;
}

static char directory[64];

const char* scratch_directory(void) {
  if (directory[0] == '\0') {
    const char* place = getenv("TMPDIR");
    snprintf(directory, sizeof directory, "%s/guest_suite.XXXXXX", place != NULL ? place : "/tmp");
    if (mkdtemp(directory) == NULL) {
      say("FAILED no scratch directory: %s", check_errno_name(errno));
      exit(98);
    }
  }
  return directory;
}

const char* scratch(const char* name) {
  static char paths[4][128];
  static int next;
  char* path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", scratch_directory(), name);
  return path;
}

static int remove_one(const char* path, const struct stat* status, int kind, struct FTW* walk) {
  return remove(path);
}

int main(int count, char** arguments) {
  const char *after = NULL, *only = "";
  for (int i = 1; i < count; ++i) {
    if (strcmp(arguments[i], "--after") == 0 && i + 1 < count) {
      after = arguments[++i];
    } else if (strcmp(arguments[i], "--only") == 0 && i + 1 < count) {
      only = arguments[++i];
    } else if (strcmp(arguments[i], "--list") != 0) {
      return 2;
    }
  }
  qsort(tests, test_count, sizeof *tests, by_place);
  for (int i = 0; i < test_count; ++i) {
    if (count > 1 && strcmp(arguments[1], "--list") == 0) {
      say("%s", tests[i].name);
      continue;
    }
    if (after != NULL) {
      if (strcmp(after, tests[i].name) == 0) after = NULL;
      continue;
    }
    if (strncmp(only, tests[i].name, strlen(only)) != 0) continue;
    check_prefix = tests[i].name;
    errno = 0;
    tests[i].function();
    say("end");
  }
  check_prefix = NULL;
  if (directory[0] != '\0') nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
  return 0;
}
