// SPDX-License-Identifier: Apache-2.0
//
// https://cyclonedx.org/docs/1.5/json/ and https://github.com/package-url/purl-spec.
#include "build/bill_of_materials.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "build/common_licenses.h"
#include "build/debian_packages.h"
#include "build/kernel_parts.h"
#include "disk/guid.h"
#include "jar/zip_reader.h"
#include "support/digest.h"
#include "support/files.h"
#include "support/hash.h"
#include "support/json.h"

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

constexpr const char* kLayerProperty = "mokapot:layer";
constexpr const char* kRuntimeLayer = "runtime";
constexpr const char* kApplicationLayer = "application";
constexpr const char* kLoaderName = "GRUB";
constexpr const char* kLoaderSection = "==== GRUB\n";

Json layer_property(const char* layer) { return {{"name", kLayerProperty}, {"value", layer}}; }

bool is_named(const Json& component, const char* name) {
  const auto found = component.find("name");
  return found != component.end() && *found == name;
}

// Packages that files of a layer come from, each once, marked with the layers that want it.
void add_packages(const std::vector<std::string>& files, const char* layer, Json& components,
                  std::string& licenses) {
  for (const DebianPackage& package : packages_of(files)) {
    const std::string purl =
        "pkg:deb/debian/" + package.name + "@" + package.version + "?arch=" + package.architecture;
    Json* known = nullptr;
    for (Json& other : components)
      if (const auto found = other.find("purl"); found != other.end() && *found == purl)
        known = &other;
    if (known != nullptr) {
      (*known)["properties"].push_back(layer_property(layer));
      continue;
    }
    Json object = component("library", package.name, package.version, purl);
    object["properties"].push_back(layer_property(layer));
    components.push_back(std::move(object));
    const std::string section = "==== " + package.name + "\n";
    if (licenses.find(section) == std::string::npos)
      licenses += section + copyright_of(package) + "\n";
  }
}

// A package that only the runtime wanted is gone with it.
void forget_runtime_packages(Json& components) {
  Json kept = Json::array();
  for (Json& object : components) {
    const auto properties = object.find("properties");
    bool is_runtimes = false;
    if (properties != object.end() && properties->is_array()) {
      const auto mark =
          std::find(properties->begin(), properties->end(), layer_property(kRuntimeLayer));
      is_runtimes = mark != properties->end();
      if (is_runtimes) properties->erase(mark);
      if (is_runtimes && properties->empty()) continue;
    }
    kept.push_back(std::move(object));
  }
  components = std::move(kept);
}

Json loader_component(const std::string& version) {
  Json grub = component("application", kLoaderName, version, "pkg:deb/debian/grub2@" + version);
  set_license(grub, "GPL-3.0-or-later");
  return grub;
}

std::string loader_license() {
  return kLoaderSection + copyright_of({"grub-common", "", ""}) + "\n";
}

Json kernel_component(const KernelPart& part, const std::string& kernel_digest) {
  const std::string package = part.package, version = part.version;
  const bool is_own = package.empty();
  Json object = component(is_own ? "operating-system" : "library", part.name,
                          is_own ? kernel_digest : version,
                          is_own ? "" : "pkg:deb/debian/" + package + "@" + version + "?arch=source");
  set_license(object, part.license);
  return object;
}

bool is_kernel_part(const Json& component) {
  const auto parts = kernel_parts();
  return std::any_of(parts.begin(), parts.end(),
                     [&](const KernelPart& part) { return is_named(component, part.name); });
}

std::string section_of(const char* name) { return std::string("==== ") + name + "\n"; }

std::string kernel_licenses() {
  std::string text;
  for (const KernelPart& part : kernel_parts()) text += section_of(part.name) + part.notice + "\n";
  return text;
}

// Where a section begins that is headed so, and where the next one does.
std::pair<std::size_t, std::size_t> find_section(const std::string& licenses,
                                                 const std::string& heading) {
  std::size_t start = licenses.starts_with(heading) ? 0 : licenses.find("\n" + heading);
  if (start == std::string::npos) return {licenses.size(), licenses.size()};
  if (start != 0) ++start;
  const std::size_t next = licenses.find("\n==== ", start);
  return {start, next == std::string::npos ? licenses.size() : next + 1};
}

void remove_section(std::string& licenses, const std::string& heading) {
  const auto [start, end] = find_section(licenses, heading);
  licenses.erase(start, end - start);
}

// Of the contents, so that it changes with them and with nothing else.
std::string serial_number_of(const Json& components) {
  return "urn:uuid:" + Guid::from_digest(Hash().add(json_text(components)).text()).text();
}

// Changes the components of a document that we made; one that is none stays as it is.
template <typename Change>
void change_components(BillOfMaterials& bill, Change change) {
  Json document = parse_json(bill.sbom);
  const auto components = document.is_object() ? document.find("components") : document.end();
  if (!document.is_object() || components == document.end() || !components->is_array()) return;
  change(*components);
  document["serialNumber"] = serial_number_of(document["components"]);
  bill.sbom = json_text(document, 2) + "\n";
}

}  // namespace

void set_boot_loader(BillOfMaterials& bill, const std::string& version) {
  const CommonLicenses common(bill.licenses);
  change_components(bill, [&](Json& components) {
    Json changed = Json::array();
    std::size_t place = 0;  // behind what the kernel consists of
    for (Json& object : components) {
      if (is_named(object, kLoaderName)) continue;
      const bool is_the_kernels = is_kernel_part(object);
      changed.push_back(std::move(object));
      if (is_the_kernels) place = changed.size();
    }
    if (place != 0 && !version.empty())
      changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(place),
                     loader_component(version));
    components = std::move(changed);
  });
  remove_section(bill.licenses, kLoaderSection);
  if (!version.empty()) bill.licenses.insert(0, loader_license());
  common.add_to(bill.licenses);
}

void set_base(BillOfMaterials& bill, const Materials& base) {
  const CommonLicenses common(bill.licenses);
  change_components(bill, [&](Json& components) {
    Json changed = Json::array();
    for (const KernelPart& part : kernel_parts())
      changed.push_back(kernel_component(part, base.kernel_digest));
    for (Json& object : components)
      if (!is_kernel_part(object)) changed.push_back(std::move(object));
    components = std::move(changed);
    if (!base.jdk) return;
    for (Json& object : components)
      if (is_named(object, "OpenJDK")) object = jdk_component(*base.jdk, base.modules);
    forget_runtime_packages(components);
    add_packages(base.files, kRuntimeLayer, components, bill.licenses);
  });
  for (const KernelPart& part : kernel_parts())
    remove_section(bill.licenses, section_of(part.name));
  const bool has_loader = bill.licenses.starts_with(kLoaderSection);
  bill.licenses.insert(has_loader ? find_section(bill.licenses, kLoaderSection).second : 0,
                       kernel_licenses());
  common.add_to(bill.licenses);
}

BillOfMaterials bill_of_materials(const Materials& materials) {
  BillOfMaterials bill;
  Json components = Json::array();
  for (const KernelPart& part : kernel_parts())
    components.push_back(kernel_component(part, materials.kernel_digest));
  if (!materials.boot_loader_version.empty()) {
    components.push_back(loader_component(materials.boot_loader_version));
    bill.licenses += loader_license();
  }
  bill.licenses += kernel_licenses();
  if (materials.jdk) components.push_back(jdk_component(*materials.jdk, materials.modules));
  std::vector<std::string> application;
  for (const auto& [path, entry] : materials.application->entries())
    if (entry.kind == TreeEntry::Kind::kFile) application.push_back(path);
  add_packages(materials.files, kRuntimeLayer, components, bill.licenses);
  add_packages(application, kApplicationLayer, components, bill.licenses);
  add_application(*materials.application, components);
  CommonLicenses(bill.licenses).add_to(bill.licenses);

  Json document;
  document["bomFormat"] = "CycloneDX";
  document["specVersion"] = "1.5";
  document["serialNumber"] = serial_number_of(components);
  document["version"] = 1;
  document["metadata"]["component"] = component("application", materials.name, "", "");
  document["components"] = std::move(components);
  bill.sbom = json_text(document, 2) + "\n";
  return bill;
}

}  // namespace moka
