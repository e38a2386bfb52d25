// SPDX-License-Identifier: Apache-2.0
#include "jar/class_path.h"

#include <fcntl.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "support/files.h"

namespace moka {
namespace {

constexpr std::size_t kLargestManifest = 16u << 20;
constexpr std::size_t kClassHeaderSize = 8;
// A class path longer than this is a manifest that was made to exhaust us.
constexpr std::size_t kMostPaths = 100000;

int hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

std::string undo_percent_escapes(std::string_view text) {
  std::string plain;
  for (std::size_t index = 0; index < text.size(); ++index) {
    if (text[index] == '%' && index + 2 < text.size()) {
      const int high = hex_digit(text[index + 1]);
      const int low = hex_digit(text[index + 2]);
      if (high >= 0 && low >= 0) {
        plain += static_cast<char>(high * 16 + low);
        index += 2;
        continue;
      }
    }
    plain += text[index];
  }
  return plain;
}

// Whether a URL names its scheme ("http:"); a Class-Path word with one is not relative.
bool has_scheme(std::string_view word) {
  const std::size_t colon = word.find(':');
  return colon != std::string_view::npos && word.find('/') > colon;
}

unsigned major_version(std::string_view header) {
  const auto byte = [&](std::size_t index) { return static_cast<unsigned char>(header[index]); };
  const bool is_class = header.size() >= kClassHeaderSize && byte(0) == 0xca && byte(1) == 0xfe &&
                        byte(2) == 0xba && byte(3) == 0xbe;
  return is_class ? static_cast<unsigned>(byte(6) << 8 | byte(7)) : 0;
}

std::string class_file_name(std::string_view class_name) {
  std::string name(class_name);
  std::replace(name.begin(), name.end(), '.', '/');
  return name + ".class";
}

}  // namespace

Result<Jar> open_jar(const std::string& path) {
  ZipReader zip = MOKA_TRY(ZipReader::open(path));
  JarManifest manifest;
  if (zip.contains("META-INF/MANIFEST.MF")) {
    const std::string text = MOKA_TRY(zip.read("META-INF/MANIFEST.MF", kLargestManifest));
    Result<JarManifest> parsed = JarManifest::parse(text);
    if (!parsed) return Error{path + " is not a usable jar: " + parsed.error().message};
    manifest = std::move(parsed).value();
  }
  return Jar{std::move(zip), std::move(manifest)};
}

void ClassPathClosure::add(const std::string& path) {
  std::vector<std::string> pending{path};
  while (!pending.empty() && paths_.size() < kMostPaths) {
    const std::string current = pending.back();
    pending.pop_back();
    if (!seen_.insert(current).second) continue;
    if (is_directory(current)) {
      paths_.push_back(current);
      continue;
    }
    if (!is_regular_file(current)) continue;
    paths_.push_back(current);
    const Result<Jar> jar = open_jar(current);
    if (!jar) continue;
    std::vector<std::string> words = jar.value().manifest.class_path();
    // Reversed, because the end of `pending` is looked at first.
    for (auto word = words.rbegin(); word != words.rend(); ++word) {
      std::string named = resolve_class_path_word(current, *word);
      if (!named.empty()) pending.push_back(std::move(named));
    }
  }
}

void ClassPathClosure::add_list(std::string_view list) {
  for (const std::string& part : split(list, ':')) {
    if (part == "*" || part.ends_with("/*")) {
      const std::string directory = absolute_path(part.substr(0, part.size() - 1));
      for (const std::string& jar : expand_wildcard(directory)) add(jar);
    } else {
      // An empty part is the working directory to java.
      add(absolute_path(part.empty() ? "." : part));
    }
  }
}

std::string resolve_class_path_word(const std::string& jar_path, std::string_view word) {
  if (word.starts_with("file:")) {
    word.remove_prefix(5);
    if (word.starts_with("//")) {
      // file://HOST/path: only the local host's files are files to us.
      word.remove_prefix(2);
      const std::size_t slash = word.find('/');
      if (slash == std::string_view::npos || (slash != 0 && word.substr(0, slash) != "localhost"))
        return {};
      word.remove_prefix(slash);
    }
  } else if (has_scheme(word)) {
    return {};
  }
  const std::string plain = undo_percent_escapes(word);
  if (plain.empty() || plain.find('\0') != std::string::npos) return {};
  return absolute_path(plain.front() == '/' ? plain : parent_path(jar_path) + "/" + plain);
}

std::vector<std::string> expand_wildcard(const std::string& directory) {
  std::vector<std::string> jars;
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.ends_with(".jar") || name.ends_with(".JAR")) jars.push_back(entry->path().string());
  }
  std::sort(jars.begin(), jars.end());
  return jars;
}

unsigned class_major_version(const Jar& jar, std::string_view class_name,
                             unsigned feature_release) {
  const std::string file = class_file_name(class_name);
  std::string chosen = file;
  if (jar.manifest.is_multi_release()) {
    // Versioned directories start at 9, and the highest that the JDK knows wins.
    for (unsigned release = feature_release; release >= 9; --release) {
      std::string versioned = "META-INF/versions/" + std::to_string(release) + "/" + file;
      if (jar.zip.contains(versioned)) {
        chosen = std::move(versioned);
        break;
      }
    }
  }
  if (!jar.zip.contains(chosen)) return 0;
  const Result<std::string> header = jar.zip.read_prefix(chosen, kClassHeaderSize);
  return header ? major_version(header.value()) : 0;
}

unsigned class_major_version(const std::string& directory, std::string_view class_name) {
  UniqueFd fd(
      ::open((directory + "/" + class_file_name(class_name)).c_str(), O_RDONLY | O_CLOEXEC));
  std::uint8_t header[kClassHeaderSize];
  if (!fd || !read_exactly_at(fd.get(), header, 0)) return 0;
  // SAFETY: eight bytes that were just read, looked at as characters.
  return major_version({reinterpret_cast<const char*>(header), sizeof header});
}

}  // namespace moka
