// SPDX-License-Identifier: Apache-2.0
#include "inspect/image_command.h"

#include <cstdio>
#include <ctime>
#include <nlohmann/json.hpp>

#include "cli/output_format.h"
#include "convert/rebase_command.h"
#include "image/image_cache.h"
#include "session/exit_report.h"
#include "support/json.h"

namespace moka {

const char* const kImageUsage =
    "usage: moka image ls [--output json]\n"
    "       moka image rm NAME...\n"
    "       moka image prune [--all] [--output json]\n"
    "       moka image rebase [--jdk DIR] [--kernel FILE] IMAGE\n"
    "       moka image rebase --revert IMAGE\n"
    "\n"
    "The file systems that moka run and moka build keep in the cache. What is removed is made\n"
    "again when it is needed.\n"
    "\n"
    "  --output FORMAT    text or json\n"
    "  --all              all, and not only what nobody used for two weeks\n"
    "\n"
    "rebase puts this moka's kernel into an image, and with --jdk another JDK of the same or a\n"
    "later release. The application stays as it is, to the byte.\n"
    "\n"
    "  --jdk DIR          the JDK, with the modules that the old one had in the image\n"
    "  --kernel FILE      another kernel than this moka's\n"
    "  --revert           back to what there was before, which is kept as IMAGE.previous; a\n"
    "                     second time undoes that\n";

namespace {

constexpr double kBytesPerMib = 1u << 20;

std::string time_text(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  char text[32] = "";
  if (::gmtime_r(&time, &parts) != nullptr)
    std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts);
  return text;
}

int list(const ImageCache& cache, bool is_json) {
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (const ImageCache::Entry& entry : cache.list()) {
    const std::string used = time_text(entry.last_used);
    if (is_json) {
      all.push_back({{"name", entry.name}, {"bytes", entry.bytes}, {"lastUsed", used}});
    } else {
      std::printf("%-46s %8.1f MiB  %s\n", entry.name.c_str(),
                  static_cast<double>(entry.bytes) / kBytesPerMib, used.c_str());
    }
  }
  if (is_json) std::printf("%s\n", json_text(all).c_str());
  return 0;
}

int refuse(const std::string& message) {
  std::fprintf(stderr, "moka: %s\n", message.c_str());
  return kStatusBadInput;
}

int remove(const ImageCache& cache, const std::vector<std::string>& names) {
  if (names.empty()) return refuse("say which: moka image rm NAME; moka image ls names them");
  for (const std::string& name : names)
    if (const Result<void> removed = cache.remove(name); !removed)
      return refuse(removed.error().message);
  return 0;
}

int prune(const ImageCache& cache, bool is_all, bool is_json) {
  const std::uint64_t bytes =
      cache.prune(is_all ? ImageCache::Prune::kAll : ImageCache::Prune::kUnused);
  if (is_json) {
    std::printf("{\"bytes\":%llu}\n", static_cast<unsigned long long>(bytes));
    return 0;
  }
  std::printf("%.1f MiB are free again\n", static_cast<double>(bytes) / kBytesPerMib);
  return 0;
}

}  // namespace

int image_command_line(const std::vector<std::string>& words) {
  const std::string command = words.empty() ? "" : words.front();
  if (command == "--help" || command == "-h") {
    std::fputs(kImageUsage, stdout);
    return 0;
  }
  std::vector<std::string> rest(words.begin() + (words.empty() ? 0 : 1), words.end());
  if (command == "rebase") return rebase_command_line(rest);
  bool is_json = false, is_all = false;
  if (command == "ls" || command == "prune") {
    const Result<std::string> format = take_output_format(rest);
    if (!format) return refuse(format.error().message);
    is_json = format.value() == "json";
    is_all = command == "prune" && std::erase(rest, "--all") != 0;
  }
  const Result<ImageCache> cache = ImageCache::open();
  if (!cache) return refuse(cache.error().message);
  if (command == "ls" && rest.empty()) return list(cache.value(), is_json);
  if (command == "rm") return remove(cache.value(), rest);
  if (command == "prune" && rest.empty()) return prune(cache.value(), is_all, is_json);
  return refuse("image knows ls, rm NAME, prune [--all] and rebase IMAGE (moka image --help)");
}

}  // namespace moka
