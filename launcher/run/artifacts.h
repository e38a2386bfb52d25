// SPDX-License-Identifier: Apache-2.0
//
// The folder of the host that the VM writes its post-mortem files to, live, through a 9p share
// (--artifacts). By default it is one of the state directory's, named for the VM; it is removed
// again if nothing was written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/artifact_options.h"
#include "guest/host_folder.h"
#include "support/result.h"

namespace moka {

// Where the guest has it; and where `moka heapdump` and `moka jfr` have the JVM write.
inline constexpr const char* kArtifactsInGuest = "/run/mokapot/artifacts";
// Files of tools on their way; not the user's.
inline constexpr const char* kToolPrefix = ".moka-tool-";

class Artifacts {
 public:
  struct File {
    std::string path;
    std::uint64_t size = 0;
  };

  // `wish`: the user's folder, made if missing; "" for the default.
  static Result<Artifacts> create(const std::string& wish, const std::string& vm_name);
  Artifacts(Artifacts&& other) noexcept;
  Artifacts& operator=(Artifacts&&) = delete;
  ~Artifacts();

  const std::string& folder() const { return folder_; }
  HostFolder mount() const { return {folder_, kArtifactsInGuest, false}; }
  // `mounts`: the user's, one of which may be the program's working directory.
  ArtifactPlace place(const std::vector<HostFolder>& mounts,
                      const std::string& working_directory) const;
  void make_subfolders(const std::vector<std::string>& relative) const;

  // What was not there at the start, or has changed since, by path.
  std::vector<File> written() const;
  // HotSpot's report of a crash, if it has written one; at most its first 4 MiB.
  std::string crash_report() const;

 private:
  Artifacts(std::string folder, bool is_default);
  struct Seen {
    std::string path;
    std::int64_t changed = 0;  // nanoseconds
    std::uint64_t size = 0;
  };
  std::vector<Seen> look() const;

  std::string folder_;
  bool is_default_;
  std::string process_;
  std::vector<Seen> before_;
};

}  // namespace moka
