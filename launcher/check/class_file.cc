// SPDX-License-Identifier: Apache-2.0
#include "check/class_file.h"

namespace moka {
namespace {

constexpr std::uint32_t kMagic = 0xcafebabe;
enum Tag : std::uint8_t {
  kUtf8 = 1,
  kInteger = 3,
  kFloat = 4,
  kLong = 5,
  kDouble = 6,
  kClass = 7,
  kString = 8,
  kFieldref = 9,
  kMethodref = 10,
  kInterfaceMethodref = 11,
  kNameAndType = 12,
  kMethodHandle = 15,
  kMethodType = 16,
  kDynamic = 17,
  kInvokeDynamic = 18,
  kModule = 19,
  kPackage = 20,
};

}  // namespace

// Reads numbers, most significant byte first. After a read past the end everything is 0 and ok()
// is false.
class ClassFile::Cursor {
 public:
  explicit Cursor(std::string_view bytes) : bytes_(bytes) {}

  std::uint8_t u1() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u2() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u4() { return number(4); }
  std::string_view take(std::size_t size) {
    if (size > bytes_.size()) {
      ok_ = false;
      bytes_ = {};
      return {};
    }
    const std::string_view taken = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return taken;
  }
  bool ok() const { return ok_; }

 private:
  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    for (const char byte : take(size)) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  }

  std::string_view bytes_;
  bool ok_ = true;
};

Result<ClassFile> ClassFile::parse(std::string_view bytes) {
  const Error damaged{"is no sound class file"};
  Cursor cursor(bytes);
  ClassFile file;
  if (cursor.u4() != kMagic) return damaged;
  cursor.u2();  // minor version
  file.major_ = cursor.u2();
  if (!file.read_pool(cursor)) return damaged;
  file.flags_ = cursor.u2();
  file.name_ = file.class_at(cursor.u2());
  file.super_ = file.class_at(cursor.u2());
  cursor.take(std::size_t{2} * cursor.u2());  // interfaces
  if (!file.read_members(cursor, nullptr) || !file.read_members(cursor, &file.methods_))
    return damaged;
  if (file.name_.empty()) return damaged;
  return file;
}

bool ClassFile::read_pool(Cursor& cursor) {
  const unsigned count = cursor.u2();
  pool_.resize(count);
  for (unsigned index = 1; index < count && cursor.ok(); ++index) {
    Constant& constant = pool_[index];
    constant.tag = cursor.u1();
    switch (constant.tag) {
      case kUtf8:
        constant.text = cursor.take(cursor.u2());
        break;
      case kLong:
      case kDouble:
        cursor.take(8);
        ++index;  // takes two numbers (JVMS 4.4.5)
        break;
      case kClass:
      case kString:
      case kMethodType:
      case kModule:
      case kPackage:
        constant.first = cursor.u2();
        break;
      case kMethodHandle:
        cursor.take(3);
        break;
      case kInteger:
      case kFloat:
      case kFieldref:
      case kMethodref:
      case kInterfaceMethodref:
      case kNameAndType:
      case kDynamic:
      case kInvokeDynamic:
        constant.first = cursor.u2();
        constant.second = cursor.u2();
        break;
      default:
        return false;
    }
  }
  return cursor.ok() && count > 0;
}

// Fields and methods have one form; `methods` is nullptr for fields.
bool ClassFile::read_members(Cursor& cursor, std::vector<Method>* methods) {
  const unsigned count = cursor.u2();
  for (unsigned index = 0; index < count && cursor.ok(); ++index) {
    Method method;
    method.flags = cursor.u2();
    method.name = text_at(cursor.u2());
    method.descriptor = text_at(cursor.u2());
    const unsigned attributes = cursor.u2();
    for (unsigned attribute = 0; attribute < attributes && cursor.ok(); ++attribute) {
      const std::string_view name = text_at(cursor.u2());
      Cursor content(cursor.take(cursor.u4()));
      if (methods != nullptr && name == "Code" && !read_code(content, method)) return false;
    }
    if (methods != nullptr) methods->push_back(std::move(method));
  }
  return cursor.ok();
}

bool ClassFile::read_code(Cursor& cursor, Method& method) {
  cursor.take(4);  // stack and locals
  method.code = cursor.take(cursor.u4());
  const unsigned handlers = cursor.u2();
  for (unsigned index = 0; index < handlers && cursor.ok(); ++index) {
    ExceptionHandler handler;
    handler.begin = cursor.u2();
    handler.end = cursor.u2();
    cursor.u2();
    const unsigned type = cursor.u2();
    if (type != 0) handler.type = class_at(type);
    method.handlers.push_back(handler);
  }
  return cursor.ok();
}

const ClassFile::Constant* ClassFile::at(unsigned index, std::uint8_t tag) const {
  return index < pool_.size() && pool_[index].tag == tag ? &pool_[index] : nullptr;
}

std::string_view ClassFile::text_at(unsigned index) const {
  const Constant* const constant = at(index, kUtf8);
  return constant != nullptr ? constant->text : std::string_view();
}

std::string_view ClassFile::class_at(unsigned index) const {
  const Constant* const constant = at(index, kClass);
  return constant != nullptr ? text_at(constant->first) : std::string_view();
}

std::string_view ClassFile::string_at(unsigned index) const {
  const Constant* const constant = at(index, kString);
  return constant != nullptr ? text_at(constant->first) : std::string_view();
}

MethodReference ClassFile::reference_at(unsigned index) const {
  for (const std::uint8_t tag : {kMethodref, kInterfaceMethodref, kFieldref}) {
    const Constant* const reference = at(index, tag);
    if (reference == nullptr) continue;
    const Constant* const name = at(reference->second, kNameAndType);
    if (name == nullptr) return {};
    return {class_at(reference->first), text_at(name->first), text_at(name->second)};
  }
  return {};
}

}  // namespace moka
