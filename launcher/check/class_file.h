// SPDX-License-Identifier: Apache-2.0
//
// A Java class file (JVMS 4) as far as one needs to know whom its methods call. The bytes may be
// anybody's: every index and length is checked before use. A ClassFile borrows the bytes.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "support/result.h"

namespace moka {

struct MethodReference {
  std::string_view owner;  // "java/lang/Runtime"
  std::string_view name, descriptor;
};

struct ExceptionHandler {
  std::uint16_t begin = 0, end = 0;  // offsets in the code, [begin, end)
  std::string_view type;             // "java/io/IOException"; "" for any: a finally block
};

struct Method {
  std::uint16_t flags = 0;
  std::string_view name, descriptor;
  std::string_view code;  // empty: abstract or native
  std::vector<ExceptionHandler> handlers;
};

class ClassFile {
 public:
  static constexpr std::uint16_t kAccPrivate = 0x0002, kAccStatic = 0x0008, kAccFinal = 0x0010;

  // Fails where the bytes are no sound class file.
  static Result<ClassFile> parse(std::string_view bytes);

  unsigned major_version() const { return major_; }
  std::uint16_t flags() const { return flags_; }
  std::string_view name() const { return name_; }    // "a/b/C"
  std::string_view super() const { return super_; }  // "" for Object
  const std::vector<Method>& methods() const { return methods_; }

  // What entries of the constant pool are; empty where an index names no such entry.
  std::string_view class_at(unsigned index) const;
  std::string_view string_at(unsigned index) const;
  // Of a method or field.
  MethodReference reference_at(unsigned index) const;

  // Whether any reference to a method of that class is in the constant pool.
  template <typename Predicate>
  bool refers_to(Predicate is_wanted) const {
    for (unsigned index = 1; index < pool_.size(); ++index) {
      const MethodReference reference = reference_at(index);
      if (!reference.name.empty() && is_wanted(reference)) return true;
    }
    return false;
  }

 private:
  // JVMS 4.4. `first` and `second` are indices into the pool; `text` is a Utf8's.
  struct Constant {
    std::uint8_t tag = 0;
    std::uint16_t first = 0, second = 0;
    std::string_view text;
  };
  class Cursor;

  bool read_pool(Cursor& cursor);
  bool read_members(Cursor& cursor, std::vector<Method>* methods);
  bool read_code(Cursor& cursor, Method& method);
  const Constant* at(unsigned index, std::uint8_t tag) const;
  std::string_view text_at(unsigned index) const;

  unsigned major_ = 0;
  std::uint16_t flags_ = 0;
  std::string_view name_, super_;
  std::vector<Constant> pool_;
  std::vector<Method> methods_;
};

}  // namespace moka
