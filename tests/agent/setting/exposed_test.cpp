#include "agent/setting/exposed.h"

#include <doctest/doctest.h>

using namespace fairlead;
using namespace fairlead::agent;

namespace {

// What an agent reads whose only service stands in that text.
Result<ServiceConfig> read_back(const std::string& text) {
  const auto loaded =
      parse_config("[agent]\nrendezvous = ['rv:1']\ninclude = []\n[identity]\ncert = 'c'\nkey = 'k'\nca = 'a'\n" + text,
                   "/etc/agent.toml", config::UnknownKeys::refuse, [](const std::string&) { return std::nullopt; });
  if (!loaded) return tl::unexpected(loaded.error());
  ServiceConfig out = loaded->config.services.at(0);
  out.file.clear();
  return out;
}

}  // namespace

TEST_CASE("exposed services") {
  const auto tcp = parse_exposed("web=127.0.0.1:8443");
  REQUIRE(tcp);
  CHECK(tcp->name == "web");
  CHECK(tcp->target == Target{HostPort{"127.0.0.1", 8443}});
  CHECK(tcp->port == 8443);
  CHECK(parse_exposed("web=tls://[::1]:1")->target == Target{HostPort{"::1", 1}});
  CHECK(parse_exposed("web=unix:/run/a=b")->target == Target{UnixPath{"/run/a=b"}});
  CHECK(parse_exposed("web=unix:/run/a")->port == 0);
  for (const char* bad : {"",
                          "web",
                          "=a:1",
                          "Web=a:1",
                          "a.b=a:1",
                          "web=",
                          "web=a",
                          "web=a:0",
                          "web=8443",
                          "web=unix:",
                          "web=tls://",
                          "web=tls://unix:/x",
                          "web=tcp://unix:/x",
                          "web=tcp+unix:",
                          "web=tcp://a",
                          "web=http://a",
                          "web=http://unix:/x",
                          "web=http://a:1/",
                          "web=ftp://a:1",
                          "web=tls://a",
                          "web=a:1/path"}) {
    CAPTURE(bad);
    const auto refused = parse_exposed(bad);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().detail.starts_with(std::string(bad) + ": "));
  }
  const auto plain = parse_exposed("db=tcp://127.0.0.1:5432");
  REQUIRE(plain);
  CHECK(plain->tls == Tls::terminate);
  CHECK(plain->target == Target{HostPort{"127.0.0.1", 5432}});
  CHECK(parse_exposed("db=tcp+unix:/run/db")->target == Target{UnixPath{"/run/db"}});
  CHECK(parse_exposed("db=tcp+unix:/run/db")->tls == Tls::terminate);
  CHECK(parse_exposed("db=tcp+unix:/run/db")->protocol == Protocol::tcp);
  const auto page = parse_exposed("web=http://127.0.0.1:8080");
  REQUIRE(page);
  CHECK(page->tls == Tls::terminate);
  CHECK(page->protocol == Protocol::http);
  CHECK(page->port == 8080);
  CHECK(parse_exposed("web=http+unix:/run/web")->target == Target{UnixPath{"/run/web"}});
  CHECK(parse_exposed("web=http+unix:/run/web")->protocol == Protocol::http);
  CHECK(parse_exposed("web=https://127.0.0.1:80").error().detail.find("tls://") != std::string::npos);
}

TEST_CASE("an exposed service is read from a file as what it was") {
  for (const char* argument :
       {"web=127.0.0.1:8443", "web=tls://[::1]:1", "web=unix:/run/a=b", "db=tcp://db.internal:5432",
        "db=tcp+unix:/run/db", "web=http://[::1]:8080", "web=http+unix:/run/web", "web=unix:/run/\"a\\ \t${HOME} $${",
        "web=unix:/run/\xc3\xa4"}) {
    CAPTURE(argument);
    auto service = parse_exposed(argument);
    REQUIRE(service);
    CHECK(read_back(service_toml(*service)) == *service);
    if (service->tls != Tls::terminate) continue;
    service->allow = {"mesh", "spiffe://td/agent/*/**"};
    CHECK(read_back(service_toml(*service)) == *service);
  }
}

TEST_CASE("the callers of an exposed service are written, the default too") {
  CHECK(
      service_toml(*parse_exposed("db=tcp://a:1")) ==
      "[[service]]\nname = \"db\"\ntarget = \"a:1\"\ntls = \"terminate\"\nprotocol = \"tcp\"\nallow = [\"cluster\"]\n");
  CHECK(service_toml(*parse_exposed("web=a:1")) == "[[service]]\nname = \"web\"\ntarget = \"a:1\"\n");
}
