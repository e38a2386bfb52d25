// SPDX-License-Identifier: Apache-2.0
//
// Frames of the tools port as the kernel and as the launcher read them: both must find the same in the same bytes. And
// a VM's record in the registry.
//
// sources: kernel/api/tool_frame.cc launcher/tools/tool_frame.cc launcher/registry/vm_record.cc

#include "api/tool_frame.h"

#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "registry/vm_record.h"
#include "tools/tool_frame.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t piece = data[0] % 64 + 1;
  // SAFETY: bytes may be looked at as characters.
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  mokapot::ToolFrameAssembler assembler;
  moka::FrameReader reader;
  reader.append(text);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    std::span<const char> rest(text.data() + at, std::min(piece, text.size() - at));
    while (const auto frame = assembler.take(rest)) {
      const auto same = reader.take();
      if (!same || same->stream != frame->header.stream || same->type != frame->header.type || same->payload != frame->payload)
        std::abort();
      mokapot::ToolWords<5> words;
      if (words.parse(frame->payload) && (words.count == 0 || words.count > 5)) std::abort();
    }
    if (!rest.empty()) std::abort();
  }
  if (reader.take() || reader.is_broken() != assembler.broken()) std::abort();
  if (const auto record = moka::parse_record(text)) {
    const auto again = moka::parse_record(moka::to_json(*record).dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
    if (!again || again->ports.size() != record->ports.size()) std::abort();
  }
  return 0;
}
