#include "common/wire/server_name.h"

#include "tests/support/doctest.h"

namespace fairlead::wire {
namespace {

using Readings = std::vector<MeshName>;
const std::vector<std::string> kDomains{"mesh.example.com"};

TEST_CASE("Istio's names") {
  CHECK(parse_istio_name("outbound_.8080_.v1_.echo.default.svc.cluster.local") ==
        IstioName{"echo.default.svc.cluster.local", 8080, "v1"});
  CHECK(parse_istio_name("outbound_.8080_._.echo.default.svc.cluster.local") ==
        IstioName{"echo.default.svc.cluster.local", 8080, ""});
  CHECK(parse_istio_name("OUTBOUND_.1_.V1_.Echo.Home.") == IstioName{"echo.home", 1, "v1"});
  CHECK(parse_istio_name("outbound_.65535_.v1.2_.echo.home") == IstioName{"echo.home", 65535, "v1.2"});
  CHECK(parse_istio_name("outbound_.80_.v1_.my_host.home") == IstioName{"my_host.home", 80, "v1"});
}

TEST_CASE("names that only begin like Istio's") {
  for (const std::string& name : std::vector<std::string>{
           "outbound_..", "outbound_.80", "outbound_.80_.", "outbound_.80_.v1", "outbound_.80_.v1_.",
           "outbound_.80_.v1_.a_.b", "outbound_.80_._.host_..", "outbound_._.v1_.host", "outbound_.0_.v1_.host",
           "outbound_.65536_.v1_.host", "outbound_.080_.v1_.host", "outbound_.+80_.v1_.host", "outbound_.-1_.v1_.host",
           "outbound_.http_.v1_.host", "outbound_.80x_.v1_.host", "outbound_. 80_.v1_.host"}) {
    CAPTURE(name);
    CHECK(is_istio_name(name));
    CHECK_FALSE(parse_istio_name(name).has_value());
    CHECK(parse_mesh_name(name, kDomains).empty());
  }
  for (const std::string& name :
       std::vector<std::string>{"", "outbound", "outbound_", "outbound.80", "inbound_.80_.v1_.host",
                                "xoutbound_.80_.v1_.h", "web.home", "outbound|80|v1|host"}) {
    CAPTURE(name);
    CHECK_FALSE(is_istio_name(name));
    CHECK_FALSE(parse_istio_name(name).has_value());
  }
}

TEST_CASE("Istio's five protocols, and no other") {
  for (const char* alpn : {"istio", "istio-peer-exchange", "istio-http/1.0", "istio-http/1.1", "istio-h2"}) {
    CHECK(offers_istio_alpn({"h2", alpn}));
  }
  CHECK_FALSE(offers_istio_alpn({}));
  CHECK_FALSE(offers_istio_alpn({"h2", "http/1.1", "Istio", "istio-", "istio-h3", "istio-http/1.1 "}));
}

TEST_CASE("mesh names with and without a domain") {
  const Readings web{{"web.home", ""}};
  const Readings nas{{"web.home", "nas1"}};
  CHECK(parse_mesh_name("web.home", kDomains) == web);
  CHECK(parse_mesh_name("WEB.Home.", kDomains) == web);
  CHECK(parse_mesh_name("web.home.mesh.example.com", kDomains) == web);
  CHECK(parse_mesh_name("web.home.Mesh.Example.com.", kDomains) == web);
  CHECK(parse_mesh_name("nas1.web.home", kDomains) == nas);
  CHECK(parse_mesh_name("nas1.web.home.mesh.example.com", kDomains) == nas);
  CHECK(parse_mesh_name("web.home", {}) == web);
  CHECK(parse_mesh_name("web.home.mesh", std::vector<std::string>{"MESH."}).size() == 2);
}

TEST_CASE("not mesh names") {
  const std::string label64(64, 'a');
  for (const std::string& name :
       {std::string(), std::string("."), std::string("home"), std::string("web..home"), std::string(".web.home"),
        std::string("web.home.."), std::string("a.b.c.d"), std::string("x.nas1.web.home.mesh.example.com"),
        std::string("home.mesh.example.com.x"), std::string("web.homemesh.example.com"), std::string("we_b.home"),
        std::string("*.home"), std::string("-web.home"), std::string("web-.home"), std::string("web .home"),
        label64 + ".home", std::string("web.home.mesh.example.org")}) {
    CAPTURE(name);
    CHECK(parse_mesh_name(name, kDomains).empty());
  }
  // Four labels are too many for the bare form, and one is left of the domain.
  CHECK(parse_mesh_name("home.mesh.example.com", kDomains).empty());
  CHECK(parse_mesh_name("mesh.example.com", kDomains) == Readings{{"example.com", "mesh"}});
}

TEST_CASE("a one-label domain leaves two readings, the endpoint's first") {
  const std::vector<std::string> domains{"mesh"};
  CHECK(parse_mesh_name("web.home.mesh", domains) == Readings{{"home.mesh", "web"}, {"web.home", ""}});
  CHECK(parse_mesh_name("home.mesh", domains) == Readings{{"home.mesh", ""}});
  CHECK(parse_mesh_name("nas1.web.home.mesh", domains) == Readings{{"web.home", "nas1"}});
}

TEST_CASE("a domain that ends another, or stands there twice or empty") {
  const std::vector<std::string> domains{"example.com", "", "mesh.example.com", "example.com"};
  CHECK(parse_mesh_name("web.home.mesh.example.com", domains) == Readings{{"home.mesh", "web"}, {"web.home", ""}});
  CHECK(parse_mesh_name("web.home.example.com", domains) == Readings{{"web.home", ""}});
}

}  // namespace
}  // namespace fairlead::wire
