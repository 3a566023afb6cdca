#include "common/core/relay_verdict.h"

#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

RelayVerdict judge(Reason reason, std::uint64_t client, std::uint64_t service, Duration lasted = 10ms) {
  return judge_relay({reason, client, service, lasted});
}

TEST_CASE("bytes both ways beyond the first flight are a success, however it ended") {
  for (const Reason reason : {Reason::completed, Reason::client_reset, Reason::service_reset, Reason::idle_timeout}) {
    CHECK(judge(reason, 1, 2000) == RelayVerdict::served);
  }
}

TEST_CASE("an endpoint that accepts and closes has brought nothing") {
  CHECK(judge(Reason::completed, 0, 0) == RelayVerdict::nothing);
  CHECK(judge(Reason::completed, 0, 7) == RelayVerdict::nothing);   // an alert
  CHECK(judge(Reason::completed, 80, 7) == RelayVerdict::nothing);  // and a client that kept talking
  CHECK(judge(Reason::service_reset, 0, 0) == RelayVerdict::nothing);
  CHECK(judge(Reason::service_not_tls, 0, 0) == RelayVerdict::nothing);
  CHECK(judge(Reason::idle_timeout, 0, 0, 1h) == RelayVerdict::nothing);
}

TEST_CASE("a client that leaves says little about the service, unless nothing was heard for long") {
  CHECK(judge(Reason::client_reset, 0, 0) == RelayVerdict::neither);
  CHECK(judge(Reason::client_reset, 0, 3000) == RelayVerdict::neither);
  CHECK(judge(Reason::completed, 0, 3000) == RelayVerdict::neither);  // a scanner reads the certificate
  CHECK(judge(Reason::client_reset, 0, 0, 5s) == RelayVerdict::nothing);
  CHECK(judge(Reason::idle_timeout, 0, 3000, 1h) == RelayVerdict::neither);
}

TEST_CASE("what we end ourselves is nobody's fault") {
  CHECK(judge(Reason::shutting_down, 0, 0, 1h) == RelayVerdict::neither);
}

TEST_CASE("a service that ended early is not told as completed") {
  CHECK(reason_told({Reason::completed, 0, 0, 1ms}) == Reason::service_ended_early);
  CHECK(reason_told({Reason::completed, 5, 2000, 1ms}) == Reason::completed);
  CHECK(reason_told({Reason::completed, 0, 2000, 1ms}) == Reason::completed);
  CHECK(reason_told({Reason::service_reset, 0, 0, 1ms}) == Reason::service_reset);
}

}  // namespace
}  // namespace fairlead::core
