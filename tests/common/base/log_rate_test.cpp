#include "common/base/log_rate.h"

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

TimePoint at(Duration after_start) {
  return TimePoint(1h) + after_start;
}

unsigned said(LogRates& rates, std::string_view reason, std::string_view who, TimePoint now, unsigned tries) {
  unsigned out = 0;
  for (unsigned i = 0; i < tries; ++i) out += rates.ask(reason, who, now).say ? 1 : 0;
  return out;
}

TEST_CASE("one reason about one peer is said in a burst, then once a second, and tells what was left out") {
  LogRates rates;
  CHECK(said(rates, "name_taken", "nas1", at(0s), 1000) == 10);
  CHECK(rates.left_out() == 990);
  CHECK_FALSE(rates.ask("name_taken", "nas1", at(500ms)).say);
  const auto next = rates.ask("name_taken", "nas1", at(1s));
  CHECK(next.say);
  CHECK(next.left_out == 991);
  CHECK(said(rates, "name_taken", "nas1", at(1000s), 1000) == 10);
}

TEST_CASE("a line about nobody has the limit of one") {
  LogRates rates;
  CHECK(said(rates, "network_changed", "", at(0s), 50) == 10);
  CHECK(rates.ask("network_changed", "nas1", at(0s)).say);
}

TEST_CASE("who is called like everybody or the others is one peer still") {
  for (const std::string_view name : {"everybody", "others"}) {
    LogRates rates;
    CHECK(said(rates, "unknown_name", name, at(0s), 1000) == 10);
    CHECK(said(rates, "unknown_name", "nas2", at(0s), 1000) == 10);
  }
}

TEST_CASE("others and other reasons are not left out for it") {
  LogRates rates;
  said(rates, "name_taken", "nas1", at(0s), 1000);
  CHECK(rates.ask("name_taken", "nas2", at(0s)).say);
  CHECK(rates.ask("session_ended", "nas1", at(0s)).say);
}

TEST_CASE("one reason about everybody has a limit as well") {
  LogRates rates;
  unsigned lines = 0;
  for (int i = 0; i < 5000; ++i) lines += rates.ask("client_not_tls", std::to_string(i), at(0s)).say ? 1 : 0;
  CHECK(lines == 200);
  lines = 0;
  for (int i = 0; i < 5000; ++i) lines += rates.ask("client_not_tls", std::to_string(i), at(1s)).say ? 1 : 0;
  CHECK(lines == 100);
}

TEST_CASE("what is quiet is summed up once and forgotten") {
  LogRates rates;
  said(rates, "name_taken", "nas1", at(0s), 15);
  said(rates, "name_taken", "nas2", at(0s), 3);
  CHECK(rates.take_quiet(at(9s)).empty());
  const auto quiet = rates.take_quiet(at(10s));
  REQUIRE(quiet.size() == 1);
  CHECK(quiet[0].reason == "name_taken");
  CHECK(quiet[0].who == "nas1");
  CHECK(quiet[0].lines == 5);
  CHECK(rates.take_quiet(at(20s)).empty());
}

TEST_CASE("a clock that stands still or goes back gives nothing") {
  LogRates rates;
  said(rates, "r", "x", at(5s), 10);
  CHECK_FALSE(rates.ask("r", "x", at(4s)).say);
}

}  // namespace
}  // namespace fairlead
