// SPDX-License-Identifier: Apache-2.0
//
// sources: launcher/cli/artifact_options.cc launcher/support/files.cc

#include "cli/artifact_options.h"

#include <gtest/gtest.h>

namespace moka {
namespace {

using Words = std::vector<std::string>;

const ArtifactPlace kPlace{"/a", "77", false};

// Without the two options that are always there.
Words sent(const Words& options) {
  Words words = send_to_artifacts(options, {}, kPlace);
  std::erase(words, "-XX:HeapDumpPath=/a/java_pid77.hprof");
  std::erase(words, "-XX:ErrorFile=/a/hs_err_pid77.log");
  return words;
}

TEST(ArtifactOptions, DefaultNamesGetAPlace) {
  EXPECT_EQ(
      send_to_artifacts({"-ea"}, {}, kPlace),
      (Words{"-XX:HeapDumpPath=/a/java_pid77.hprof", "-XX:ErrorFile=/a/hs_err_pid77.log", "-ea"}));
}

TEST(ArtifactOptions, TheUsersOwnWin) {
  const Words absolute{"-XX:HeapDumpPath=/x/y", "-XX:ErrorFile=/x/z", "-Xlog:gc:file=/x/gc.log",
                       "-Xlog:gc:/x/gc2.log"};
  EXPECT_EQ(send_to_artifacts(absolute, {}, kPlace), absolute);
  EXPECT_EQ(send_to_artifacts({}, {"-XX:HeapDumpPath=d", "-XX:ErrorFile=e"}, kPlace), Words{});
  const ArtifactPlace mounted{"/a", "77", true};
  EXPECT_EQ(send_to_artifacts({"-Xlog:gc:gc.log"}, {}, mounted), (Words{"-Xlog:gc:gc.log"}));
}

TEST(ArtifactOptions, RelativeNamesBeginThere) {
  EXPECT_EQ(send_to_artifacts({"-XX:HeapDumpPath=dumps", "-XX:ErrorFile=err%p.log"}, {}, kPlace),
            (Words{"-XX:HeapDumpPath=/a/dumps", "-XX:ErrorFile=/a/err77.log"}));
  EXPECT_EQ(sent({"-Xloggc:gc.log"}), (Words{"-Xloggc:/a/gc.log"}));
  EXPECT_EQ(sent({"-Xloggc:../../etc/x"}), (Words{"-Xloggc:/a/etc/x"}));
}

TEST(ArtifactOptions, LogsAreReadAsHotSpotReadsThem) {
  EXPECT_EQ(sent({"-Xlog:gc*=debug:file=gc-%p.log:uptime,tid:filecount=3"}),
            (Words{"-Xlog:gc*=debug:file=/a/gc-77.log:uptime,tid:filecount=3"}));
  EXPECT_EQ(sent({"-Xlog:gc:gc.log"}), (Words{"-Xlog:gc:file=/a/gc.log"}));
  for (const char* other : {"-Xlog", "-Xlog:gc", "-Xlog:gc:stdout", "-Xlog::stderr:uptime",
                            "-Xlog:gc::uptime", "-Xlog:disable", "-Xlog:gc:file=\"a:b\""})
    EXPECT_EQ(sent({other}), (Words{other}));
}

TEST(ArtifactOptions, RecordingsLastAndAreCollectedThere) {
  const std::string repository = "-XX:FlightRecorderOptions=repository=/a";
  EXPECT_EQ(sent({"-XX:StartFlightRecording"}),
            (Words{repository, "-XX:StartFlightRecording=filename=/a"}));
  EXPECT_EQ(sent({"-XX:StartFlightRecording:name=x,filename=r.jfr,maxage=1h"}),
            (Words{repository, "-XX:StartFlightRecording=name=x,filename=/a/r.jfr,maxage=1h"}));
  EXPECT_EQ(sent({"-XX:FlightRecorderOptions:stackdepth=9",
                  "-XX:StartFlightRecording=filename=/x/r.jfr"}),
            (Words{"-XX:FlightRecorderOptions:stackdepth=9",
                   "-XX:StartFlightRecording=filename=/x/r.jfr"}));
}

TEST(ArtifactOptions, FoldersThatAreNeeded) {
  EXPECT_EQ(artifact_subfolders({"-Xlog:gc:file=logs/deep/gc.log:uptime", "-XX:ErrorFile=e.log",
                                 "-XX:StartFlightRecording=filename=rec/r.jfr,name=x"},
                                kPlace),
            (Words{"logs/deep", "rec"}));
}

}  // namespace
}  // namespace moka
