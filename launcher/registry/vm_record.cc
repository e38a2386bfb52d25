// SPDX-License-Identifier: Apache-2.0
#include "registry/vm_record.h"

#include "support/json.h"

namespace moka {
namespace {

using Json = nlohmann::ordered_json;

// Reads a member if it is there and of the right kind; a newer or older moka may know others.
template <typename T>
void read(const Json& object, const char* name, T& value) {
  if constexpr (std::is_same_v<T, bool> || std::is_same_v<T, std::string>) {
    const auto found = object.find(name);
    if (found == object.end()) return;
    if (std::is_same_v<T, bool> ? found->is_boolean() : found->is_string()) value = found->get<T>();
  } else {
    value = number_in<T>(object, name).value_or(value);
  }
}

}  // namespace

Json to_json(const VmRecord& record) {
  Json ports = Json::array();
  for (const VmRecord::Port& port : record.ports)
    ports.push_back({{"protocol", port.protocol},
                     {"address", port.address},
                     {"port", port.port},
                     {"guestPort", port.guest_port}});
  return {{"name", record.name},
          {"pid", record.pid},
          {"program", record.program},
          {"java", record.is_java},
          {"attach", record.can_attach},
          {"detached", record.is_detached},
          {"memoryMiB", record.memory_mib},
          {"cpus", record.cpus},
          {"started", record.started},
          {"artifacts", record.artifacts},
          {"ports", std::move(ports)}};
}

std::optional<VmRecord> parse_record(std::string_view text) {
  const Json object = parse_json(text);
  if (!object.is_object()) return std::nullopt;
  VmRecord record;
  read(object, "name", record.name);
  read(object, "pid", record.pid);
  read(object, "program", record.program);
  read(object, "java", record.is_java);
  read(object, "attach", record.can_attach);
  read(object, "detached", record.is_detached);
  read(object, "memoryMiB", record.memory_mib);
  read(object, "cpus", record.cpus);
  read(object, "started", record.started);
  read(object, "artifacts", record.artifacts);
  if (const auto ports = object.find("ports"); ports != object.end() && ports->is_array()) {
    for (const Json& item : *ports) {
      if (!item.is_object()) continue;
      VmRecord::Port port;
      read(item, "protocol", port.protocol);
      read(item, "address", port.address);
      read(item, "port", port.port);
      read(item, "guestPort", port.guest_port);
      record.ports.push_back(std::move(port));
    }
  }
  if (record.name.empty()) return std::nullopt;
  return record;
}

}  // namespace moka
