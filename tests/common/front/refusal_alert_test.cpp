#include "common/front/refusal_alert.h"

#include "tests/support/doctest.h"

namespace fairlead::front {
namespace {

TEST_CASE("a client learns whether to look at its name, at its rights, or to try again") {
  CHECK(alert_of(Reason::unknown_name) == 112);
  CHECK(alert_of(Reason::alpn_required) == 112);
  CHECK(alert_of(Reason::source_denied) == 49);
  for (const Reason reason : {Reason::no_endpoint, Reason::target_refused, Reason::agent_busy, Reason::server_full}) {
    CHECK(alert_of(reason) == 80);
  }
}

}  // namespace
}  // namespace fairlead::front
