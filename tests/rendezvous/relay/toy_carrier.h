#pragma once
// A carrier without keys or pool, beside AgentCarrier: what tests reach endpoints by, and the proof that nothing above
// the seam knows which carrier it has. Its header is "toy COUNTER:", its answers are "+" and "-REASON;".
#include <deque>
#include <string>

#include "rendezvous/relay/carrier.h"

namespace fairlead::rendezvous {

class ToyCarrier : public Carrier {
 public:
  explicit ToyCarrier(std::size_t most = 1000) : places(most) {}

  ChannelClaim claim_or_wait(WorkerItem client, TimePoint /*now*/) override {
    if (is_over) return {ChannelClaim::Kind::ended, {}};
    if (ready.empty()) {
      waiting.push_back(client);
      return {ChannelClaim::Kind::waiting, {}};
    }
    const ChannelClaim claim{ChannelClaim::Kind::taken, ready.front()};
    ready.pop_front();
    return claim;
  }
  void stop_waiting(WorkerItem client) override { std::erase(waiting, client); }

  core::SealedHeader make_header(const wire::ChannelHeader& fields, ByteView /*hello*/) const override {
    const std::string text = "toy " + std::to_string(fields.counter) + ":";
    return {.bytes = Bytes(text.begin(), text.end()), .mac = {static_cast<std::uint8_t>(fields.counter)}};
  }
  wire::Parsed<wire::ChannelAnswer> read_answer(ByteView in, const wire::Mac& /*header_mac*/) const override {
    if (in.empty()) return wire::NeedMore{1};
    if (in[0] == '+') return wire::Done<wire::ChannelAnswer>{{wire::Verdict::accepted, ""}, 1};
    if (in[0] != '-') return wire::Malformed{Reason::answer_malformed};
    const auto end = std::find(in.begin(), in.end(), ';');
    if (end == in.end()) return wire::NeedMore{1};
    const auto size = static_cast<std::size_t>(end - in.begin());
    return wire::Done<wire::ChannelAnswer>{{wire::Verdict::refused, std::string(in.begin() + 1, end)}, size + 1};
  }

  void probe() override { ++probes; }
  std::optional<GaugeToken> take_place() override { return places.take(); }
  bool ended() const override { return is_over; }
  Duration rtt() const override { return 1ms; }
  CarrierLoad load() const override { return {1ms, ready.size(), places.used()}; }

  std::deque<WorkerItem> ready;
  std::deque<WorkerItem> waiting;
  Gauge places;
  int probes = 0;
  bool is_over = false;
};

}  // namespace fairlead::rendezvous
