#include "rendezvous/registry/routing.h"
#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

TEST_CASE("live relays are counted") {
  EndpointLoad load;
  load.on_started();
  load.on_started();
  CHECK(load.weight(at(0s)) == 2);
  load.on_ended();
  CHECK(load.live() == 1);
  CHECK_FALSE(load.is_set_aside(at(0s)));
}

TEST_CASE("three failures in a row set aside for half a minute") {
  EndpointLoad load;
  load.on_refused_or_silent(at(100s));
  load.on_refused_or_silent(at(100s));
  CHECK_FALSE(load.is_set_aside(at(100s)));
  load.on_refused_or_silent(at(101s));
  CHECK(load.is_set_aside(at(101s)));
  CHECK(load.is_set_aside(at(131s - 1us)));
  CHECK_FALSE(load.is_set_aside(at(131s)));

  SUBCASE("the next failure sets aside again") {
    load.on_refused_or_silent(at(140s));
    CHECK(load.is_set_aside(at(169s)));
  }
  SUBCASE("an accepted one forgives all") {
    load.on_accepted();
    CHECK(load.weight(at(140s)) == 0);
    load.on_refused_or_silent(at(141s));
    load.on_refused_or_silent(at(141s));
    CHECK_FALSE(load.is_set_aside(at(141s)));
  }
}

TEST_CASE("two failures around an accepted one are not three in a row") {
  EndpointLoad load;
  load.on_refused_or_silent(at(1s));
  load.on_refused_or_silent(at(1s));
  load.on_accepted();
  load.on_refused_or_silent(at(1s));
  CHECK_FALSE(load.is_set_aside(at(1s)));
}

TEST_CASE("one failure counts as load, for a while") {
  EndpointLoad load;
  load.on_refused_or_silent(at(10s));
  CHECK(load.weight(at(10s)) == kFailurePenalty);
  CHECK(load.weight(at(39s)) == kFailurePenalty);
  CHECK(load.weight(at(40s)) == 0);
}

TEST_CASE("sources decide which clients are allowed") {
  Endpoint endpoint;
  CHECK_FALSE(endpoint.allows(*IpAddress::parse("192.0.2.1")));
  endpoint.sources = {cidr("192.0.2.0/24"), cidr("2001:db8::/32")};
  CHECK(endpoint.allows(*IpAddress::parse("192.0.2.1")));
  CHECK(endpoint.allows(*IpAddress::parse("::ffff:192.0.2.1")));
  CHECK(endpoint.allows(*IpAddress::parse("2001:db8::1")));
  CHECK_FALSE(endpoint.allows(*IpAddress::parse("192.0.3.1")));
  CHECK_FALSE(endpoint.allows(*IpAddress::parse("2001:db9::1")));
}

}  // namespace
}  // namespace fairlead::rendezvous
