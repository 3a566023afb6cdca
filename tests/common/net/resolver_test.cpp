#include "common/net/resolver.h"

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

using Answer = Result<std::vector<SocketAddress>>;

TEST_CASE("literals are answered, but not before resolve returned") {
  Worker worker;
  Names names(worker.loop);
  Resolver resolver(names);
  for (const std::string host : {"127.0.0.1", "192.0.2.7", "::1", "2001:db8::7"}) {
    std::optional<Answer> answer;
    resolver.resolve({.host = host, .port = 443}, [&](Answer got) { answer = std::move(got); });
    CHECK_FALSE(answer);
    CHECK(worker.until([&] { return answer.has_value(); }));
    REQUIRE(answer->has_value());
    REQUIRE((*answer)->size() == 1);
    CHECK((*answer)->front() == SocketAddress{.ip = *IpAddress::parse(host), .port = 443});
  }
}

TEST_CASE("a name of the hosts file is answered, each address once") {
  Worker worker;
  Names names(worker.loop);
  Resolver resolver(names);
  std::optional<Answer> answer;
  resolver.resolve({.host = "localhost", .port = 1}, [&](Answer got) { answer = std::move(got); });
  CHECK(worker.until([&] { return answer.has_value(); }));
  REQUIRE(answer->has_value());
  CHECK((*answer)->size() >= 1);
  CHECK((*answer)->size() <= 2);
}

TEST_CASE("names that cannot be are resolve_failed") {
  Worker worker;
  Names names(worker.loop);
  Resolver resolver(names);
  for (const std::string& host : {std::string("no such name"), std::string(64, 'a') + ".b", std::string("a..b"),
                                  std::string(), std::string(300, 'a'), std::string("\xff\xfe")}) {
    CAPTURE(host);
    std::optional<Answer> answer;
    resolver.resolve({.host = host, .port = 1}, [&](Answer got) { answer = std::move(got); });
    CHECK(worker.until([&] { return answer.has_value(); }));
    REQUIRE_FALSE(answer->has_value());
    CHECK(answer->error().reason == Reason::resolve_failed);
  }
}

TEST_CASE("a new question silences the one before, an answer may ask again") {
  Worker worker;
  Names names(worker.loop);
  Resolver resolver(names);
  int answers = 0;
  resolver.resolve({.host = "127.0.0.1", .port = 1}, [](const Answer&) { FAIL("silenced"); });
  resolver.resolve({.host = "127.0.0.2", .port = 2}, [&](const Answer&) {
    ++answers;
    resolver.resolve({.host = "127.0.0.3", .port = 3}, [&](const Answer&) { ++answers; });
  });
  CHECK(worker.until([&] { return answers == 2; }));
}

TEST_CASE("a resolver that is gone does not call") {
  Worker worker;
  Names names(worker.loop);
  {
    Resolver resolver(names);
    resolver.resolve({.host = "127.0.0.1", .port = 1}, [](const Answer&) { FAIL("called"); });
  }
  Resolver cancelled(names);
  cancelled.resolve({.host = "127.0.0.1", .port = 1}, [](const Answer&) { FAIL("called"); });
  cancelled.cancel();
  cancelled.cancel();
  bool other = false;
  Resolver later(names);
  later.resolve({.host = "127.0.0.1", .port = 1}, [&](const Answer&) { other = true; });
  CHECK(worker.until([&] { return other; }));
}

}  // namespace
}  // namespace fairlead::net
