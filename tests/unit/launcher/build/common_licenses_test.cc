// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/build/common_licenses.cc launcher/support/files.cc

#include "build/common_licenses.h"

#include <gtest/gtest.h>

#include "launcher/temporary_directory.h"

namespace moka {
namespace {

class CommonLicensesTest : public testing::Test {
 protected:
  std::string completed(std::string licenses) {
    const CommonLicenses common(licenses, place_.path());
    common.add_to(licenses);
    return licenses;
  }
  test::TemporaryDirectory place_;
};

TEST_F(CommonLicensesTest, AddsWhatIsNamedOnceInOrder) {
  place_.write("GPL-3", "the third\n");
  place_.write("Apache-2.0", "apache\n\nof two parts\n");
  const std::string text =
      "==== x\nsee /usr/share/common-licenses/GPL-3.\nand /usr/share/common-licenses/GPL-3\n\n"
      "==== y\n'/usr/share/common-licenses/Apache-2.0' or /usr/share/common-licenses/None\n";
  const std::string whole = completed(text);
  EXPECT_EQ(whole, text + "==== common licence Apache-2.0\napache\n\nof two parts\n\n"
                          "==== common licence GPL-3\nthe third\n\n");
  // Again, and where this host has none of them: the same.
  EXPECT_EQ(completed(whole), whole);
  place_.write("GPL-3", "");
  place_.write("Apache-2.0", "");
  EXPECT_EQ(completed(whole), whole);
}

TEST_F(CommonLicensesTest, FollowsWhatTheLicensesNameNow) {
  place_.write("GPL-2", "two\n");
  place_.write("GPL-3", "three\n");
  std::string text = "==== x\n/usr/share/common-licenses/GPL-2\n";
  text = completed(text);
  const CommonLicenses common(text, place_.path());
  EXPECT_EQ(text, "==== x\n/usr/share/common-licenses/GPL-2\n");
  text = "==== y\n/usr/share/common-licenses/GPL-3\n";
  common.add_to(text);
  EXPECT_EQ(text, "==== y\n/usr/share/common-licenses/GPL-3\n==== common licence GPL-3\nthree\n\n");
  EXPECT_EQ(completed(""), "");
  EXPECT_EQ(completed("==== x\nnothing\n"), "==== x\nnothing\n");
}

}  // namespace
}  // namespace moka
