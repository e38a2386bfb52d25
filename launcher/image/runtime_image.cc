// SPDX-License-Identifier: Apache-2.0
#include "image/runtime_image.h"

#include <filesystem>
#include <set>
#include <string>
#include <system_error>
#include <vector>

#include "support/files.h"

namespace moka {
namespace {

// Below a JDK's home, what only developers need: sources, link-time modules, headers, pages.
const std::set<std::string> kLeftOut = {"/lib/src.zip", "/jmods",   "/man", "/demo",
                                        "/sample",      "/include", "/docs"};

// A JDK without link-time modules (JEP 493) has its jlink take them from the JDK itself, whose
// files must then all be there as they were made: headers and pages, too.
const std::set<std::string> kLinkedAgain = {"/man", "/include"};

// Without these no Java program starts; a JDK's other libraries may lack theirs, as on a headless
// host, and then fail in the guest as they fail there.
const std::set<std::string> kEssential = {"/bin/java",         "/lib/libjli.so",
                                          "/lib/libjava.so",   "/lib/server/libjvm.so",
                                          "/lib/libjimage.so", "/lib/libzip.so"};

// Loaded by name at run time, so that no DT_NEEDED of the JDK's tells of them: by glibc
// (pthread_cancel, name service) and HotSpot (libnuma), and by native libraries that come in jars.
// Those are mostly built for an old glibc, of which these were parts, and many are C++.
constexpr const char* kLoadedByName[] = {
    "libgcc_s.so.1", "libnss_files.so.2", "libnss_dns.so.2", "libresolv.so.2", "libnuma.so.1",
    "libdl.so.2",    "libpthread.so.0",   "librt.so.1",      "libutil.so.1",   "libanl.so.1",
    "libmvec.so.1",  "libcrypt.so.1",     "libstdc++.so.6",  "libz.so.1"};
constexpr const char* kFontLibrary = "libfontconfig.so.1";

// Host files that the guest sees as they are, where the host has them.
constexpr const char* kHostFiles[] = {"/etc/localtime",
                                      "/etc/timezone",
                                      "/etc/os-release",
                                      "/etc/debian_version",
                                      "/etc/protocols",
                                      "/etc/services",
                                      "/etc/mime.types",
                                      "/etc/host.conf",
                                      "/etc/gai.conf",
                                      "/etc/ld.so.cache",
                                      "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules.cache",
                                      "/usr/lib/x86_64-linux-gnu/gconv/gconv-modules",
                                      "/etc/ld-musl-x86_64.path"};
constexpr const char* kLocale = "/usr/lib/locale/C.utf8";
constexpr const char* kFontTrees[] = {"/etc/fonts", "/usr/share/fontconfig"};

// Zones by name, for TZ; not the two other copies of all of them.
constexpr const char* kZones = "/usr/share/zoneinfo";
const std::set<std::string> kZonesLeftOut = {"/usr/share/zoneinfo/posix",
                                             "/usr/share/zoneinfo/right"};

// The host's own locales, so that LANG means the same; some distributions put all of the world's
// languages in there.
constexpr const char* kLocaleArchive = "/usr/lib/locale/locale-archive";
constexpr std::uint64_t kMostLocaleBytes = 32u << 20;

// Fonts are worth having where they are few; a desktop's gigabyte is not.
constexpr const char* kFonts = "/usr/share/fonts/truetype";
constexpr std::uint64_t kMostFontBytes = 64u << 20;

bool is_left_out(const std::string& home, bool links_itself, const std::string& path) {
  if (path.ends_with(".debuginfo") || path.ends_with(".diz")) return true;
  if (!path.starts_with(home)) return false;
  const std::string inside = path.substr(home.size());
  return kLeftOut.contains(inside) && !(links_itself && kLinkedAgain.contains(inside));
}

bool is_program_or_library(const TreeEntry& entry) {
  return entry.kind == TreeEntry::Kind::kFile && looks_like_elf(entry.content);
}

Error missing_library(const ElfClosure::Missing& missing) {
  if (libc_of_interpreter(missing.library) == LibcKind::kMusl && missing.library.starts_with('/'))
    return Error{missing.needed_by + " is built for musl, and this machine has no " +
                 missing.library + ": install musl, or use a JDK built for glibc"};
  return Error{missing.needed_by + " needs " + missing.library +
               ", which this machine does not have; install it"};
}

Result<void> add_jdk(TreePlan& plan, const Jdk& jdk, Fonts fonts) {
  const bool links_itself =
      is_regular_file(jdk.home + "/bin/jlink") && !is_directory(jdk.home + "/jmods");
  plan.add_tree(jdk.home,
                [&](const std::string& path) { return is_left_out(jdk.home, links_itself, path); });

  std::vector<std::string> objects;
  for (const auto& [path, entry] : plan.entries())
    if (is_program_or_library(entry)) objects.push_back(path);
  ElfClosure closure(LibraryCache::read_host());
  // libjvm and its kin are loaded by path before anything asks for them by name.
  for (const std::string& path : objects)
    if (path.starts_with(jdk.home + "/lib/")) closure.provide(base_name(path));
  for (const std::string& path : objects) {
    const std::size_t missing_before = closure.missing().size();
    Result<void> added = closure.add(path);
    const bool is_essential =
        path.starts_with(jdk.home) && kEssential.contains(path.substr(jdk.home.size()));
    if (!is_essential) continue;
    MOKA_TRY(std::move(added));
    if (closure.missing().size() != missing_before)
      return missing_library(closure.missing()[missing_before]);
  }
  const auto& kinds = closure.libc_kinds();
  if (kinds.contains(LibcKind::kMusl) && kinds.contains(LibcKind::kGlibc))
    return Error{"the JDK in " + jdk.home + " mixes C libraries: " + kinds.at(LibcKind::kMusl) +
                 " wants musl and " + kinds.at(LibcKind::kGlibc) +
                 " wants glibc; use a JDK built for one of them"};
  if (jdk.libc == LibcKind::kGlibc)
    for (const char* name : kLoadedByName) closure.add_optional(name);
  if (jdk.libc == LibcKind::kGlibc && fonts == Fonts::kWithJdk) closure.add_optional(kFontLibrary);
  for (const std::string& library : closure.libraries()) plan.add(library);
  return {};
}

void add_fonts(TreePlan& plan) {
  for (const char* path : kFontTrees) plan.add_tree(path, [](const std::string&) { return false; });
  TreePlan fonts;
  fonts.add_tree(kFonts, [](const std::string&) { return false; });
  if (fonts.bytes() <= kMostFontBytes)
    plan.add_tree(kFonts, [](const std::string&) { return false; });
}

void add_system_files(TreePlan& plan) {
  // Links first where the host has merged /usr, so that no plain directory takes their place.
  for (const char* path : {"/bin", "/lib", "/lib64", "/sbin"}) plan.add(path);
  for (const char* path :
       {"/etc", "/usr/bin", "/usr/lib", "/var/tmp", "/home", "/dev", "/proc", "/sys", "/run",
        "/opt", "/mnt", "/srv", "/var/lib", "/var/log", "/var/cache"})
    plan.add_directory(path);
  plan.add_directory("/tmp", 01777);
  plan.add_directory("/dev/shm", 01777);
  plan.add_directory("/root", 0700);
  plan.add_link("/var/run", "/run");
  plan.add_link("/etc/mtab", "/proc/self/mounts");

  // One user in the VM, and names only from files and DNS. Generated, not the host's: the host's
  // users are nobody's business there.
  plan.add_text("/etc/passwd",
                "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/"
                "nologin\n");
  plan.add_text("/etc/group", "root:x:0:\nnogroup:x:65534:\n");
  plan.add_text("/etc/nsswitch.conf",
                "passwd: files\ngroup: files\nshadow: files\nhosts: files dns\nnetworks: "
                "files\nprotocols: files\n"
                "services: files\nethers: files\nrpc: files\n");
  plan.add_text("/etc/hosts",
                "127.0.0.1\tlocalhost mokapot\n::1\tlocalhost ip6-localhost ip6-loopback\n");
  plan.add_text("/etc/hostname", "mokapot\n");

  for (const char* path : kHostFiles) plan.add(path);
  plan.add_tree(kLocale, [](const std::string&) { return false; });
  plan.add_tree(kZones, [](const std::string& path) { return kZonesLeftOut.contains(path); });
  std::error_code error;
  const std::uintmax_t locale_bytes = std::filesystem::file_size(kLocaleArchive, error);
  if (!error && locale_bytes <= kMostLocaleBytes) plan.add(kLocaleArchive);
}

}  // namespace

Result<TreePlan> plan_runtime(const std::optional<Jdk>& jdk, Fonts fonts) {
  TreePlan plan;
  add_system_files(plan);
  if (jdk) {
    MOKA_TRY(add_jdk(plan, *jdk, fonts));
    if (fonts == Fonts::kWithJdk) add_fonts(plan);
  }
  return plan;
}

}  // namespace moka
