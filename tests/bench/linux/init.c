// SPDX-License-Identifier: Apache-2.0
//
// Process 1 of the Linux guest: does for Linux what Mokapot's kernel does by itself, and nothing else.
// It loads the modules named in /modules/order, stacks the same EROFS images under an overlay in memory,
// reads the same configuration that moka wrote (kernel/contract/vm_contract.h), runs the program with
// its output on the serial console and ends QEMU through the debug-exit port with the program's status.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <net/route.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
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

static void set_address(int socket, unsigned long request, const char* interface, const char* text) {
  struct ifreq wanted = {0};
  struct sockaddr_in* address = (struct sockaddr_in*)&wanted.ifr_addr;
  strncpy(wanted.ifr_name, interface, IFNAMSIZ - 1);
  address->sin_family = AF_INET;
  check(inet_pton(AF_INET, text, &address->sin_addr) == 1 && ioctl(socket, request, &wanted) == 0, text);
}

static void set_up(int socket, const char* interface) {
  struct ifreq wanted = {0};
  strncpy(wanted.ifr_name, interface, IFNAMSIZ - 1);
  check(ioctl(socket, SIOCGIFFLAGS, &wanted) == 0, interface);
  wanted.ifr_flags |= IFF_UP;
  check(ioctl(socket, SIOCSIFFLAGS, &wanted) == 0, interface);
}

// The word of the kernel's command line that begins so, without that beginning; NULL where there is none.
static char* option(const char* beginning) {
  static char line[4096];    // procfs does not say how long it is
  const int file = open("/newroot/proc/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t size = read(file, line, sizeof line - 1);
  check(size > 0, "/proc/cmdline");
  close(file);
  line[size] = 0;
  for (char* word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
    if (!strncmp(word, beginning, strlen(beginning))) return word + strlen(beginning);
  return NULL;
}

// Loopback, and where the machine has a network device the addresses that moka would have given Mokapot.
static void configure_network(void) {
  const int any = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  check(any >= 0, "socket");
  set_up(any, "lo");
  char* address = option("mokapot.ip=");
  if (!address || access("/sys/class/net/eth0", F_OK) != 0) return;
  char* length = strchr(address, '/');
  check(length != NULL, "an address without the length of its prefix");
  *length++ = 0;
  const struct in_addr mask = {htonl(~0u << (32 - atoi(length)))};
  set_address(any, SIOCSIFADDR, "eth0", address);
  set_address(any, SIOCSIFNETMASK, "eth0", inet_ntoa(mask));
  set_up(any, "eth0");
  char* gateway = option("mokapot.gateway=");
  if (gateway) {
    struct rtentry route = {.rt_flags = RTF_UP | RTF_GATEWAY};
    ((struct sockaddr_in*)&route.rt_dst)->sin_family = AF_INET;
    ((struct sockaddr_in*)&route.rt_genmask)->sin_family = AF_INET;
    struct sockaddr_in* to = (struct sockaddr_in*)&route.rt_gateway;
    to->sin_family = AF_INET;
    check(inet_pton(AF_INET, gateway, &to->sin_addr) == 1 && ioctl(any, SIOCADDRT, &route) == 0, gateway);
  }
  close(any);
}

int main(void) {
  check(mount("devtmpfs", "/dev", "devtmpfs", 0, "") == 0 && mount("sysfs", "/sys", "sysfs", 0, "") == 0,
        "mount");
  load_modules();
  struct configuration configuration = read_configuration();
  make_root(&configuration);
  configure_network();
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
