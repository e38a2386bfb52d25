// SPDX-License-Identifier: Apache-2.0
//
// https://cyclonedx.org/docs/1.5/json/ and https://github.com/package-url/purl-spec.
#include "build/bill_of_materials.h"

#include <nlohmann/json.hpp>
#include <set>

#include "build/debian_packages.h"
#include "disk/guid.h"
#include "jar/zip_reader.h"
#include "support/digest.h"
#include "support/files.h"
#include "support/hash.h"

namespace moka {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLargestProperties = 1u << 16;
constexpr std::size_t kLargestRelease = 1u << 20;
constexpr const char* kJdkLicense = "GPL-2.0-only WITH Classpath-exception-2.0";

Json component(const char* type, const std::string& name, const std::string& version,
               const std::string& purl) {
  Json object;
  object["type"] = type;
  object["name"] = name;
  if (!version.empty()) object["version"] = version;
  if (!purl.empty()) object["purl"] = purl;
  return object;
}

void set_license(Json& object, const char* expression) {
  object["licenses"] = Json::array({{{"expression", expression}}});
}

// "key=value" lines of a pom.properties.
std::string property(const std::string& text, std::string_view key) {
  for (const std::string& line : split(text, '\n')) {
    const std::string_view trimmed = trim(line);
    if (trimmed.starts_with(key) && trimmed.size() > key.size() && trimmed[key.size()] == '=')
      return std::string(trimmed.substr(key.size() + 1));
  }
  return {};
}

// What Maven left in a jar about it; a jar that was made of many has many of them.
void add_maven_coordinates(const std::string& path, Json& components) {
  const auto jar = ZipReader::open(path);
  if (!jar) return;
  std::vector<std::string> names;
  jar.value().for_each_name([&](const std::string& name) {
    if (name.starts_with("META-INF/maven/") && name.ends_with("/pom.properties"))
      names.push_back(name);
  });
  for (const std::string& name : names) {
    const auto text = jar.value().read(name, kLargestProperties);
    if (!text) continue;
    const std::string group = property(text.value(), "groupId");
    const std::string artifact = property(text.value(), "artifactId");
    const std::string version = property(text.value(), "version");
    if (group.empty() || artifact.empty()) continue;
    Json object = component("library", artifact, version,
                            "pkg:maven/" + group + "/" + artifact + "@" + version);
    object["group"] = group;
    components.push_back(std::move(object));
  }
}

void add_application(const TreePlan& plan, Json& components) {
  for (const auto& [path, entry] : plan.entries()) {
    if (entry.kind != TreeEntry::Kind::kFile || !path.ends_with(".jar")) continue;
    Json object = component("file", base_name(path), "", "");
    if (const auto digest = sha256_of_file(path))
      object["hashes"] = Json::array({{{"alg", "SHA-256"}, {"content", digest.value()}}});
    components.push_back(std::move(object));
    add_maven_coordinates(path, components);
  }
}

Json jdk_component(const Jdk& jdk, const std::vector<std::string>& modules) {
  Json object = component("platform", "OpenJDK", jdk.version, "");
  if (const auto release = read_file(jdk.home + "/release", kLargestRelease))
    if (const std::string vendor = release_value(release.value(), "IMPLEMENTOR"); !vendor.empty())
      object["supplier"]["name"] = vendor;
  set_license(object, kJdkLicense);
  for (const std::string& module : modules)
    object["properties"].push_back({{"name", "mokapot:module"}, {"value", module}});
  return object;
}

std::vector<std::string> host_files(const Materials& materials) {
  std::set<std::string> files(materials.files.begin(), materials.files.end());
  for (const auto& [path, entry] : materials.application->entries())
    if (entry.kind == TreeEntry::Kind::kFile) files.insert(path);
  return {files.begin(), files.end()};
}

}  // namespace

BillOfMaterials bill_of_materials(const Materials& materials) {
  BillOfMaterials bill;
  Json components = Json::array();
  Json kernel = component("operating-system", "Mokapot", materials.kernel_digest, "");
  set_license(kernel, "Apache-2.0");
  components.push_back(std::move(kernel));
  Json lwip = component("library", "lwIP", "", "");
  set_license(lwip, "BSD-3-Clause");
  components.push_back(std::move(lwip));
  Json lz4 = component("library", "LZ4", "", "");
  set_license(lz4, "BSD-2-Clause");
  components.push_back(std::move(lz4));
  if (!materials.boot_loader_version.empty()) {
    Json grub = component("application", "GRUB", materials.boot_loader_version,
                          "pkg:deb/debian/grub2@" + materials.boot_loader_version);
    set_license(grub, "GPL-3.0-or-later");
    components.push_back(std::move(grub));
    bill.licenses += "==== GRUB\n" + copyright_of({"grub-common", "", ""}) + "\n";
  }
  if (materials.jdk) components.push_back(jdk_component(*materials.jdk, materials.modules));
  for (const DebianPackage& package : packages_of(host_files(materials))) {
    components.push_back(component("library", package.name, package.version,
                                   "pkg:deb/debian/" + package.name + "@" + package.version +
                                       "?arch=" + package.architecture));
    bill.licenses += "==== " + package.name + "\n" + copyright_of(package) + "\n";
  }
  add_application(*materials.application, components);

  Json document;
  document["bomFormat"] = "CycloneDX";
  document["specVersion"] = "1.5";
  // Of the contents, so that it changes with them and with nothing else.
  document["serialNumber"] =
      "urn:uuid:" + Guid::from_digest(Hash().add(components.dump()).text()).text();
  document["version"] = 1;
  document["metadata"]["component"] = component("application", materials.name, "", "");
  document["components"] = std::move(components);
  bill.sbom = document.dump(2) + "\n";
  return bill;
}

}  // namespace moka
