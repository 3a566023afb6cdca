#include "agent/calling/call_failure.h"

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

const Error kHow{Reason::handshake_failed, "the peer sent the alert"};

TEST_CASE("an alert of a rendezvous is the reason that it had") {
  CHECK(call_failure(kHow, 112, "web.home").reason == Reason::unknown_name);
  CHECK(call_failure(kHow, 80, "web.home").reason == Reason::no_endpoint);
  CHECK(call_failure(kHow, 49, "web.home").reason == Reason::policy_denied);
  for (const auto alert : {std::optional<std::uint8_t>(), std::optional<std::uint8_t>(40)}) {
    const Error other = call_failure(kHow, alert, "web.home");
    CHECK(other.reason == Reason::handshake_failed);
    CHECK(other.detail == "web.home: the peer sent the alert");
  }
}

TEST_CASE("another server is asked unless the service itself has refused") {
  for (const Reason reason : {Reason::no_endpoint, Reason::unknown_name, Reason::connect_refused,
                              Reason::certificate_identity, Reason::connection_lost}) {
    CHECK(is_worth_another_server(reason));
  }
  CHECK_FALSE(is_worth_another_server(Reason::policy_denied));
}

TEST_CASE("of two failures the one nearer to the service is told") {
  const Reason from_least[] = {Reason::connect_refused, Reason::connection_lost,      Reason::unknown_name,
                               Reason::no_endpoint,     Reason::certificate_identity, Reason::policy_denied};
  for (std::size_t i = 0; i < std::size(from_least); ++i) {
    for (std::size_t j = 0; j < std::size(from_least); ++j) {
      CHECK(tells_more(from_least[i], from_least[j]) == (i > j));
    }
  }
}

TEST_CASE("the line of a failure ends with what to do") {
  CHECK(with_next_step({Reason::certificate_identity, "the server is spiffe://a/b"})
            .starts_with("the server is spiffe://a/b; "));
  CHECK(with_next_step({Reason::certificate_identity, "x"}).find("--expect") != std::string::npos);
  CHECK(with_next_step({Reason::connect_refused, "x"}).ends_with(reason_text(Reason::connect_refused).next_step));
}

}  // namespace
}  // namespace fairlead::agent
