#include "agent/nat/epoch.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::int64_t kSlack = 2;  // seconds, both RFCs

// RFC 6886 §3.6: the gateway's clock may be slower than ours by an eighth; that it is faster proves nothing.
bool nat_pmp_lost(std::int64_t server_delta, std::int64_t client_delta) {
  return server_delta < client_delta * 7 / 8 - kSlack;
}

// RFC 6887 §8.5: it may not go back by more than a second, nor may the two clocks differ by more than a sixteenth.
bool pcp_lost(std::int64_t server_delta, std::int64_t client_delta) {
  if (server_delta < -1) return true;
  return client_delta + kSlack < server_delta - server_delta / 16 ||
         server_delta + kSlack < client_delta - client_delta / 16;
}

}  // namespace

EpochVerdict EpochClock::judge(MappingProtocol protocol, std::uint32_t epoch, TimePoint now) const {
  if (!last_) return EpochVerdict::first;
  const std::int64_t server_delta = std::int64_t{epoch} - std::int64_t{last_->epoch};
  const std::int64_t client_delta = std::chrono::floor<std::chrono::seconds>(now - last_->at).count();
  const bool lost = protocol == MappingProtocol::nat_pmp ? nat_pmp_lost(server_delta, client_delta)
                                                         : pcp_lost(server_delta, client_delta);
  return lost ? EpochVerdict::reset : EpochVerdict::steady;
}

EpochVerdict EpochClock::on_epoch(MappingProtocol protocol, std::uint32_t epoch, TimePoint now) {
  const EpochVerdict verdict = judge(protocol, epoch, now);
  last_ = Heard{epoch, now};
  return verdict;
}

}  // namespace fairlead::agent::nat
