// SPDX-License-Identifier: Apache-2.0
// sources: kernel/boot/multiboot.cc kernel/boot/boot_info.cc

#include "boot/multiboot.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace mokapot {
namespace {

constexpr PhysAddr kAt(0x100000);

template <typename T>
std::string bytes_of(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}
std::string words(std::initializer_list<std::uint32_t> list) {
  std::string text;
  for (const std::uint32_t word : list) text += bytes_of(word);
  return text;
}
std::string tag(std::uint32_t type, const std::string& body) {
  std::string text = words({type, static_cast<std::uint32_t>(8 + body.size())}) + body;
  text.resize((text.size() + 7) / 8 * 8);
  return text;
}
std::string range(std::uint64_t begin, std::uint64_t size, std::uint32_t type) {
  return bytes_of(begin) + bytes_of(size) + words({type, 0});
}
std::string information(const std::string& tags) {
  const std::string all = words({0, 0}) + tags + tag(0, "");
  return words({static_cast<std::uint32_t>(all.size())}) + all.substr(4);
}
bool parse(const std::string& text, BootInfo& info) {
  return parse_multiboot(std::as_bytes(std::span(text)), kAt, info);
}

TEST(Multiboot, EverythingArrives) {
  BootInfo info;
  const std::string text = information(
      tag(1, std::string("a=b c\0", 6)) + tag(3, words({0x5000, 0x6000}) + std::string(1, '\0')) +
      tag(3, words({0x7000, 0x8000})) + tag(99, "unknown") +
      tag(6, words({24, 0}) + range(0x200000, 0x100000, 1) + range(0x300000, 0x1000, 2) +
                 range(0x400000, 0x2000, 1)) +
      tag(15, "RSD PTR new") + tag(14, "RSD PTR old"));
  ASSERT_TRUE(parse(text, info));
  EXPECT_STREQ(info.command_line, "a=b c");
  EXPECT_EQ(info.initrd.begin.value(), 0x5000u);
  EXPECT_EQ(info.initrd.end.value(), 0x6000u);
  ASSERT_EQ(info.usable_count, 2u);
  EXPECT_EQ(info.usable[1].begin.value(), 0x400000u);
  // The newer root pointer, and the memory that it lies in is kept.
  EXPECT_EQ(info.rsdp.value(), kAt.value() + text.find("RSD PTR new"));
  EXPECT_EQ(info.loader.begin, kAt);
  EXPECT_EQ(info.loader.end - info.loader.begin, text.size());
}

TEST(Multiboot, WithoutARootPointerNothingIsKept) {
  BootInfo info;
  ASSERT_TRUE(parse(information(""), info));
  EXPECT_TRUE(info.rsdp.is_null());
  EXPECT_EQ(info.loader.begin, info.loader.end);
}

TEST(Multiboot, TagsThatRunOverAreRefused) {
  BootInfo info;
  EXPECT_FALSE(parse("", info));
  EXPECT_FALSE(parse(words({16, 0}), info));                        // no end
  EXPECT_FALSE(parse(words({24, 0, 1, 4, 0, 8}), info));            // smaller than its header
  EXPECT_FALSE(parse(words({24, 0, 1, 100, 0, 8}), info));          // over the end
  EXPECT_FALSE(parse(information(tag(3, words({0x6000, 0x5000}))), info));
  EXPECT_FALSE(parse(information(tag(6, words({0, 0}))), info));    // entries of no size
}

TEST(Multiboot, AddressesThatWrapAreNoMemory) {
  BootInfo info;
  ASSERT_TRUE(parse(information(tag(6, words({24, 0}) + range(UINT64_MAX - 4095, 8192, 1))), info));
  EXPECT_EQ(info.usable_count, 0u);
}

TEST(Multiboot, ACommandLineThatIsTooLongIsCut) {
  BootInfo info;
  ASSERT_TRUE(parse(information(tag(1, std::string(5000, 'x'))), info));
  EXPECT_EQ(std::strlen(info.command_line), sizeof(info.command_line) - 1);
}

}  // namespace
}  // namespace mokapot
