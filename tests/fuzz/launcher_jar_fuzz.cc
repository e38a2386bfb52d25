// SPDX-License-Identifier: Apache-2.0
//
// A jar from anywhere: central directory, entries, manifest. Raw bytes seldom look like an archive,
// so the input is also put into a sound one as its manifest, which is then damaged in one place.
//
// sources: launcher/jar/class_path.cc launcher/jar/jar_manifest.cc launcher/jar/zip_reader.cc
// sources: launcher/support/files.cc
// libs: -lz

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "jar/class_path.h"
#include "launcher/zip_builder.h"

namespace {

void read_jar(const std::string& bytes) {
  const int file = ::memfd_create("jar", MFD_CLOEXEC);
  if (file < 0) return;
  if (::write(file, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size())) {
    if (moka::Result<moka::Jar> jar = moka::open_jar("/proc/self/fd/" + std::to_string(file))) {
      const moka::JarManifest& manifest = jar.value().manifest;
      (void)moka::class_major_version(jar.value(), manifest.main_class(), 25);
      for (const std::string& word : manifest.class_path())
        (void)moka::resolve_class_path_word("/a/b.jar", word);
      jar.value().zip.for_each_name(
          [&](const std::string& name) { (void)jar.value().zip.read(name, 1 << 16); });
    }
  }
  ::close(file);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  read_jar(text);
  if (size < 3) return 0;
  using moka::test::ZipBuilder;
  std::string archive =
      ZipBuilder()
          .add("META-INF/MANIFEST.MF", text.substr(3), ZipBuilder::Method::kDeflated)
          .add("Main.class", moka::test::class_file(61))
          .build();
  archive[archive.size() - 1 - (data[0] | data[1] << 8) % archive.size()] =
      static_cast<char>(data[2]);
  read_jar(archive);
  return 0;
}
