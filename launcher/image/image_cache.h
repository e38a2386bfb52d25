// SPDX-License-Identifier: Apache-2.0
//
// EROFS images made from tree plans, kept in the user's cache directory under a name that depends
// on all that went into them. Two launchers may build and use images at once: an image is built
// under a temporary name and renamed, a lock per image lets the second builder wait for the first,
// and an image that someone still uses may be unlinked, since QEMU holds it open.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "image/materialise.h"
#include "image/tree_plan.h"
#include "support/result.h"

namespace moka {

// kLz4: files are compressed in pieces that end with a page, which the kernel reads on demand: an
// image for the disk of somebody who counts bytes. Both come out the same each time.
enum class Compression { kNone, kLz4 };

// kMemory: the file goes on as a hole up to a power of two, the size that memory has which a device
// shows (qemu/qemu_command.h), if the file system has room for that.
enum class Extent { kFileSystem, kMemory };
bool has_size_of_memory(const std::string& image);

class ImageCache {
 public:
  // $XDG_CACHE_HOME/mokapot, or ~/.cache/mokapot; made if missing, private to the user.
  static Result<ImageCache> open();
  static Result<ImageCache> open_at(const std::string& directory);

  // The path of the image of `plan`, built first where the cache does not have it. `label` begins
  // the file's name, for humans.
  Result<std::string> image_of(const TreePlan& plan, std::string_view label, FileTimes times,
                               Compression compression = Compression::kNone,
                               Extent extent = Extent::kFileSystem) const;

  // The same for a plan that takes time to make: `key` stands for it, and `build` calls `write`
  // with it where the cache does not have the image.
  using Writer = std::function<Result<void>(const TreePlan& plan)>;
  using Builder = std::function<Result<void>(const Writer& write)>;
  Result<std::string> image_of(const std::string& key, std::string_view label, FileTimes times,
                               Compression compression, const Builder& build) const {
    return image_of(key, label, {times, compression}, build);
  }

  // For directories in the cache that are worked in; what a crash left goes after a day.
  static constexpr const char* kTemporaryPrefix = "building.";

  // Of results that are no images (kept_result.h).
  static constexpr const char* kKeptPrefix = "kept-";

  // The SHA-256 that the image had when it was made, or "" where that is not known any more.
  static std::string recorded_digest(const std::string& image);
  // The one that it has. The file is not read where it is still the one whose digest was computed
  // last, by its number, size and times, which nobody can set back: a hundred times faster.
  static Result<std::string> digest_of(const std::string& image);

  struct Entry {
    std::string name;  // of the file, without ".erofs"
    std::uint64_t bytes = 0;
    std::int64_t last_used = 0;  // seconds since 1970
  };
  // Images, in order of names.
  std::vector<Entry> list() const;
  // Fails where there is no image of that name.
  Result<void> remove(const std::string& name) const;
  // What nobody used for two weeks, or all that nobody is working on; the bytes that it took.
  enum class Prune { kUnused, kAll };
  std::uint64_t prune(Prune which) const;

  const std::string& directory() const { return directory_; }

 private:
  struct Form {
    FileTimes times;
    Compression compression;
    Extent extent = Extent::kFileSystem;
  };
  explicit ImageCache(std::string directory) : directory_(std::move(directory)) {}
  Result<std::string> image_of(const std::string& key, std::string_view label, Form form,
                               const Builder& build) const;
  Result<void> write(const TreePlan& plan, const std::string& image, Form form) const;

  std::string directory_;
};

}  // namespace moka
