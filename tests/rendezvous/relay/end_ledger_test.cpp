#include "rendezvous/relay/end_ledger.h"

#include <vector>

#include "rendezvous/relay/end_word_table.h"
#include "tests/common/net/rig.h"
#include "tests/rendezvous/relay/toy_carrier.h"

namespace fairlead::rendezvous {
namespace {

struct ToldCarrier final : ToyCarrier {
  void tell_ended(const wire::ConnectionId& /*connection*/, Reason reason) override { told.push_back(reason); }
  std::optional<Reason> take_word(const wire::ConnectionId& connection, TimePoint now) override {
    return words.take(connection, now);
  }
  std::vector<Reason> told;
  EndWordTable words;
};

struct LedgerRig {
  void end(std::uint8_t connection, const net::RelayOutcome& how) {
    ledger->on_ended({connection}, carrier, how, [&] { return AccessRecord{.reason = how.reason}; });
  }
  std::uint64_t closed(Reason reason) const { return counters.closed.get(reason); }
  std::uint64_t all() const {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < reason_count(); ++i) sum += counters.closed.get(static_cast<Reason>(i));
    return sum;
  }

  net::test::Worker worker;
  Counters counters;
  AccessLines access_log{AccessLog::off};
  std::shared_ptr<ToldCarrier> carrier = std::make_shared<ToldCarrier>();
  std::unique_ptr<EndLedger> ledger = std::make_unique<EndLedger>(worker.loop, counters, access_log);
};

constexpr net::RelayOutcome kAlertOnly{.reason = Reason::completed, .client_bytes = 600, .service_bytes = 7};
constexpr net::RelayOutcome kOrdinary{.reason = Reason::completed, .client_bytes = 600, .service_bytes = 4'000};

TEST_CASE("the agent's word makes one count under its reason, whether it comes before the end or behind it") {
  LedgerRig rig;
  rig.carrier->words.put({1}, Reason::service_not_tls, rig.worker.loop.now());
  rig.end(1, kAlertOnly);
  CHECK(rig.closed(Reason::service_not_tls) == 1);
  rig.end(2, kAlertOnly);
  CHECK(rig.all() == 1);
  rig.carrier->words.put({2}, Reason::service_not_tls, rig.worker.loop.now());
  CHECK(rig.worker.until([&] { return rig.closed(Reason::service_not_tls) == 2; }));
  CHECK(rig.all() == 2);
}

TEST_CASE("the word of another session is not heard") {
  LedgerRig rig;
  const auto mine = std::exchange(rig.carrier, std::make_shared<ToldCarrier>());
  mine->words.put({1}, Reason::service_not_tls, rig.worker.loop.now());
  rig.end(1, kAlertOnly);
  CHECK(rig.worker.until([&] { return rig.closed(Reason::completed) == 1; }));
}

TEST_CASE("no word: what we saw, once its time is up") {
  LedgerRig rig;
  rig.end(1, kAlertOnly);
  CHECK(rig.all() == 0);
  CHECK(rig.worker.until([&] { return rig.closed(Reason::completed) == 1; }));
}

TEST_CASE("ordinary connections and those that we decide are counted at once; the latter are told") {
  LedgerRig rig;
  rig.end(1, kOrdinary);
  CHECK(rig.closed(Reason::completed) == 1);
  CHECK(rig.carrier->told.empty());
  rig.end(2, {.reason = Reason::idle_timeout, .client_bytes = 1, .service_bytes = 1});
  CHECK(rig.closed(Reason::idle_timeout) == 1);
  CHECK(rig.carrier->told == std::vector<Reason>{Reason::idle_timeout});
}

TEST_CASE("a worker that stops writes down what it still holds") {
  LedgerRig rig;
  rig.end(1, kAlertOnly);
  rig.ledger.reset();
  CHECK(rig.closed(Reason::completed) == 1);
}

}  // namespace
}  // namespace fairlead::rendezvous
