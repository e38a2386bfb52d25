// SPDX-License-Identifier: Apache-2.0
//
// What code under -fsanitize=undefined calls (checking builds, kernel.mk): each finding is a panic that names its
// place. The shapes are those of GCC's and clang's runtime interface: each record begins with the place, or, where a
// check is of an attribute, with its own place.
#include <cstdint>

#include "base/assert.h"

#ifdef MOKAPOT_DEBUG

namespace {

struct SourceLocation {
  const char* file;
  std::uint32_t line;
  std::uint32_t column;
};

[[noreturn]] void report(const void* record, const char* what) {
  const auto* place = static_cast<const SourceLocation*>(record);
  mokapot::panic("undefined behaviour: %s (%s:%u:%u)", what, place->file, place->line, place->column);
}

}  // namespace

// The operands follow the record; the place says enough.
#define UNDEFINED(name, what)                                     \
  extern "C" [[noreturn]] void __ubsan_handle_##name(void* record); \
  extern "C" [[noreturn]] void __ubsan_handle_##name(void* record) { report(record, what); }

UNDEFINED(add_overflow_abort, "a sum overflows")
UNDEFINED(sub_overflow_abort, "a difference overflows")
UNDEFINED(mul_overflow_abort, "a product overflows")
UNDEFINED(negate_overflow_abort, "a negation overflows")
UNDEFINED(divrem_overflow_abort, "a division by zero, or of the least number by -1")
UNDEFINED(shift_out_of_bounds_abort, "a shift by too much, or of a negative number")
UNDEFINED(out_of_bounds_abort, "an index is beyond its array")
UNDEFINED(type_mismatch_v1_abort, "a null or misaligned pointer is used, or the object is too small")
UNDEFINED(vla_bound_not_positive_abort, "an array of no size")
UNDEFINED(load_invalid_value_abort, "a bool or an enumeration has no such value")
UNDEFINED(pointer_overflow_abort, "pointer arithmetic overflows")
UNDEFINED(nonnull_arg_abort, "a null argument where none may be")
UNDEFINED(invalid_builtin_abort, "zero for a function that counts zeros")
UNDEFINED(float_cast_overflow_abort, "a number is too large for its type")
UNDEFINED(builtin_unreachable, "unreachable code is reached")
UNDEFINED(missing_return, "a function ends without a value")

#endif
