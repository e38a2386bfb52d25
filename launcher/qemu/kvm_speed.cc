// SPDX-License-Identifier: Apache-2.0
//
// The VM lives in a child process, so that a hypervisor which does not come back from a system call
// costs us a SIGKILL and no more; its memory is shared with us, and we only watch a counter grow.
#include "qemu/kvm_speed.h"

#include <fcntl.h>
#include <linux/kvm.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>

#include "support/unique_fd.h"

namespace moka {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kMemorySize = 2u << 20;  // one large page, mapped to itself
constexpr std::uint64_t kPml4 = 0x1000;
constexpr std::uint64_t kPdpt = 0x2000;
constexpr std::uint64_t kPageDirectory = 0x3000;
constexpr std::uint64_t kCounter = 0x5000;
constexpr std::uint64_t kCode = 0x6000;
constexpr std::uint64_t kPresentWritable = 0x3;
constexpr std::uint64_t kLargePage = 0x80;
// Out of the guest's memory, as Intel's processors need it for a mode that we do not use.
constexpr unsigned long kTaskStateAddress = 0xfffbd000;

constexpr auto kStartLimit = std::chrono::milliseconds(150);
constexpr auto kMeasureTime = std::chrono::milliseconds(60);

constexpr std::uint8_t kLoop[] = {
    0x48, 0xff, 0x04, 0x25, 0x00, 0x50, 0x00, 0x00,  // inc qword [kCounter]
    0x0f, 0x20, 0xd8,                                // mov rax, cr3
    0x0f, 0x22, 0xd8,                                // mov cr3, rax
    0x0f, 0x01, 0x3c, 0x25, 0x00, 0x00, 0x00, 0x00,  // invlpg [0]
    0xb9, 0x64, 0x00, 0x00, 0x00,                    // mov ecx, 100
    0xff, 0xc9,                                      // dec ecx
    0x75, 0xfc,                                      // jnz back to the dec
    0xeb, 0xdf,                                      // jmp to the start
};

void store64(std::uint8_t* memory, std::uint64_t address, std::uint64_t value) {
  std::memcpy(memory + address, &value, sizeof value);
}

kvm_segment segment(std::uint16_t selector, std::uint8_t type, bool is_code) {
  kvm_segment flat{};
  flat.limit = 0xffffffff;
  flat.selector = selector;
  flat.type = type;
  flat.present = 1;
  flat.db = is_code ? 0 : 1;
  flat.l = is_code ? 1 : 0;
  flat.s = 1;
  flat.g = 1;
  return flat;
}

bool enter_long_mode(int cpu) {
  kvm_sregs system{};
  if (::ioctl(cpu, KVM_GET_SREGS, &system) != 0) return false;
  system.cr0 = 0x80000011;  // paging, protection, extension type
  system.cr3 = kPml4;
  system.cr4 = 0x20;    // physical address extension
  system.efer = 0x500;  // long mode enabled and active
  system.cs = segment(0x08, 11, true);
  system.ds = system.es = system.fs = system.gs = system.ss = segment(0x10, 3, false);
  kvm_regs registers{};
  registers.rip = kCode;
  registers.rflags = 2;
  return ::ioctl(cpu, KVM_SET_SREGS, &system) == 0 && ::ioctl(cpu, KVM_SET_REGS, &registers) == 0;
}

// The child: makes the VM and runs it until it is killed.
[[noreturn]] void run_loop(int kvm, std::uint8_t* memory) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  const int vm = ::ioctl(kvm, KVM_CREATE_VM, 0);
  (void)::ioctl(vm, KVM_SET_TSS_ADDR, kTaskStateAddress);
  kvm_userspace_memory_region region{};
  region.memory_size = kMemorySize;
  // SAFETY: the address as the number that the interface wants; the mapping outlives the VM.
  region.userspace_addr = reinterpret_cast<std::uint64_t>(memory);
  const bool has_memory = ::ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) == 0;
  const int cpu = has_memory ? ::ioctl(vm, KVM_CREATE_VCPU, 0) : -1;
  if (cpu < 0 || !enter_long_mode(cpu)) ::_exit(1);
  const int run_size = ::ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
  if (run_size <= 0 || ::mmap(nullptr, static_cast<std::size_t>(run_size), PROT_READ | PROT_WRITE,
                              MAP_SHARED, cpu, 0) == MAP_FAILED)
    ::_exit(1);
  // The loop has no exit of its own; whatever ends KVM_RUN but a signal is an error.
  while (::ioctl(cpu, KVM_RUN, 0) == 0 || errno == EINTR) {
  }
  ::_exit(1);
}

std::uint64_t counter_in(std::uint8_t* memory) {
  // SAFETY: aligned and inside the mapping; another process writes it, hence atomic.
  return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(memory + kCounter))
      .load(std::memory_order_relaxed);
}

double watch(std::uint8_t* memory, pid_t child) {
  const Clock::time_point start = Clock::now();
  while (counter_in(memory) == 0) {
    if (Clock::now() - start > kStartLimit || ::waitpid(child, nullptr, WNOHANG) == child) return 0;
    ::usleep(1000);
  }
  const Clock::time_point from = Clock::now();
  const std::uint64_t before = counter_in(memory);
  ::usleep(std::chrono::microseconds(kMeasureTime).count());
  const double seconds = std::chrono::duration<double>(Clock::now() - from).count();
  return static_cast<double>(counter_in(memory) - before) / seconds;
}

}  // namespace

std::optional<double> measure_kvm_rounds_per_second() {
  UniqueFd kvm(::open("/dev/kvm", O_RDWR | O_CLOEXEC));
  if (!kvm || ::ioctl(kvm.get(), KVM_GET_API_VERSION, 0) != KVM_API_VERSION) return std::nullopt;
  void* const mapping =
      ::mmap(nullptr, kMemorySize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return std::nullopt;
  std::uint8_t* const memory = static_cast<std::uint8_t*>(mapping);
  store64(memory, kPml4, kPdpt | kPresentWritable);
  store64(memory, kPdpt, kPageDirectory | kPresentWritable);
  store64(memory, kPageDirectory, kPresentWritable | kLargePage);
  std::memcpy(memory + kCode, kLoop, sizeof kLoop);

  double rounds = 0;
  const pid_t child = ::fork();
  if (child == 0) run_loop(kvm.get(), memory);
  if (child > 0) {
    rounds = watch(memory, child);
    ::kill(child, SIGKILL);
    while (::waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  ::munmap(mapping, kMemorySize);
  return rounds;
}

}  // namespace moka
