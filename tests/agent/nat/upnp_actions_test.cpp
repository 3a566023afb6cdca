#include "agent/nat/upnp_actions.h"

#include <map>

#include "tests/support/doctest.h"

namespace fairlead::agent::nat {
namespace {

// A device with a table of entries, in memory; its failures are set by the tests.
class FakeIgd final : public Igd {
 public:
  const IgdDescription& description() const override { return facts; }
  bool maps_ports() const override { return maps; }
  bool chooses_ports() const override { return version_2; }
  bool has_pinholes() const override { return pinholes_known; }
  WanState wan_state() const override { return wan; }

  UpnpCode external_address(IpAddress& out) override {
    if (external_code == kUpnpOk) out = external;
    return external_code;
  }
  UpnpCode find_entry(std::uint16_t port, PortEntry& out) override {
    if (find_code != kUpnpOk) return find_code;
    const auto at = entries.find(port);
    if (at == entries.end()) return kNoSuchEntry;
    out = at->second;
    return kUpnpOk;
  }
  UpnpCode add_entry(std::uint16_t port, const PortEntry& entry) override {
    ++adds;
    if (add_code != kUpnpOk) return add_code;
    const auto at = static_cast<std::uint16_t>(port + add_shift);
    entries[at] = entry;
    if (granted_lease) entries[at].lease = *granted_lease;
    if (!keeps_descriptions) entries[at].description.clear();
    return add_says;
  }
  UpnpCode entry_at(unsigned index, std::uint16_t& external_port, PortEntry& out) override {
    if (!lists) return 401;
    if (index >= entries.size()) return 713;  // SpecifiedArrayIndexInvalid
    const auto at = std::next(entries.begin(), index);
    external_port = at->first;
    out = at->second;
    return kUpnpOk;
  }
  UpnpCode add_any_entry(std::uint16_t port, const PortEntry& entry, std::uint16_t& chosen) override {
    ++any_adds;
    if (any_code != kUpnpOk) return any_code;
    chosen = static_cast<std::uint16_t>(port + any_shift);
    if (any_stores) entries[chosen] = entry;
    return kUpnpOk;
  }
  UpnpCode delete_entry(std::uint16_t port) override {
    ++deletes;
    if (delete_code == kUpnpOk) entries.erase(port);
    return delete_code;
  }
  UpnpCode pinholes_allowed(bool& allowed) override {
    allowed = inbound_allowed;
    return kUpnpOk;
  }
  UpnpCode add_pinhole(const PortEntry& entry, std::uint16_t& id) override {
    if (add_code != kUpnpOk) return add_code;
    id = 21;
    pinholes[id] = entry;
    return kUpnpOk;
  }
  UpnpCode update_pinhole(std::uint16_t id, std::chrono::seconds lease) override {
    if (!pinholes.contains(id)) return kNoSuchPinhole;
    pinholes[id].lease = lease;
    return kUpnpOk;
  }
  UpnpCode delete_pinhole(std::uint16_t id) override { return pinholes.erase(id) == 1 ? kUpnpOk : kNoSuchPinhole; }

  IgdDescription facts{.version = "IGD 2", .model = "Fake"};
  bool any_stores = true;
  bool maps = true, version_2 = false, pinholes_known = true, inbound_allowed = true;
  WanState wan = WanState::connected;
  IpAddress external = *IpAddress::parse("25.1.0.2");
  UpnpCode external_code = 0, find_code = 0, add_code = 0, any_code = 0, delete_code = 0;
  std::uint16_t any_shift = 0, add_shift = 0;
  UpnpCode add_says = kUpnpOk;  // although it did what it was asked
  bool keeps_descriptions = true, lists = true;
  std::optional<std::chrono::seconds> granted_lease;
  std::map<std::uint16_t, PortEntry> entries;
  std::map<std::uint16_t, PortEntry> pinholes;
  int adds = 0, any_adds = 0, deletes = 0;
};

UpnpRequest request(UpnpAction action, const char* local = "192.168.1.10", const char* gateway = "192.168.1.1") {
  return {.action = action,
          .uplink = {.interface = "eth0",
                     .index = 2,
                     .local = *IpAddress::parse(local),
                     .gateway = *IpAddress::parse(gateway)},
          .patience = 1s,
          .internal_port = 4433,
          .external_port = 40001,
          .lifetime = 7200s,
          .description = "fairlead nas1.home"};
}
UpnpRequest request_v6(UpnpAction action) {
  return request(action, "2a01:db80:1::10", "fe80::1");
}
PortEntry our_entry() {
  return {.client = "192.168.1.10", .internal_port = 4433, .description = "fairlead nas1.home", .lease = 100s};
}
std::string failure(const UpnpAnswer& answer) {
  return answer.error ? std::string(failure_name(answer.error->failure)) : "none";
}

TEST_CASE("a look tells version, model and outside address") {
  FakeIgd igd;
  auto answer = run_upnp_action(igd, request(UpnpAction::look));
  CHECK(failure(answer) == "none");
  CHECK(answer.facts.version == "IGD 2");
  CHECK(answer.facts.external == IpAddress::parse("25.1.0.2"));
  igd.external_code = 501;
  CHECK_FALSE(run_upnp_action(igd, request(UpnpAction::look)).facts.external);
  CHECK(failure(run_upnp_action(igd, request_v6(UpnpAction::look))) == "none");
  igd.inbound_allowed = false;
  CHECK(failure(run_upnp_action(igd, request_v6(UpnpAction::look))) == "refused");
}

TEST_CASE("a device without the service is none") {
  FakeIgd igd;
  igd.maps = igd.pinholes_known = false;
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::look))) == "absent");
  CHECK(failure(run_upnp_action(igd, request_v6(UpnpAction::map))) == "absent");
}

TEST_CASE("a free port is mapped, for what the device says it granted") {
  FakeIgd igd;
  auto answer = run_upnp_action(igd, request(UpnpAction::map));
  CHECK(failure(answer) == "none");
  CHECK(answer.external_port == 40001);
  CHECK(answer.lifetime == 7200s);
  CHECK(answer.facts.external == IpAddress::parse("25.1.0.2"));
  CHECK(igd.entries[40001].client == "192.168.1.10");
  igd.entries.clear();
  igd.granted_lease = 600s;
  CHECK(run_upnp_action(igd, request(UpnpAction::map)).lifetime == 600s);
  igd.entries.clear();
  igd.granted_lease = 0s;  // not reported
  CHECK(run_upnp_action(igd, request(UpnpAction::map)).lifetime == 7200s);
}

TEST_CASE("our own entry of an earlier life is renewed") {
  FakeIgd igd;
  igd.version_2 = true;
  igd.entries[40001] = our_entry();
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "none");
  CHECK(igd.entries[40001].lease == 7200s);
  CHECK(igd.any_adds == 0);                 // it would be free to choose another port
  igd.entries[40001].internal_port = 5555;  // the listener has moved since
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "none");
  CHECK(igd.entries[40001].internal_port == 4433);
  igd.entries[40001].description = "fairlead nas";  // cut short by the device
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "none");
}

TEST_CASE("somebody else's entry is neither overwritten nor deleted") {
  const auto with = [](auto change) {
    PortEntry entry = our_entry();
    change(entry);
    return entry;
  };
  for (const PortEntry& entry :
       {with([](PortEntry& e) { e.client = "192.168.1.11"; }), with([](PortEntry& e) { e.client = "nas"; }),
        with([](PortEntry& e) { e.client = ""; }), with([](PortEntry& e) { e.description = "by hand"; }),
        with([](PortEntry& e) { e.description = ""; }), with([](PortEntry& e) { e.description = "fair"; }),
        with([](PortEntry& e) { e.description = "fairlead nas1.home2"; })}) {
    for (const bool version_2 : {false, true}) {
      FakeIgd igd;
      igd.version_2 = version_2;
      igd.entries[40001] = entry;
      CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "foreign_mapping");
      CHECK(failure(run_upnp_action(igd, request(UpnpAction::unmap))) == "foreign_mapping");
      CHECK(igd.entries[40001] == entry);
      CHECK(igd.adds + igd.any_adds + igd.deletes == 0);
    }
  }
}

TEST_CASE("version 2 may choose the port; one that only claims to be is asked the old way") {
  FakeIgd igd;
  igd.version_2 = true;
  igd.any_shift = 5;
  auto answer = run_upnp_action(igd, request(UpnpAction::map));
  CHECK(answer.external_port == 40006);
  CHECK(igd.adds == 0);
  for (const UpnpCode code : {401, 404, 602, -4, 501}) {
    CAPTURE(code);
    FakeIgd liar;
    liar.version_2 = true;
    liar.any_code = code;
    answer = run_upnp_action(liar, request(UpnpAction::map));
    CHECK(failure(answer) == "none");
    CHECK(answer.external_port == 40001);
    CHECK(liar.adds == 1);
  }
}

TEST_CASE("errors of the device are told apart") {
  FakeIgd igd;
  for (const auto& [code, expected] : {std::pair(718, "conflict"), std::pair(725, "only_permanent"),
                                       std::pair(606, "refused"), std::pair(501, "conflict")}) {
    igd.add_code = code;
    CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == expected);
  }
  igd.external = *IpAddress::parse("100.64.0.2");
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "wan_down");
  igd.external_code = 501;
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "wan_down");
}

TEST_CASE("an entry that turns out to be another's was not granted") {
  FakeIgd igd;
  igd.entries[40002] = {.client = "192.168.1.77", .internal_port = 1, .description = "x"};
  igd.version_2 = true;
  igd.any_shift = 1;
  igd.any_stores = false;  // says 40002, which it goes on forwarding to somebody else
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "foreign_mapping");
}

TEST_CASE("what is ours is deleted; what is gone is success; what cannot be seen is left") {
  FakeIgd igd;
  igd.entries[40001] = our_entry();
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::unmap))) == "none");
  CHECK(igd.entries.empty());
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::unmap))) == "none");
  CHECK(igd.deletes == 1);
  igd.entries[40001] = our_entry();
  igd.find_code = 606;
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::unmap))) == "refused");
  CHECK(igd.deletes == 1);
  igd.find_code = kUpnpOk;
  igd.delete_code = kNoSuchEntry;
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::unmap))) == "none");
  igd.delete_code = 606;
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::unmap))) == "refused");
}

TEST_CASE("what was added for our client and port is ours, whatever the device calls it") {
  FakeIgd igd;
  igd.keeps_descriptions = false;
  UpnpRequest ask = request(UpnpAction::map);
  CHECK(failure(run_upnp_action(igd, ask)) == "none");
  ask.remembered = true;
  CHECK(failure(run_upnp_action(igd, ask)) == "none");  // renewed
  CHECK(igd.adds == 2);
  CHECK(igd.entries.size() == 1);
  ask.action = UpnpAction::unmap;
  CHECK(failure(run_upnp_action(igd, ask)) == "none");
  CHECK(igd.entries.empty());
  igd.entries[40001] = {.client = "192.168.1.77", .internal_port = 4433};
  CHECK(failure(run_upnp_action(igd, ask)) == "foreign_mapping");  // memory does not make another's entry ours
}

TEST_CASE("a device that puts the entry at another port is asked where") {
  FakeIgd igd;
  igd.add_shift = 7;
  igd.entries[80] = {.client = "192.168.1.77", .internal_port = 4433};
  auto answer = run_upnp_action(igd, request(UpnpAction::map));
  CHECK(failure(answer) == "none");
  CHECK(answer.external_port == 40008);
  igd.lists = false;  // it does not tell: the outside will
  answer = run_upnp_action(igd, request(UpnpAction::map));
  CHECK(answer.external_port == 40001);
}

TEST_CASE("an answer that is neither yes nor no is judged by what stands there then") {
  FakeIgd igd;
  igd.add_says = -4;
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "none");
  CHECK(igd.entries.size() == 1);
  igd.entries.clear();
  igd.add_code = -4;  // and nothing was done
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "broken");
  igd.add_code = kUpnpNoAnswer;
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "late");
}

TEST_CASE("what we remember is removed also where the device does not tell its entries") {
  FakeIgd igd;
  igd.entries[40001] = our_entry();
  igd.find_code = 401;
  UpnpRequest ask = request(UpnpAction::unmap);
  CHECK(failure(run_upnp_action(igd, ask)) == "unsupported");
  ask.remembered = true;
  CHECK(failure(run_upnp_action(igd, ask)) == "none");
  CHECK(igd.entries.empty());
}

TEST_CASE("a device that does not tell its entries can still be asked to add one") {
  FakeIgd igd;
  igd.find_code = 401;
  CHECK(failure(run_upnp_action(igd, request(UpnpAction::map))) == "none");
  CHECK(igd.entries.contains(40001));
}

TEST_CASE("pinholes are added, renewed, made anew when forgotten, and deleted") {
  FakeIgd igd;
  UpnpRequest ask = request_v6(UpnpAction::map);
  auto answer = run_upnp_action(igd, ask);
  CHECK(failure(answer) == "none");
  CHECK(answer.pinhole == 21);
  CHECK(answer.external_port == 4433);
  CHECK(answer.facts.external == ask.uplink.local);
  ask.pinhole = 21;
  ask.lifetime = 3600s;
  CHECK(run_upnp_action(igd, ask).pinhole == 21);
  CHECK(igd.pinholes[21].lease == 3600s);
  igd.pinholes.clear();
  ask.pinhole = 20;
  CHECK(run_upnp_action(igd, ask).pinhole == 21);
  ask.action = UpnpAction::unmap;
  ask.pinhole = 21;
  CHECK(failure(run_upnp_action(igd, ask)) == "none");
  CHECK(igd.pinholes.empty());
  CHECK(failure(run_upnp_action(igd, ask)) == "none");
  ask.pinhole.reset();
  CHECK(failure(run_upnp_action(igd, ask)) == "none");
  ask.action = UpnpAction::map;
  igd.add_code = 606;
  CHECK(failure(run_upnp_action(igd, ask)) == "refused");
}

}  // namespace
}  // namespace fairlead::agent::nat
