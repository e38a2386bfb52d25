// SPDX-License-Identifier: Apache-2.0
//
// The state directory with anything in it: a folder of the registry is made of the input, then read
// and taken over as moka ps and moka run do.
//
// The input: for each of the names below a byte for its kind (nothing, file, folder, link, pipe) and,
// for a file, a byte pair for the length and the contents; what is left is a line for end of input.
//
// sources: launcher/registry/vm_name.cc launcher/registry/vm_record.cc
// sources: launcher/registry/vm_registry.cc launcher/support/files.cc

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "registry/vm_registry.h"
#include "support/json.h"

namespace {

namespace fs = std::filesystem;

void require(bool condition) {
  if (!condition) std::abort();
}

// In memory where there is such a file system, and this process's own.
class Directory {
 public:
  Directory()
      : path_(fs::is_directory("/dev/shm") ? "/dev/shm/moka-state-XXXXXX" : "/tmp/moka-state-XXXXXX") {
    require(::mkdtemp(path_.data()) != nullptr);
  }
  ~Directory() { fs::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

const std::string& directory() {
  static const Directory made;
  return made.path();
}

class Input {
 public:
  explicit Input(std::string_view rest) : rest_(rest) {}
  unsigned byte() {
    if (rest_.empty()) return 0;
    const auto value = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }
  std::string_view bytes(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

void make(const std::string& path, Input& input) {
  switch (input.byte() % 8) {
    case 0:
      return;
    case 1:
      fs::create_directories(path + "/deeper");
      return;
    case 2:
      (void)::symlink("vm.json", path.c_str());
      return;
    case 3:
      (void)::mkfifo(path.c_str(), 0600);
      return;
    default: {
      const std::size_t high = input.byte();
      const std::string_view content = input.bytes(high * 256 + input.byte());
      std::ofstream(path).write(content.data(), static_cast<std::streamsize>(content.size()));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // SAFETY: bytes may be looked at as characters.
  Input input({reinterpret_cast<const char*>(data), size});
  const std::string folder = directory() + "/app";
  fs::remove_all(folder);
  if (input.byte() % 8 == 0) {
    make(folder, input);
  } else {
    fs::create_directory(folder);
    for (const char* name : {"/vm.json", "/end.json", "/log", "/lock", "/socket"})
      make(folder + name, input);
  }

  const moka::VmRegistry registry = moka::VmRegistry::open_at(directory()).value();
  const auto views = registry.list();
  require(views.size() <= 1);
  for (const moka::VmView& view : views) {
    require(!view.is_running && view.record.name == "app" && registry.find("app"));
    require(!moka::json_text(moka::to_json(view.record)).empty());
    const auto end = moka::parse_json(view.end);
    (void)moka::number_in<int>(end, "status");
    (void)moka::json_text(end);
  }
  require(!registry.find_running("app"));

  // Whatever was there, the name can be taken, and is what it should be then.
  moka::Result<moka::VmEntry> entry = registry.claim("app");
  require(bool(entry));
  entry.value().record.program = views.empty() ? "x" : views[0].record.program;
  require(bool(entry.value().save()));
  std::ifstream saved(folder + "/vm.json");
  const std::string text(std::istreambuf_iterator<char>(saved), {});
  const auto record = moka::parse_record(text);
  require(record && record->pid == ::getpid() && record->program == entry.value().record.program);
  entry.value().end("{\"status\":0}");
  require(!fs::exists(fs::symlink_status(folder)));
  return 0;
}
