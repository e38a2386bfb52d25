// SPDX-License-Identifier: Apache-2.0
//
// Reads of a file on disk that is larger than the page cache can be: threads read pages anywhere in it, some by
// pread and some through a mapping, and check each word, while the kernel evicts what they will want again. Each
// miss is a request to the disk, and several are in flight, so that one completes while the kernel takes another and
// is about to ask for the next interrupt.
//
// Usage: disk_storm SECONDS FILE; FILE's 8-byte words hold their own numbers.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { kPage = 4096, kWords = kPage / sizeof(uint64_t), kPairs = 6 };

static int file;
static const uint64_t* mapping;
static uint64_t pages;
static time_t end;
static _Atomic uint64_t reads;

static uint64_t next(uint64_t* state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return *state >> 33;
}

static int is_over(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec >= end;
}

static void check(const char* how, const uint64_t* words, uint64_t page) {
  for (uint64_t i = 0; i < kWords; ++i) {
    if (words[i] == page * kWords + i) continue;
    printf("FAILED: %s of page %lu, word %lu: %#lx\n", how, page, i, words[i]);
    exit(1);
  }
  ++reads;
}

static void* read_pages(void* seed) {
  uint64_t random = (uint64_t)seed, words[kWords];
  while (!is_over()) {
    const uint64_t page = next(&random) % pages;
    if (pread(file, words, kPage, (off_t)(page * kPage)) != kPage) {
      perror("FAILED: pread");
      exit(1);
    }
    check("pread", words, page);
  }
  return NULL;
}

static void* touch_pages(void* seed) {
  uint64_t random = (uint64_t)seed;
  while (!is_over()) {
    const uint64_t page = next(&random) % pages;
    check("mapping", mapping + page * kWords, page);
  }
  return NULL;
}

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: disk_storm SECONDS FILE\n");
    return 2;
  }
  struct stat status;
  file = open(argv[2], O_RDONLY);
  if (file < 0 || fstat(file, &status) != 0 || status.st_size < kPage) {
    perror(argv[2]);
    return 2;
  }
  pages = (uint64_t)status.st_size / kPage;
  mapping = mmap(NULL, pages * kPage, PROT_READ, MAP_SHARED, file, 0);
  if (mapping == MAP_FAILED) {
    perror("FAILED: mmap");
    return 1;
  }
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  end = now.tv_sec + atoi(argv[1]);
  pthread_t threads[2 * kPairs];
  for (uintptr_t i = 0; i < 2 * kPairs; ++i) {
    if (pthread_create(&threads[i], NULL, i % 2 == 0 ? read_pages : touch_pages, (void*)(i + 1)) != 0) return 1;
  }
  for (int i = 0; i < 2 * kPairs; ++i) pthread_join(threads[i], NULL);
  printf("%lu pages\nok\n", (uint64_t)reads);
  return 0;
}
