#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/nat/gateways.h"
#include "agent/nat/upnp_exchange.h"
#include "tests/agent/nat/gateway_rig.h"

namespace fairlead::agent::nat {
namespace {

using namespace fairlead::agent::nat::test;

// A shell script in place of the helper, which keeps what it was asked.
class ScriptedHelper {
 public:
  explicit ScriptedHelper(const std::string& body) : dir_(make_directory()) { set(body); }
  ~ScriptedHelper() { std::filesystem::remove_all(dir_); }

  void set(const std::string& body) {
    const std::string fresh = path() + ".new";
    std::ofstream(fresh) << "#!/bin/sh\nIFS=\nwhile read -r line; do echo \"$line\"; done > " << dir_ << "/asked\n"
                         << "test \"$1\" = upnp-helper || exit 9\n"
                         << body;
    ::chmod(fresh.c_str(), 0700);
    std::filesystem::rename(fresh, path());
  }
  std::string path() const { return dir_ + "/helper"; }
  std::optional<UpnpRequest> asked() const {
    std::ifstream in(dir_ + "/asked");
    return parse_upnp_request(std::string(std::istreambuf_iterator<char>(in), {}));
  }

 private:
  static std::string make_directory() {
    std::string name = (std::filesystem::temp_directory_path() / "upnp_client_XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    return name;
  }
  std::string dir_;
};

std::string says(const UpnpAnswer& answer) {
  return "cat <<'EOF'\n" + write_upnp_answer(answer) + "EOF\n";
}

UpnpAnswer good_answer() {
  UpnpAnswer out{.location = "http://192.168.1.1:5555/x", .external_port = 40001, .lifetime = 3600s};
  out.facts = {.version = "IGD 2", .model = "Fake", .external = *IpAddress::parse("25.1.0.2")};
  return out;
}

UpnpAnswer error_answer(GatewayFailure failure) {
  UpnpAnswer out;
  out.error = GatewayError{failure, "because"};
  return out;
}

struct Rig {
  explicit Rig(const std::string& body, const Uplink& uplink = loopback_uplink())
      : helper("PATH=/usr/bin:/bin\n" + body), client(make_upnp_client(worker.poller, uplink, helper.path())) {}
  net::test::Worker worker;
  ScriptedHelper helper;
  std::unique_ptr<GatewayClient> client;
  Outcome<GatewayFacts> facts;
  Outcome<MapGrant> grant;
};

TEST_CASE("a look is one run of the helper") {
  Rig rig(says(good_answer()));
  rig.client->look(20s, rig.facts.callback());
  CHECK_FALSE(rig.facts.done());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  REQUIRE(rig.facts.got->has_value());
  CHECK((*rig.facts.got)->model == "Fake");
  CHECK((*rig.facts.got)->external == IpAddress::parse("25.1.0.2"));
  REQUIRE(rig.helper.asked());
  CHECK(rig.helper.asked()->action == UpnpAction::look);
  CHECK(rig.helper.asked()->uplink.gateway == gateway_address());
  CHECK(rig.helper.asked()->location.empty());

  rig.client->map(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
  REQUIRE(rig.grant.got->has_value());
  CHECK((*rig.grant.got)->external == *SocketAddress::parse("25.1.0.2:40001"));
  CHECK((*rig.grant.got)->lifetime == 3600s);
  CHECK_FALSE((*rig.grant.got)->epoch);
  const auto asked = rig.helper.asked();
  REQUIRE(asked);
  CHECK(asked->action == UpnpAction::map);
  CHECK(asked->location == "http://192.168.1.1:5555/x");  // remembered
  CHECK(asked->external_port == 40001);
  CHECK(asked->lifetime == 7200s);
  CHECK(asked->description == "fairlead nas1.home");
}

TEST_CASE("the UniqueID of a pinhole is kept for renewal and deletion") {
  Uplink uplink = loopback_uplink();
  uplink.local = *IpAddress::parse("2a01:db80:1::10");
  uplink.gateway = *IpAddress::parse("fe80::1");
  UpnpAnswer answer = good_answer();
  answer.pinhole = 21;
  Rig rig(says(answer), uplink);
  rig.client->map(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
  CHECK_FALSE(rig.helper.asked()->pinhole);
  for (const std::optional<std::uint16_t> expected :
       {std::optional<std::uint16_t>(21), std::optional<std::uint16_t>()}) {
    Outcome<MapGrant> gone;
    rig.client->unmap(sample_request(), gone.callback());
    REQUIRE(rig.worker.until([&] { return gone.done(); }));
    CHECK(gone.failure() == "none");
    CHECK(rig.helper.asked()->pinhole == expected);
  }
}

TEST_CASE("a helper that hangs is killed with the patience") {
  Rig rig("exec sleep 1000\n");
  rig.client->look(200ms, rig.facts.callback());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  CHECK(rig.facts.failure() == "absent");
}

TEST_CASE("absent becomes late once a device has answered") {
  Rig rig("PATH=/usr/bin:/bin\n" + says(error_answer(GatewayFailure::absent)));
  rig.client->look(20s, rig.facts.callback());
  REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
  CHECK(rig.facts.failure() == "absent");
  rig.helper.set("PATH=/usr/bin:/bin\n" + says(error_answer(GatewayFailure::conflict)));
  rig.client->map(sample_request(), rig.grant.callback());
  REQUIRE(rig.worker.until([&] { return rig.grant.done(); }));
  CHECK(rig.grant.failure() == "conflict");
  CHECK(rig.grant.got->error().detail == "because");
  rig.helper.set("PATH=/usr/bin:/bin\n" + says(error_answer(GatewayFailure::absent)));
  Outcome<MapGrant> again;
  rig.client->map(sample_request(), again.callback());
  REQUIRE(rig.worker.until([&] { return again.done(); }));
  CHECK(again.failure() == "late");
}

TEST_CASE("a helper that dies, talks nonsense or too much has met something strange") {
  for (const std::string& body :
       {std::string("kill -9 $$\n"), std::string("exit 1\n"), std::string("echo hello\n"),
        std::string("head -c 100000 /dev/zero\n"), std::string("printf 'result ok\\nlifetime 3600\\n'\n")}) {
    CAPTURE(body);
    Rig rig(body);
    rig.client->look(20s, rig.facts.callback());
    REQUIRE(rig.worker.until([&] { return rig.facts.done(); }));
    CHECK(rig.facts.failure() == "broken");
  }
}

TEST_CASE("a helper that cannot be started is told, and not from within the call") {
  net::test::Worker worker;
  const auto client = make_upnp_client(worker.poller, loopback_uplink(), "/nowhere/at/all");
  Outcome<GatewayFacts> facts;
  client->look(20s, facts.callback());
  CHECK_FALSE(facts.done());
  REQUIRE(worker.until([&] { return facts.done(); }));
  CHECK(facts.failure() == "absent");
  CHECK(facts.got->error().detail.find("/nowhere/at/all") != std::string::npos);
}

TEST_CASE("cancel() and destruction leave no process and call nobody") {
  for (const bool destroy : {false, true}) {
    CAPTURE(destroy);
    Rig rig("exec sleep 1000\n");
    rig.client->look(1h, rig.facts.callback());
    REQUIRE(rig.worker.until([&] { return rig.helper.asked().has_value(); }));
    if (destroy) {
      rig.client.reset();
    } else {
      rig.client->cancel();
    }
    rig.worker.settle();
    CHECK(rig.facts.calls == 0);
    CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // no child is left, not even a dead one
  }
}

}  // namespace
}  // namespace fairlead::agent::nat
