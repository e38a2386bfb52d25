// SPDX-License-Identifier: Apache-2.0
//
// JVM options that make HotSpot write its reports, dumps, logs and recordings to the folder of the
// host that the VM shares, where the memory of the VM would hold them until its end.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace moka {

// --artifacts none
inline constexpr const char* kNoArtifacts = "none";

struct ArtifactPlace {
  std::string folder;   // in the guest
  std::string process;  // what %p and default names say: the host's number of `moka run`
  bool keeps_relative =
      false;  // relative names are on the host already: the working directory is a --mount
};

// `options` with relative names of files that HotSpot writes made to begin at the folder, and in
// front of them the options that give default names a place there. An absolute name is the user's
// choice and stays, and so is what `elsewhere` (options in environment variables, which the command
// line would override) says.
std::vector<std::string> send_to_artifacts(const std::vector<std::string>& options,
                                           const std::vector<std::string>& elsewhere,
                                           const ArtifactPlace& place);

// The relative folders, below the artifacts' own, that the options' files go to: HotSpot makes
// none.
std::vector<std::string> artifact_subfolders(const std::vector<std::string>& options,
                                             const ArtifactPlace& place);

}  // namespace moka
