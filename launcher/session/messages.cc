// SPDX-License-Identifier: Apache-2.0
#include "session/messages.h"

#include <cstdio>
#include <nlohmann/json.hpp>

#include "support/sizes.h"

namespace moka {
namespace {

using Object = nlohmann::ordered_json;

// Paths and what QEMU says may hold bytes that are no UTF-8.
std::string line_of(const Object& object) {
  return object.dump(-1, ' ', false, Object::error_handler_t::replace) + "\n";
}

std::string text_line(std::string_view text) {
  return "moka: " + std::string(text) + (text.ends_with('\n') ? "" : "\n");
}

const char* event_of(PortNotice::Kind kind) {
  switch (kind) {
    case PortNotice::Kind::kPublished:
      return "published";
    case PortNotice::Kind::kWithdrawn:
      return "withdrawn";
    case PortNotice::Kind::kRefused:
      return "refused";
  }
  return "refused";
}

std::string published_line(const PortNotice& notice) {
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f s", notice.seconds);
  const bool is_udp = notice.protocol == Protocol::kUdp;
  std::string text = endpoint_text(*notice.address, notice.host_port) + " -> " +
                     std::to_string(notice.guest_port) + (is_udp ? "/udp" : "") + " after " +
                     seconds;
  if (!notice.reason.empty()) text += " (" + notice.reason + ")";
  return text_line(text);
}

}  // namespace

std::string Messages::error(std::string_view text) const {
  if (is_json()) return line_of({{"event", "error"}, {"message", text}});
  return text_line(text);
}

std::string Messages::warning(std::string_view text) const {
  if (is_json()) return line_of({{"event", "warning"}, {"message", text}});
  return text_line(text);
}

std::string Messages::note(std::string_view text) const {
  if (!is_verbose_) return "";
  return is_json() ? line_of({{"event", "note"}, {"message", text}}) : text_line(text);
}

std::string Messages::port(const PortNotice& notice) const {
  if (is_json()) {
    Object object = {{"event", event_of(notice.kind)},
                     {"protocol", notice.protocol == Protocol::kUdp ? "udp" : "tcp"}};
    if (notice.address) {
      object["address"] = notice.address->text();
      object["port"] = notice.host_port;
    }
    object["guestPort"] = notice.guest_port;
    object["seconds"] = static_cast<double>(static_cast<long>(notice.seconds * 1000)) / 1000;
    object["reason"] = notice.reason;
    return line_of(object);
  }
  switch (notice.kind) {
    case PortNotice::Kind::kPublished:
      return published_line(notice);
    case PortNotice::Kind::kWithdrawn:
      return note(endpoint_text(*notice.address, notice.host_port) + " is withdrawn");
    case PortNotice::Kind::kRefused:
      break;
  }
  const std::string text =
      "port " + std::to_string(notice.guest_port) + " is not published: " + notice.reason;
  return notice.is_expected ? note(text) : text_line(text);
}

std::string Messages::listening(const GuestListener& listener) const {
  if (!is_json()) return "";
  return line_of({{"event", "listening"},
                  {"protocol", listener.protocol == Protocol::kUdp ? "udp" : "tcp"},
                  {"address", listener.address ? listener.address->text() : "*"},
                  {"port", listener.port}});
}

std::string Messages::debugger(std::uint16_t port) const {
  const std::string line = "jdb -attach localhost:" + std::to_string(port);
  if (is_json()) return line_of({{"event", "debugger"}, {"port", port}, {"attach", line}});
  return text_line("the debugger attaches by: " + line);
}

std::string Messages::artifact(const std::string& path, std::uint64_t size) const {
  if (is_json()) return line_of({{"event", "artifact"}, {"path", path}, {"size", size}});
  return text_line("the VM wrote " + path + " (" + size_text(size) + ")");
}

std::string Messages::end(const ExitReport& report) const {
  if (!is_json()) return "";
  std::string members = report.json();
  return "{\"event\":\"end\"," + members.substr(1);
}

}  // namespace moka
