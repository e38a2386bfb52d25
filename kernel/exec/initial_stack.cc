// SPDX-License-Identifier: Apache-2.0
#include "exec/initial_stack.h"

#include "base/vector.h"
#include "device/random.h"
#include "exec/program.h"
#include "vm/user_access.h"

namespace mokapot {
namespace {

constexpr std::uint64_t kMostBytes = 6 << 20;  // as Linux: three quarters of the stack's limit

}  // namespace

void InitialStack::add(AuxiliaryKey key, std::uint64_t value) {
  ASSERT(auxiliary_count_ + 2 <= kMostWords);
  auxiliary_[auxiliary_count_++] = static_cast<std::uint64_t>(key);
  auxiliary_[auxiliary_count_++] = value;
}

Result<VirtAddr> InitialStack::push_string(std::string_view text) {
  const VirtAddr place = stack_pointer - (text.size() + 1);
  TRY(copy_to_application(place, text.data(), text.size()));
  TRY(write_application(place + text.size(), '\0'));
  stack_pointer = place;
  return place;
}

Result<void> InitialStack::write(const ProgramRequest& request) {
  std::uint64_t bytes = 0;
  for (std::string_view text : request.arguments) bytes += text.size() + 1 + sizeof(std::uint64_t);
  for (std::string_view text : request.environment) bytes += text.size() + 1 + sizeof(std::uint64_t);
  if (bytes > kMostBytes) return Errno::kE2BIG;

  add(AuxiliaryKey::kExecutableName, TRY(push_string(request.path)).value());
  // Strings ascend in memory in the order of argv, then envp, with nothing between: ps relies on it.
  Vector<std::uint64_t> pointers;  // argv, 0, envp, 0
  TRY(pointers.resize(request.arguments.size() + request.environment.size() + 2));
  environment_end = stack_pointer;
  for (std::size_t i = request.environment.size(); i-- > 0;)
    pointers[request.arguments.size() + 1 + i] = TRY(push_string(request.environment[i])).value();
  environment_begin = argument_end = stack_pointer;
  for (std::size_t i = request.arguments.size(); i-- > 0;) pointers[i] = TRY(push_string(request.arguments[i])).value();
  argument_begin = stack_pointer;

  add(AuxiliaryKey::kPlatform, TRY(push_string("x86_64")).value());
  std::uint8_t random[16];
  random_bytes(random, sizeof(random));
  stack_pointer = VirtAddr(align_down(stack_pointer.value() - sizeof(random), 16));
  TRY(copy_to_application(stack_pointer, random, sizeof(random)));
  add(AuxiliaryKey::kRandom, stack_pointer.value());
  add(AuxiliaryKey::kEnd, 0);

  const std::uint64_t words = 1 + pointers.size() + auxiliary_count_;
  stack_pointer = VirtAddr(align_down(stack_pointer.value() - words * sizeof(std::uint64_t), 16));
  VirtAddr place = stack_pointer;
  TRY(write_application(place, std::uint64_t{request.arguments.size()}));
  place += sizeof(std::uint64_t);
  TRY(copy_to_application(place, pointers.data(), pointers.size() * sizeof(std::uint64_t)));
  place += pointers.size() * sizeof(std::uint64_t);
  return copy_to_application(place, auxiliary_, auxiliary_count_ * sizeof(std::uint64_t));
}

}  // namespace mokapot
