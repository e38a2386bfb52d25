// SPDX-License-Identifier: Apache-2.0
//
// See program.h. Addresses follow Linux's layout: a position-independent program at two thirds of the lower half,
// the interpreter and the vDSO among the mappings below the stack, all slid by random amounts.
#include "exec/program.h"

#include <cstring>

#include "arch/signal_frame.h"
#include "arch/traps.h"
#include "base/global.h"
#include "base/vector.h"
#include "device/random.h"
#include "exec/direct_calls.h"
#include "exec/elf.h"
#include "exec/initial_stack.h"
#include "exec/vdso.h"
#include "fs/page_cache.h"
#include "fs/process_info.h"
#include "fs/vfs.h"
#include "process/process.h"
#include "vm/address_space.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kProgramBase = 0x5555'5555'4000;
constexpr std::uint64_t kStackSize = 8 << 20;

std::uint64_t random_pages(std::uint64_t count) {
  std::uint64_t value = 0;
  random_bytes(&value, sizeof(value));
  return value % count * kPageSize;
}

Result<std::size_t> read_whole(File& file, void* to, std::size_t size, std::uint64_t offset) {
  IoBuffer buffer(to, size);
  std::size_t done = 0;
  while (done < size) {
    const std::size_t count = TRY(file.read_at(buffer, offset + done));
    if (count == 0) break;
    done += count;
  }
  return done;
}

struct LoadedImage {
  ElfProgram elf;
  std::uint64_t bias = 0;  // what was added to the file's addresses
  VirtAddr entry() const { return VirtAddr(elf.entry + bias); }
  VirtAddr end() const { return VirtAddr(elf.high + bias); }
};

// The part of the last page behind the file's bytes reads as zero, and whole pages beyond are anonymous.
Result<void> map_segment(File& file, const ElfSegment& segment, std::uint64_t bias) {
  Protection protection = Protection::kNone;
  if (segment.readable) protection = protection | Protection::kRead;
  if (segment.writable) protection = protection | Protection::kWrite;
  if (segment.executable) protection = protection | Protection::kExecute;
  const std::uint64_t begin = align_down(segment.address + bias, kPageSize);
  const std::uint64_t file_end = segment.address + bias + segment.file_size;
  const std::uint64_t memory_end = align_up(segment.address + bias + segment.memory_size, kPageSize);
  MapRequest request;
  request.placement = Placement::kFixed;
  request.protection = protection;
  if (segment.file_size > 0) {
    request.address = VirtAddr(begin);
    request.size = align_up(file_end, kPageSize) - begin;
    request.source = TRY(file.page_source());
    request.source_offset = align_down(segment.offset, kPageSize);
    TRY(address_space().map(request));
    if (segment.executable && !segment.writable) install_direct_calls(file, request.address, request.size, request.source_offset);
  }
  const std::uint64_t anonymous_begin = segment.file_size > 0 ? align_up(file_end, kPageSize) : begin;
  if (memory_end > anonymous_begin) {
    request.source = nullptr;
    request.source_offset = 0;
    request.address = VirtAddr(anonymous_begin);
    request.size = memory_end - anonymous_begin;
    TRY(address_space().map(request));
  }
  if (segment.memory_size > segment.file_size && segment.writable && file_end < anonymous_begin)
    TRY(clear_application(VirtAddr(file_end), anonymous_begin - file_end));
  return {};
}

Result<LoadedImage> load_image(File& file, std::uint64_t preferred_base) {
  const FileStatus status = TRY(file.status());
  if ((status.mode & kModeType) != kModeRegular) return Errno::kEACCES;
  Vector<std::byte> head;
  TRY(head.resize(status.size < kPageSize ? status.size : kPageSize));
  const std::size_t count = TRY(read_whole(file, head.data(), head.size(), 0));
  LoadedImage image;
  image.elf = TRY(parse_elf({head.data(), count}, status.size));

  MapRequest reservation;
  reservation.size = image.elf.high - image.elf.low;
  reservation.no_reserve = true;
  if (image.elf.position_independent) {
    reservation.placement = preferred_base != 0 ? Placement::kHint : Placement::kAnywhere;
    reservation.address = VirtAddr(preferred_base);
    image.bias = TRY(address_space().map(reservation)).value() - image.elf.low;
  } else {
    reservation.placement = Placement::kFixedNoReplace;
    reservation.address = VirtAddr(image.elf.low);
    TRY(address_space().map(reservation));
  }
  for (std::size_t i = 0; i < image.elf.segment_count; ++i)
    TRY(map_segment(file, image.elf.segments[i], image.bias));
  return image;
}

// The interpreter's path lies in the program's file.
Result<LoadedImage> load_interpreter(File& program, const ElfProgram& elf, Vector<char>& path) {
  TRY(path.resize(elf.interpreter_size));
  if (TRY(read_whole(program, path.data(), path.size(), elf.interpreter_offset)) != path.size() || path.back() != '\0')
    return Errno::kENOEXEC;
  RefPtr<File> file = TRY(vfs_open(nullptr, {path.data(), path.size() - 1}, kOpenReadOnly, 0));
  return load_image(*file, 0);
}

void run_first_task(void*) { arch::enter_application(arch::current_application_frame()); }

void publish(const ProgramRequest& request, const LoadedImage& image, const InitialStack& stack, RefPtr<Dentry> executable) {
  ProcessInfo info;
  info.executable = std::move(executable);
  info.argument_begin = stack.argument_begin;
  info.argument_end = stack.argument_end;
  info.environment_begin = stack.environment_begin;
  info.environment_end = stack.environment_end;
  for (std::size_t i = 0; i < image.elf.segment_count; ++i) {
    const ElfSegment& segment = image.elf.segments[i];
    const VirtAddr begin(segment.address + image.bias);
    if (segment.executable) info.code_begin = begin, info.code_end = begin + segment.file_size;
    if (segment.writable) info.data_begin = begin, info.data_end = begin + segment.file_size;
  }
  info.break_start = image.end();
  info.stack_start = stack.stack_pointer;
  info.auxiliary_vector = stack.auxiliary_vector();
  info.hostname = request.hostname;
  (void)set_process_info(info).ok();  // without memory /proc tells less; the program runs all the same
}

}  // namespace

Result<RefPtr<Task>> load_program(const ProgramRequest& request, std::string_view& failed_path) {
  failed_path = request.path;
  RefPtr<Dentry> executable = TRY(vfs_resolve(nullptr, request.path));
  TRY(vfs_access(*executable, 1));
  RefPtr<File> file = TRY(vfs_open_dentry(*executable, kOpenReadOnly));
  executable->vnode().set_running();
  const LoadedImage image = TRY(load_image(*file, kProgramBase + random_pages(std::uint64_t{1} << 24)));
  VirtAddr start = image.entry();
  VirtAddr interpreter_base;
  if (image.elf.interpreter_size != 0) {
    static Global<Vector<char>> kept_path;  // outlives the call, for failed_path
    Vector<char>& interpreter_path = kept_path.construct();
    const auto interpreter = load_interpreter(*file, image.elf, interpreter_path);
    if (!interpreter.ok()) {
      if (!interpreter_path.empty()) failed_path = {interpreter_path.data(), interpreter_path.size() - 1};
      return interpreter.error();
    }
    start = interpreter.value().entry();
    interpreter_base = VirtAddr(interpreter.value().bias);
  }
  address_space().set_break_start(image.end() + random_pages(0x2000));
  const VirtAddr vdso = TRY(map_vdso());

  MapRequest stack_request;
  stack_request.size = kStackSize;
  stack_request.address = VirtAddr(kApplicationEnd - kStackSize - random_pages(0x4000));
  stack_request.placement = Placement::kHint;
  stack_request.protection = Protection::kRead | Protection::kWrite;
  if (image.elf.executable_stack) stack_request.protection = Protection::kAll;
  stack_request.stack = true;
  stack_request.no_reserve = true;
  stack_request.name = "[stack]";
  const VirtAddr stack_begin = TRY(address_space().map(stack_request));

  InitialStack stack(stack_begin + kStackSize - 16);
  stack.add(AuxiliaryKey::kVdso, vdso.value());
  stack.add(AuxiliaryKey::kHardwareCapabilities, arch::hardware_capabilities());
  stack.add(AuxiliaryKey::kPageBytes, kPageSize);
  stack.add(AuxiliaryKey::kClockTicks, 100);
  stack.add(AuxiliaryKey::kProgramHeaders, image.elf.header_address + image.bias);
  stack.add(AuxiliaryKey::kProgramHeaderSize, 56);
  stack.add(AuxiliaryKey::kProgramHeaderCount, image.elf.header_count);
  stack.add(AuxiliaryKey::kInterpreterBase, interpreter_base.value());
  stack.add(AuxiliaryKey::kFlags, 0);
  stack.add(AuxiliaryKey::kEntry, image.entry().value());
  stack.add(AuxiliaryKey::kUser, 0);
  stack.add(AuxiliaryKey::kEffectiveUser, 0);
  stack.add(AuxiliaryKey::kGroup, 0);
  stack.add(AuxiliaryKey::kEffectiveGroup, 0);
  stack.add(AuxiliaryKey::kSecure, 0);
  stack.add(AuxiliaryKey::kHardwareCapabilities2, 0);  // bit 1, FSGSBASE, stays off
  stack.add(AuxiliaryKey::kMinimumSignalStack, arch::signal_frame_size());
  stack.add(AuxiliaryKey::kRseqFeatureSize, 28);
  stack.add(AuxiliaryKey::kRseqAlignment, 32);
  TRY(stack.write(request));
  publish(request, image, stack, executable);

  const std::size_t slash = request.path.rfind('/');
  char name[16] = {};
  const std::string_view base_name = request.path.substr(slash + 1);
  std::memcpy(name, base_name.data(), base_name.size() < 15 ? base_name.size() : 15);
  RefPtr<Task> task = TRY(make_ref<Task>(name));
  TRY(task->initialise(run_first_task, nullptr));
  auto& frame = *VirtAddr(task->kernel_stack().top - sizeof(arch::TrapFrame)).as<arch::TrapFrame>();
  frame = arch::fresh_application_frame(start, stack.stack_pointer);
  TRY(enter_task_table(*task));
  return task;
}

}  // namespace mokapot
