// SPDX-License-Identifier: Apache-2.0
//
// Reading files of /proc and /sys.
#pragma once

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// The file's text, or NULL; valid until the next call.
static inline const char* slurp(const char* path) {
  static char text[1 << 18];
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NULL;
  size_t size = 0;
  for (ssize_t n; size < sizeof text - 1 && (n = read(fd, text + size, sizeof text - 1 - size)) > 0;) size += n;
  close(fd);
  text[size] = '\0';
  return text;
}

static inline long field(const char* text, const char* key) {
  const char* at = text ? strstr(text, key) : NULL;
  return at ? atol(at + strlen(key)) : -1;
}
