// SPDX-License-Identifier: Apache-2.0
#include "disk/image_format.h"

#include <optional>
#include <string_view>

#include "support/files.h"

namespace moka {
namespace {

struct Row {
  std::string_view name;
  std::string_view endings[2];
  std::optional<ImageFormat> format;
  const char* refusal;  // where it cannot be made: why, and what to do
};

constexpr Row kRows[] = {
    {"raw", {".img", ".raw"}, ImageFormat::kRaw, nullptr},
    {"qcow2", {".qcow2", ""}, ImageFormat::kQcow2, nullptr},
    {"pair", {"/", ""}, ImageFormat::kPair, nullptr},
    {"gce", {".tar.gz", ""}, ImageFormat::kGce, nullptr},
    {"vmdk",
     {".vmdk", ""},
     std::nullopt,
     "vmdk images cannot be made: their hypervisors offer AHCI disks and e1000e or vmxnet3 "
     "networks, and Mokapot has drivers for virtio only; build a .qcow2 or .img"},
};

bool is_named(const Row& row, const std::string& output) {
  for (const std::string_view ending : row.endings)
    if (!ending.empty() && output.ends_with(ending)) return true;
  return false;
}

// "raw, qcow2 and pair"
std::string makeable_names() {
  std::string text;
  for (const Row& row : kRows)
    if (row.refusal == nullptr) text += (text.empty() ? "" : ", ") + std::string(row.name);
  return text.replace(text.rfind(','), 1, " and");
}

}  // namespace

Result<ImageFormat> choose_format(const std::string& wish, const std::string& output) {
  for (const Row& row : kRows) {
    if (wish.empty() ? !is_named(row, output) : wish != row.name) continue;
    if (row.refusal != nullptr) return Error{row.refusal};
    return *row.format;
  }
  if (!wish.empty()) return Error{"--format knows " + makeable_names() + ", not " + wish};
  const std::string name = base_name(absolute_path(output));
  if (is_directory(output) || name.find('.') == std::string::npos) return ImageFormat::kPair;
  return Error{"the name " + output + " says no format; give it .qcow2 or .img, or add --format " +
               makeable_names().replace(makeable_names().rfind(" and"), 4, " or")};
}

}  // namespace moka
