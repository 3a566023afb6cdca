#include "common/base/gauge.h"

#include <string>
#include <thread>
#include <vector>

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

TEST_CASE("a gauge gives at most its maximum, and takes back by itself") {
  Gauge gauge(2);
  auto first = gauge.take();
  auto second = gauge.take();
  REQUIRE(first);
  REQUIRE(second);
  CHECK_FALSE(gauge.take());
  CHECK(gauge.used() == 2);
  first.reset();
  CHECK(gauge.used() == 1);
  GaugeToken moved = std::move(*second);
  second.reset();
  CHECK(gauge.used() == 1);
  moved = GaugeToken();
  CHECK(gauge.used() == 0);
}

TEST_CASE("a lowered maximum takes nothing away and adds nothing") {
  Gauge gauge(2);
  const auto first = gauge.take();
  const auto second = gauge.take();
  gauge.set_max(1);
  CHECK(gauge.used() == 2);
  CHECK_FALSE(gauge.take());
}

TEST_CASE("a keyed gauge counts each key and forgets those not in use") {
  KeyedGauge<std::string> gauge(1);
  auto web = gauge.take("web.home");
  REQUIRE(web);
  CHECK_FALSE(gauge.take("web.home"));
  CHECK(gauge.take("cam.home"));
  CHECK(gauge.highest() == 1);
  web.reset();
  CHECK(gauge.highest() == 0);
  CHECK(gauge.take("web.home"));
  KeyedGauge<std::string> closed(0);
  CHECK_FALSE(closed.take("web.home"));
}

TEST_CASE("gauges are exact under threads") {
  Gauge gauge(4);
  KeyedGauge<std::string> keyed(4);
  std::atomic<bool> too_many = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 2000; ++n) {
        const auto token = gauge.take();
        const auto by_key = keyed.take("one");
        if (keyed.highest() > 4) too_many = true;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(too_many);
  CHECK(gauge.used() == 0);
  CHECK(keyed.highest() == 0);
}

}  // namespace
}  // namespace fairlead
