// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/check/opened_libraries.cc launcher/check/bytecode.cc launcher/check/class_file.cc
// sources: launcher/check/program.cc launcher/jar/class_path.cc launcher/jar/jar_manifest.cc launcher/jar/zip_reader.cc
// sources: launcher/support/files.cc
// libs: -lz

#include "check/opened_libraries.h"

#include <gtest/gtest.h>

#include "launcher/check/class_builder.h"
#include "launcher/temporary_directory.h"

namespace moka {
namespace {

using Names = std::set<std::string>;
using test::ClassBuilder;

// ldc NAME; ldc a class; aconst_null; invokestatic OWNER.METHOD; return. `refers`: a method of that class is called, too.
std::string opener(std::string_view own, std::string_view name, std::string_view owner = "com/sun/jna/Native",
                   std::string_view method = "load", std::string_view refers = "") {
  ClassBuilder builder;
  const unsigned text = builder.string(name), type = builder.of_class("a/Library");
  const unsigned called = builder.method(owner, method, "(Ljava/lang/String;Ljava/lang/Class;)V");
  std::string code = "\x12" + std::string(1, static_cast<char>(text)) + "\x13" + ClassBuilder::u2(type) + "\x01\xb8" +
                     ClassBuilder::u2(called);
  if (!refers.empty()) code += "\xb8" + ClassBuilder::u2(builder.method(refers, "use", "()V"));
  return builder.build(own, code + "\xb1");
}

Names opened_in(const std::string& bytes) {
  const auto file = ClassFile::parse(bytes);
  EXPECT_TRUE(file);
  return file ? names_opened_in(file.value()) : Names();
}

TEST(OpenedLibraries, AreTheStringsGivenToJna) {
  EXPECT_EQ(opened_in(opener("a/B", "udev")), Names{"udev"});
  EXPECT_EQ(opened_in(opener("a/B", "libudev.so.1", "com/sun/jna/NativeLibrary", "getInstance")), Names{"libudev.so.1"});
  EXPECT_EQ(opened_in(opener("a/B", "udev", "a/Native")), Names());
  EXPECT_EQ(opened_in(opener("a/B", "udev", "com/sun/jna/Native", "toString")), Names());
}

TEST(OpenedLibraries, ANameLeadsNowhereElse) {
  for (const char* name : {"../../etc/shadow", "/etc/passwd", "a b", "x\ny"})
    EXPECT_EQ(opened_in(opener("a/B", name)), Names()) << name;
}

TEST(OpenedLibraries, OfJnasOwnOnlyThoseThatSomebodyUses) {
  test::TemporaryDirectory folder;
  const auto put = [&](const std::string& name, const std::string& bytes) { folder.write(name + ".class", bytes); };
  put("a/App", opener("a/App", "mine", "com/sun/jna/Native", "load", "com/sun/jna/platform/Udev"));
  put("com/sun/jna/platform/Udev", opener("com/sun/jna/platform/Udev", "udev"));
  put("com/sun/jna/platform/X11",
      opener("com/sun/jna/platform/X11", "X11", "com/sun/jna/Native", "load", "com/sun/jna/platform/X11"));
  EXPECT_EQ(find_opened_libraries(Program::open({folder.path()}, 17)), Names()) << "there is no JNA";
  put("com/sun/jna/Native", ClassBuilder().build("com/sun/jna/Native", "\xb1"));
  EXPECT_EQ(find_opened_libraries(Program::open({folder.path()}, 17)), (Names{"mine", "udev"}));
}

}  // namespace
}  // namespace moka
