// SPDX-License-Identifier: Apache-2.0
#include "build/training_wish.h"

#include <algorithm>
#include <string_view>

#include "cli/argument_file.h"
#include "support/numbers.h"

namespace moka {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr unsigned kLongestLimit = 3600;
// The whole request is one word of the VM's tools channel.
constexpr std::size_t kLongestTarget = 2048;

Result<TrainingWish::Url> parse_url(const std::string& word) {
  const auto wrong = [&word](const char* advice) {
    return Error{"--train " + word + ": " + advice};
  };
  if (word.starts_with("https://"))
    return wrong("requests are made by plain HTTP; give an http:// URL, or arguments");
  if (!word.starts_with(kScheme)) return wrong("no URL; give http://localhost:PORT/PATH");
  std::string_view rest = std::string_view(word).substr(kScheme.size());
  const std::size_t slash = rest.find('/');
  std::string_view host = rest.substr(0, slash);
  TrainingWish::Url url;
  url.target = slash == std::string_view::npos ? "/" : rest.substr(slash);
  if (const std::size_t colon = host.rfind(':'); colon != std::string_view::npos) {
    url.port = parse_number<std::uint16_t>(host.substr(colon + 1)).value_or(0);
    if (url.port == 0) return wrong("no port; give a number from 1 to 65535");
    host = host.substr(0, colon);
  }
  if (host != "localhost" && host != "127.0.0.1")
    return wrong("the VM has its own loopback only; the host is localhost");
  const bool is_plain = std::all_of(url.target.begin(), url.target.end(),
                                    [](char letter) { return letter > ' ' && letter < 0x7f; });
  if (!is_plain || url.target.size() > kLongestTarget)
    return wrong("the path has characters that a URL has not, or too many");
  return url;
}

}  // namespace

Result<TrainingWish> parse_training(const std::string& text) {
  TrainingWish wish;
  wish.is_asked_for = true;
  wish.arguments = parse_argument_file(text);
  wish.kind = TrainingWish::Kind::kArguments;
  if (wish.arguments.empty())
    return Error{"--train needs arguments for the program, or URLs as http://localhost:8080/"};
  const std::string& first = wish.arguments.front();
  if (!first.starts_with(kScheme) && !first.starts_with("https://")) return wish;
  wish.kind = TrainingWish::Kind::kUrls;
  for (const std::string& word : wish.arguments) wish.urls.push_back(MOKA_TRY(parse_url(word)));
  wish.arguments.clear();
  return wish;
}

Result<unsigned> parse_training_limit(const std::string& text) {
  const unsigned seconds = parse_number<unsigned>(text).value_or(0);
  if (seconds == 0 || seconds > kLongestLimit)
    return Error{"--train-limit " + text + " is no number of seconds; give one from 1 to " +
                 std::to_string(kLongestLimit)};
  return seconds;
}

}  // namespace moka
