#include "agent/session/proofs.h"

#include "tests/agent/session/link_rig.h"
#include "tests/agent/session/scripted_session.h"

namespace fairlead::agent {
namespace {

TEST_CASE("a nonce for which there is no address waits, and a newer one of its candidate takes its place") {
  LinkRig rig;
  ScriptedSession scripted;
  CandidateOffers offers;
  const IpAddress v6 = *IpAddress::parse("2a02:1::1");
  offers.update({{.number = 1, .external = {v6, 4000}, .method = "host", .local = v6},
                 {.number = 2, .external = {v6, 4001}, .method = "host", .local = v6}},
                scripted.session);
  const ServerAddresses servers;  // none of that family
  Proofs proofs(rig.tools, offers, servers);
  for (std::uint8_t i = 0; i < 10; ++i) {
    proofs.prove({.candidate = 1, .nonce = {i}}, rig.client_context, {});
  }
  CHECK(proofs.waiting() == 1);
  proofs.prove({.candidate = 2, .nonce = {1}}, rig.client_context, {});
  CHECK(proofs.waiting() == 2);
  proofs.prove({.candidate = 3, .nonce = {1}}, rig.client_context, {});  // never offered
  proofs.on_servers_changed();
  CHECK(proofs.waiting() == 2);
  CHECK(proofs.under_way() == 0);
}

}  // namespace
}  // namespace fairlead::agent
