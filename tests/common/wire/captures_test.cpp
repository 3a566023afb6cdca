// What real TLS programs sent (tests/fuzz/make_seeds.py), and what we make of it.
#include <fstream>
#include <iterator>

#include "common/wire/client_hello.h"
#include "common/wire/server_hello.h"
#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using namespace fairlead::test;

Bytes capture(const std::string& name) {
  std::ifstream file(CORPUS "/" + name, std::ios::binary);
  REQUIRE_MESSAGE(file.good(), name);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

ClientHello client_hello(const std::string& name) {
  return check_message<ClientHello>(capture("client_hello/" + name), parse_client_hello);
}

TEST_CASE("ClientHellos of OpenSSL and curl") {
  CHECK(client_hello("openssl_tls13") == ClientHello{"web.home.mesh.example.com", {"h2", "http/1.1"}, false});
  CHECK(client_hello("openssl_tls12") == ClientHello{"web.home.mesh.example.com", {}, false});
  CHECK(client_hello("openssl_istio") ==
        ClientHello{"outbound_.8080_.v1_.echo.default.svc.cluster.local", {"istio-peer-exchange", "istio"}, false});
  CHECK(client_hello("openssl_no_name") == ClientHello{});
  CHECK(client_hello("curl") == ClientHello{"web.home.mesh.example.com", {"h2", "http/1.1"}, false});
}

TEST_CASE("ClientHellos made by hand") {
  CHECK(client_hello("post_quantum_grease") == client_hello("post_quantum_three_records"));
  CHECK(client_hello("post_quantum_grease").server_name == "web.home.mesh.example.com");
  CHECK(client_hello("early_data").early_data);
  CHECK(refused(capture("client_hello/two_names"), parse_client_hello) == Reason::client_hello_malformed);
}

TEST_CASE("what OpenSSL answers") {
  for (const char* good : {"openssl_tls13", "openssl_retry", "openssl_tls12", "warning_then_hello"}) {
    CAPTURE(good);
    const Bytes bytes = capture(std::string("server_hello/") + good);
    CHECK(check_message<ServerFirst>(bytes, parse_server_first) == ServerFirst::server_hello);
  }
  for (const char* weak : {"openssl_tls11", "openssl_null", "openssl_anonymous"}) {
    CAPTURE(weak);
    CHECK(refused(capture(std::string("server_hello/") + weak), parse_server_first) == Reason::service_weak_tls);
  }
  CHECK(check_message<ServerFirst>(capture("server_hello/openssl_alert"), parse_server_first) == ServerFirst::alert);
}

}  // namespace
}  // namespace fairlead::wire
