// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/check/bytecode.cc launcher/check/class_file.cc

#include "check/bytecode.h"

#include <gtest/gtest.h>

#include <string>

#include "launcher/check/class_builder.h"

namespace moka {
namespace {

using namespace std::string_literals;

constexpr char kNop = '\x00';

TEST(Bytecode, EveryPrefixIsDecodedOrRefused) {
  // tableswitch with two cases, wide iinc, multianewarray, goto_w back to the beginning
  const std::string sound = "\xaa\0\0\0\0\0\0\x18\0\0\0\1\0\0\0\2\0\0\0\x18\0\0\0\x18"s +
                            "\xc4\x84\0\1\0\1"s + "\xc5\0\1\1"s + "\xc8\xff\xff\xff\xde"s;
  std::string astray = sound;
  astray[7] = '\x19';
  EXPECT_FALSE(Bytecode(astray).is_whole()) << "the switch leads into an instruction";
  const Bytecode whole(sound);
  ASSERT_TRUE(whole.is_whole());
  EXPECT_EQ(whole.instructions().size(), 4u);
  EXPECT_EQ(whole.instructions()[0].targets.size(), 3u);
  EXPECT_EQ(whole.instructions()[3].targets.front(), 0u);
  for (std::size_t size = 0; size < sound.size(); ++size)
    (void)Bytecode(std::string_view(sound).substr(0, size)).calls(ClassFile());
}

TEST(Bytecode, CertainIsWhatEveryWayPasses) {
  // 0 iconst_0; 1 ifeq +4 (-> 5); 4 nop; 5 nop; 6 return
  const Bytecode branch("\x03\x99\0\x04"s + kNop + kNop + '\xb1');
  ASSERT_TRUE(branch.is_whole());
  EXPECT_TRUE(branch.is_certain(0));
  EXPECT_TRUE(branch.is_certain(1));
  EXPECT_FALSE(branch.is_certain(2)) << "the branch goes round it";
  EXPECT_TRUE(branch.is_certain(3));
  EXPECT_FALSE(branch.is_certain(99));
}

TEST(Bytecode, ALoopForEverMakesNothingBehindItsBeginningCertain) {
  // 0 nop; 1 ifeq +4 (-> 5); 4 nop; 5 goto -5 (-> 0)
  const Bytecode loop(std::string(1, kNop) + "\x99\0\x04"s + kNop + "\xa7\xff\xfb"s);
  ASSERT_TRUE(loop.is_whole());
  EXPECT_TRUE(loop.is_certain(0));
  EXPECT_FALSE(loop.is_certain(2));
  EXPECT_FALSE(loop.is_certain(3));
}

TEST(ClassFile, SaysWhomItCallsAndWithWhichString) {
  test::ClassBuilder builder;
  const unsigned text = builder.string("foo");
  const unsigned method = builder.method("java/lang/System", "loadLibrary", "(Ljava/lang/String;)V");
  const std::string bytes = builder.build(
      "a/B", "\x12"s + static_cast<char>(text) + "\xb8" + test::ClassBuilder::u2(method) + "\xb1",
      "java/lang/Error");
  const auto file = ClassFile::parse(bytes);
  ASSERT_TRUE(file);
  EXPECT_EQ(file.value().name(), "a/B");
  EXPECT_EQ(file.value().super(), "java/lang/Object");
  EXPECT_EQ(file.value().major_version(), 61u);
  ASSERT_EQ(file.value().methods().size(), 1u);
  const Method& main = file.value().methods()[0];
  ASSERT_EQ(main.handlers.size(), 1u);
  EXPECT_EQ(main.handlers[0].type, "java/lang/Error");
  const auto calls = Bytecode(main.code).calls(file.value());
  ASSERT_EQ(calls.size(), 1u);
  EXPECT_EQ(calls[0].kind, Call::Kind::kStatic);
  EXPECT_EQ(calls[0].method.owner, "java/lang/System");
  EXPECT_EQ(calls[0].method.name, "loadLibrary");
  EXPECT_EQ(calls[0].constant, "foo");
  for (std::size_t size = 0; size + 2 < bytes.size(); ++size)
    EXPECT_FALSE(ClassFile::parse(std::string_view(bytes).substr(0, size))) << size;
}

TEST(ClassFile, IndicesThatLeadNowhereAreEmpty) {
  const std::string bytes = test::ClassBuilder().build("a/B", "\xb8\xff\xff\xb1");
  const auto file = ClassFile::parse(bytes);
  ASSERT_TRUE(file);
  EXPECT_TRUE(Bytecode(file.value().methods()[0].code).calls(file.value()).empty());
  EXPECT_EQ(file.value().class_at(0), "");
  EXPECT_EQ(file.value().string_at(60000), "");
}

}  // namespace
}  // namespace moka
