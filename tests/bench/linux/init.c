// SPDX-License-Identifier: Apache-2.0
//
// Process 1 of the Linux guest: does for Linux what Mokapot's kernel does by itself, and nothing else.
// It loads the modules named in /modules/order, stacks the same EROFS images under an overlay in memory,
// reads the same configuration that moka wrote (kernel/contract/vm_contract.h), runs the program with
// its output on the serial console and ends QEMU through the debug-exit port with the program's status.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

enum { kDebugExitPort = 0xf4, kMostWords = 512, kMostLayers = 8, kFailed = 126 };

struct configuration {
  const char* program;
  const char* directory;
  char* arguments[kMostWords];
  char* environment[kMostWords];
  const char* layers[kMostLayers];
  int argument_count, environment_count, layer_count;
};

__attribute__((noreturn)) static void end_machine(int status) {
  tcdrain(STDOUT_FILENO);
  iopl(3);
  for (;;) outb((unsigned char)status, kDebugExitPort);
}

static void check(int is_true, const char* what) {
  if (is_true) return;
  printf("init: %s: %s\n", what, strerror(errno));
  fflush(stdout);
  end_machine(kFailed);
}

// The whole file, ended by one NUL more than it has.
static char* read_file(const char* path, size_t* size) {
  const int file = open(path, O_RDONLY);
  struct stat status;
  check(file >= 0 && fstat(file, &status) == 0, path);
  char* text = calloc(1, (size_t)status.st_size + 1);
  *size = (size_t)read(file, text, (size_t)status.st_size);
  close(file);
  return text;
}

static void load_modules(void) {
  size_t size;
  char* order = read_file("/modules/order", &size);
  for (char* name = strtok(order, "\n"); name; name = strtok(NULL, "\n")) {
    char path[256];
    snprintf(path, sizeof path, "/modules/%s", name);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    check(file >= 0 && syscall(SYS_finit_module, file, "", 0) == 0, path);
    close(file);
  }
}

static struct configuration read_configuration(void) {
  static struct configuration configuration;
  size_t size;
  char* text = read_file("/mokapot.conf", &size);
  for (char* record = text; record < text + size; record += strlen(record) + 1) {
    char* value = strchr(record, '=') + 1;
    const size_t key = (size_t)(value - record);
    if (!strncmp(record, "program=", key)) configuration.program = value;
    if (!strncmp(record, "cwd=", key)) configuration.directory = value;
    // moka's limits are higher than a benchmark needs.
    if (!strncmp(record, "arg=", key) && configuration.argument_count < kMostWords - 1)
      configuration.arguments[configuration.argument_count++] = value;
    if (!strncmp(record, "env=", key) && configuration.environment_count < kMostWords - 1)
      configuration.environment[configuration.environment_count++] = value;
    if (!strncmp(record, "layer=", key) && configuration.layer_count < kMostLayers)
      configuration.layers[configuration.layer_count++] = value;
    record = value;
  }
  check(configuration.program != NULL, "no program in the configuration");
  return configuration;
}

// The disk with that serial number: /dev/vda and so on in an order that is QEMU's.
static void mount_layer(const char* serial, const char* target) {
  for (char letter = 'a'; letter <= 'h'; ++letter) {
    char path[64], found[64] = "";
    snprintf(path, sizeof path, "/sys/block/vd%c/serial", letter);
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) break;
    (void)!read(file, found, sizeof found - 1);
    close(file);
    if (strncmp(found, serial, strlen(serial))) continue;
    snprintf(path, sizeof path, "/dev/vd%c", letter);
    mkdir(target, 0755);
    check(mount(path, target, "erofs", MS_RDONLY | MS_NOATIME, "") == 0, path);
    return;
  }
  check(0, serial);
}

static void make_root(const struct configuration* configuration) {
  char lower[256] = "", options[512];
  for (int layer = 0; layer < configuration->layer_count; ++layer) {
    char target[32], above[200];
    snprintf(target, sizeof target, "/layer%d", layer);
    mount_layer(configuration->layers[layer], target);
    snprintf(above, sizeof above, "%.*s", (int)sizeof above - 1, lower);
    snprintf(lower, sizeof lower, "%s%s%s", target, *above ? ":" : "", above);
  }
  mkdir("/writable", 0755);
  mkdir("/newroot", 0755);
  check(mount("tmpfs", "/writable", "tmpfs", 0, "") == 0, "tmpfs");
  mkdir("/writable/upper", 0755);
  mkdir("/writable/work", 0755);
  snprintf(options, sizeof options, "lowerdir=%s,upperdir=/writable/upper,workdir=/writable/work", lower);
  check(mount("overlay", "/newroot", "overlay", MS_NOATIME, options) == 0, "overlay");
  static const struct { const char* type; const char* at; } kMounts[] = {
      {"proc", "/newroot/proc"}, {"sysfs", "/newroot/sys"}, {"devtmpfs", "/newroot/dev"}};
  for (size_t index = 0; index < sizeof kMounts / sizeof *kMounts; ++index) {
    mkdir(kMounts[index].at, 0755);
    check(mount(kMounts[index].type, kMounts[index].at, kMounts[index].type, 0, "") == 0, kMounts[index].at);
  }
  mkdir("/newroot/tmp", 01777);
}

int main(void) {
  check(mount("devtmpfs", "/dev", "devtmpfs", 0, "") == 0 && mount("sysfs", "/sys", "sysfs", 0, "") == 0,
        "mount");
  load_modules();
  struct configuration configuration = read_configuration();
  make_root(&configuration);
  check(chroot("/newroot") == 0, "chroot");
  if (configuration.directory && chdir(configuration.directory) != 0) check(chdir("/") == 0, "chdir");

  const pid_t child = fork();
  check(child >= 0, "fork");
  if (child == 0) {
    setsid();
    execve(configuration.program, configuration.arguments, configuration.environment);
    check(0, configuration.program);
  }
  int status = 0;
  while (wait(&status) != child) {
  }
  end_machine(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}
