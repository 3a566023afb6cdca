// Both openings of tunnels, whole and in two pieces: the same outcome, the same words, bounded bytes.
#include <algorithm>
#include <cstdint>
#include <optional>

#include "common/base/check.h"
#include "common/base/ip.h"
#include "common/front/tunnel_machines.h"

namespace {

using namespace fairlead;

const front::ListenerRules kProxy{
    .accept = {.tls = false, .ticket = false, .verify = false, .socks5 = true, .connect = true},
    .proxy_from = {},
    .service = ""};
constexpr std::size_t kMost = 20 * 1024;

struct Run {
  std::optional<front::Opening::Outcome> outcome;
  Bytes said;

  void feed(front::Opening& opening, ByteView bytes) {
    while (!bytes.empty() && !outcome) {
      const MutableBytes space = opening.space();
      CHECK(!space.empty() && space.size() <= kMost + 1);
      const std::size_t count = std::min(space.size(), bytes.size());
      std::copy_n(bytes.begin(), count, space.begin());
      bytes = bytes.subspan(count);
      outcome = opening.came(count);
      const Bytes words = opening.take_output();
      said.insert(said.end(), words.begin(), words.end());
    }
  }
};

const front::TunnelRequest* request_of(const Run& run) {
  if (!run.outcome || !std::holds_alternative<front::Opened>(*run.outcome)) return nullptr;
  return std::get_if<front::TunnelRequest>(&std::get<front::Opened>(*run.outcome).asks);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView in(data, size);
  front::Opening opening(front::first_machine(kProxy), kMost);
  Run whole;
  whole.feed(opening, in);
  for (const std::size_t cut : {std::size_t{1}, size / 2, size - std::min<std::size_t>(size, 1)}) {
    if (cut > size) continue;
    front::Opening other(front::first_machine(kProxy), kMost);
    Run two;
    two.feed(other, in.first(cut));
    two.feed(other, in.subspan(cut));
    CHECK(two.outcome.has_value() == whole.outcome.has_value());
    CHECK(two.said == whole.said);
    if (whole.outcome) CHECK(two.outcome->index() == whole.outcome->index());
  }
  if (const auto* request = request_of(whole)) {
    CHECK(std::ranges::all_of(request->host, [](char c) { return c > 0x20 && c < 0x7f; }));
    CHECK(!IpAddress::parse(request->host).has_value());
  }
  return 0;
}
