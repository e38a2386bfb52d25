// SPDX-License-Identifier: Apache-2.0
//
// Class files for tests, with one static method `main` of given code.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace moka::test {

class ClassBuilder {
 public:
  // The numbers of constants in the pool.
  unsigned utf8(std::string_view text) { return add("\x01" + u2(text.size()) + std::string(text)); }
  unsigned of_class(std::string_view name) { return add("\x07" + u2(utf8(name))); }
  unsigned string(std::string_view text) { return add("\x08" + u2(utf8(text))); }
  unsigned method(std::string_view owner, std::string_view name, std::string_view descriptor) {
    const unsigned of_owner = of_class(owner), of_name = utf8(name), of_type = utf8(descriptor);
    const unsigned type = add("\x0c" + u2(of_name) + u2(of_type));
    return add("\x0a" + u2(of_owner) + u2(type));
  }

  // `handler`: a class that a handler over the whole code catches, or "".
  std::string build(std::string_view name, const std::string& code, std::string_view handler = "",
                    unsigned major = 61) {
    const unsigned own = of_class(name), super = of_class("java/lang/Object");
    const unsigned main = utf8("main"), type = utf8("([Ljava/lang/String;)V"),
                   attribute = utf8("Code");
    std::string handlers = u2(0);
    if (!handler.empty())
      handlers = u2(1) + u2(0) + u2(code.size()) + u2(0) + u2(of_class(handler));
    const std::string content = u2(8) + u2(8) + u4(code.size()) + code + handlers + u2(0);
    return "\xca\xfe\xba\xbe" + u2(0) + u2(major) + u2(count_ + 1) + pool_ + u2(0x21) + u2(own) +
           u2(super) + u2(0) + u2(0) + u2(1) + u2(9) + u2(main) + u2(type) + u2(1) + u2(attribute) +
           u4(content.size()) + content + u2(0);
  }

  static std::string u2(std::size_t value) {
    return {static_cast<char>(value >> 8), static_cast<char>(value)};
  }
  static std::string u4(std::size_t value) { return u2(value >> 16) + u2(value & 0xffff); }

 private:
  unsigned add(const std::string& constant) {
    pool_ += constant;
    return ++count_;
  }

  std::string pool_;
  unsigned count_ = 0;
};

}  // namespace moka::test
