// SPDX-License-Identifier: Apache-2.0
#include "image/kept_result.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "support/files.h"
#include "support/hash.h"

namespace moka {
namespace {

constexpr std::size_t kLargest = 64u << 20;
constexpr std::size_t kHashDigits = 32;

}  // namespace

Result<std::string> kept_result(const ImageCache& cache, std::string_view key,
                                const std::function<Result<std::string>()>& make) {
  const std::string file = cache.directory() + "/" + ImageCache::kKeptPrefix + Hash().add(key).text();
  // The digest of what follows, then that.
  if (Result<std::string> known = read_file(file, kLargest);
      known && known.value().size() >= kHashDigits) {
    std::string text = std::move(known).value();
    const std::string digest = text.substr(0, kHashDigits);
    text.erase(0, kHashDigits);
    if (Hash().add(text).text() == digest) {
      // Its time says when it was last used, which is what prune() goes by.
      (void)::utimensat(AT_FDCWD, file.c_str(), nullptr, 0);
      return text;
    }
  }
  std::string made = MOKA_TRY(make());
  (void)write_file_atomically(file, Hash().add(made).text() + made, 0600);
  return made;
}

}  // namespace moka
