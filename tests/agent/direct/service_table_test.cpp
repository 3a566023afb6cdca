#include "agent/direct/service_table.h"

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

using Kind = route::Route::Kind;

TimePoint at(Duration since_start) {
  return TimePoint(since_start);
}

ConfirmedService confirmed(const std::string& name, const std::string& source = "0.0.0.0/0") {
  ConfirmedService out;
  out.config.name = name;
  out.config.host = name + ".default.svc";
  out.config.port = 8443;
  out.config.sni = {name + ".example.com"};
  out.config.subsets = {"v1"};
  out.service = name + ".home";
  out.endpoint = "nas1";
  out.sources = {*Cidr::parse(source)};
  return out;
}

const ServiceConfig* served(const ServiceTable& table, std::string_view sni, std::vector<std::string> alpn = {}) {
  const auto route = table.route(sni, alpn);
  if (route.kind != Kind::service) return nullptr;
  const ConfirmedService* found = table.find(*route.candidates().front());
  return found != nullptr ? &found->config : nullptr;
}

TEST_CASE("a name means here what it means at the rendezvous") {
  ServiceTable table;
  table.replace({confirmed("web"), confirmed("db")}, at(0s));
  for (const char* sni : {"web.home", "WEB.home.", "nas1.web.home", "web.default.svc", "web.example.com"}) {
    INFO(sni);
    REQUIRE(served(table, sni) != nullptr);
    CHECK(served(table, sni)->name == "web");
  }
  CHECK(served(table, "outbound_.8443_._.web.default.svc", {"istio"})->name == "web");
  CHECK(served(table, "outbound_.8443_.v1_.db.default.svc", {"istio"})->name == "db");
  CHECK(served(table, "outbound_.8443_.v2_.db.default.svc", {"istio"}) == nullptr);
  CHECK(table.route("outbound_.8443_._.web.default.svc", {"h2"}).reason == Reason::alpn_required);
  CHECK(table.route("nas2.web.home", {}).reason == Reason::unknown_name);
  CHECK(table.route("mail.home", {}).kind == Kind::unknown);
}

TEST_CASE("only what names nobody ends here") {
  ServiceTable table;
  for (const char* sni : {"", "192.0.2.1", "2001:db8::1", "[2001:db8::1]"})
    CHECK(table.route(sni, {}).kind == Kind::own);
  CHECK(table.route("web.home", {}).kind == Kind::unknown);
  CHECK(table.route("nas1", {}).kind == Kind::unknown);
}

TEST_CASE("a withdrawn service is missed for an hour, then unknown") {
  ServiceTable table;
  table.replace({confirmed("web")}, at(0s));
  const auto before = table.route("web.home", {});
  table.replace({}, at(10s));
  CHECK(table.route("web.home", {}).reason == Reason::no_endpoint);
  CHECK(table.find(*before.candidates().front()) == nullptr);  // the route itself is still good to look at
  table.replace({confirmed("web")}, at(20s));
  CHECK(served(table, "web.home") != nullptr);
  table.replace({}, at(30s));
  table.replace({}, at(30s + 2h));
  CHECK(table.route("web.home", {}).reason == Reason::unknown_name);
}

TEST_CASE("an update replaces what changed and nothing else") {
  ServiceTable table;
  table.replace({confirmed("web"), confirmed("db")}, at(0s));
  const auto web = table.route("web.home", {}).candidates().front();
  const auto db = table.route("db.home", {}).candidates().front();
  table.replace({confirmed("db", "10.0.0.0/8"), confirmed("web")}, at(1s));
  CHECK(table.route("web.home", {}).candidates().front() == web);
  const auto changed = table.route("db.home", {}).candidates().front();
  CHECK(changed != db);
  CHECK(changed->allows(*IpAddress::parse("10.1.2.3")));
  CHECK_FALSE(changed->allows(*IpAddress::parse("192.0.2.1")));
}

TEST_CASE("two confirmations of one service let in whom both do") {
  ServiceTable table;
  const auto allows = [&](const char* ip) {
    return table.route("web.home", {}).candidates().front()->allows(*IpAddress::parse(ip));
  };
  table.replace({confirmed("web", "10.0.0.0/8"), confirmed("web", "10.1.0.0/16")}, at(0s));
  REQUIRE(table.route("web.home", {}).candidates().size() == 1);
  CHECK(allows("10.1.2.3"));
  CHECK_FALSE(allows("10.2.0.1"));
  table.replace({confirmed("web", "192.0.2.0/24"), confirmed("web", "0.0.0.0/0")}, at(1s));
  CHECK(allows("192.0.2.9"));
  CHECK_FALSE(allows("198.51.100.1"));
  table.replace({confirmed("web", "10.0.0.0/8"), confirmed("web", "192.0.2.0/24")}, at(2s));
  CHECK_FALSE(allows("10.1.2.3"));
  CHECK_FALSE(allows("192.0.2.9"));
  table.replace({confirmed("web", "10.0.0.0/8")}, at(3s));
  CHECK(allows("10.2.0.1"));
}

}  // namespace
}  // namespace fairlead::agent
