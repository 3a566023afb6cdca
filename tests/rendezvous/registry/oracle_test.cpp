// Random histories against a registry that keeps a plain list and answers every question by reading all of it.

#include <algorithm>
#include <map>
#include <optional>
#include <set>

#include "common/base/random.h"
#include "tests/support/doctest.h"
#include "world.h"

namespace fairlead::rendezvous {
namespace {

struct Held {
  std::string cluster, agent, label, host;
  std::uint16_t port = 0;
  std::vector<std::string> subsets;
  std::uint32_t claim = 0;

  std::string service() const { return label + "." + cluster; }
  std::string full() const { return agent + "." + service(); }
};

// Hosts of this test are written so that none reads as a mesh name, except those in kMeshHosts.
class Oracle {
 public:
  bool may_add(const Held& wanted) const {
    for (const Held& other : live_) {
      if (other.full() == wanted.full()) continue;
      const bool same_service = other.service() == wanted.service();
      if (!other.host.empty() && !same_service) {
        if (other.host == wanted.service() || other.host == wanted.full()) return false;
        if (other.host == wanted.host && (!holds_host(wanted) || other.port == wanted.port)) return false;
      }
      if (wanted.host.empty()) continue;
      if (wanted.host == other.service() && !same_service) return false;
      if (wanted.host.ends_with("." + other.service()) && wanted.host != wanted.full()) return false;
    }
    return !wanted.host.ends_with("." + wanted.service()) || wanted.host == wanted.full();
  }
  bool holds_host(const Held& wanted) const {
    return std::ranges::any_of(live_, [&](const Held& held) {
      const bool same_identity = held.cluster == wanted.cluster && held.agent == wanted.agent;
      return held.host == wanted.host && held.full() != wanted.full() &&
             (same_identity || held.service() == wanted.service());
    });
  }
  void add(const Held& held, TimePoint now) {
    remove(held.full(), now);
    live_.push_back(held);
  }
  void remove(const std::string& full, TimePoint now) {
    const auto found = std::ranges::find_if(live_, [&](const Held& held) { return held.full() == full; });
    if (found == live_.end()) return;
    for (const std::string& name : asked_) {
      if (!resolve(name).empty()) last_seen_[name] = now;
    }
    live_.erase(found);
  }
  std::string route(const std::string& name, TimePoint now) {
    const std::string found = resolve(name);
    if (!found.empty()) return found;
    const auto seen = last_seen_.find(name);
    return seen != last_seen_.end() && now < seen->second + kRememberName ? "no_endpoint" : "unknown_name";
  }
  void ask_about(std::vector<std::string> names) { asked_ = std::move(names); }

 private:
  template <class Wanted>
  std::string all(Wanted wanted) const {
    std::set<std::string> names;
    std::string service;
    for (const Held& held : live_) {
      if (!wanted(held)) continue;
      names.insert(held.agent);
      service = held.service();
    }
    std::string out;
    for (const std::string& name : names) out += " " + name;
    return out.empty() ? out : service + ":" + out;
  }
  std::string resolve_istio(const std::string& name) const {
    const auto port_of = [](const Held& held) { return "outbound_." + std::to_string(held.port) + "_."; };
    const auto is = [&](const Held& held, const std::string& subset) {
      return !held.host.empty() && name == port_of(held) + subset + "_." + held.host;
    };
    std::string found = all([&](const Held& held) {
      return is(held, "") || std::ranges::any_of(held.subsets, [&](const auto& subset) { return is(held, subset); });
    });
    return found.empty() ? all([&](const Held& held) { return is(held, held.agent); }) : found;
  }
  std::string resolve(const std::string& name) const {
    if (name.starts_with("outbound_.")) return resolve_istio(name);
    std::optional<std::pair<std::uint16_t, std::string>> lowest;
    for (const Held& held : live_) {
      if (held.host != name || name == held.service() || name == held.full()) continue;
      if (!lowest || held.port < lowest->first) lowest = {held.port, held.service()};
    }
    if (lowest) {
      return all([&](const Held& held) { return held.host == name && held.service() == lowest->second; });
    }
    const std::string endpoint = all([&](const Held& held) { return held.full() == name; });
    return endpoint.empty() ? all([&](const Held& held) { return held.service() == name; }) : endpoint;
  }

  std::vector<Held> live_;
  std::vector<std::string> asked_;
  std::map<std::string, TimePoint> last_seen_;
};

const std::vector<std::string> kClusters = {"home", "office"};
const std::vector<std::string> kAgents = {"a", "b", "c"};
const std::vector<std::string> kLabels = {"web", "api"};
const std::vector<std::string> kHosts = {"", "", "h1", "h2", "web.home", "api.office", "a.web.home", "x.api.home"};
const std::vector<std::vector<std::string>> kSubsets = {{}, {"v1"}, {"v1", "b"}};

class History {
 public:
  explicit History(std::uint64_t seed) : rng_(seed), world_({rule_with_hosts({"*", "*.*", "*.*.*"})}, OwnNames()) {
    for (const auto& cluster : kClusters) {
      for (const auto& label : kLabels) {
        names_.push_back(label + "." + cluster);
        for (const auto& agent : kAgents) names_.push_back(agent + "." + label + "." + cluster);
      }
    }
    for (const std::string host : {"h1", "h2", "web.home", "x.api.home"}) {
      names_.push_back(host);
      for (const std::string subset : {"", "v1", "a", "b"}) {
        for (const std::string port : {"1", "2"}) {
          names_.push_back("outbound_." + port + "_." + subset + "_." + host);
        }
      }
    }
    oracle_.ask_about(names_);
  }

  void step() {
    world_.now += Duration(static_cast<Duration::rep>(rng_.below(600'000'000)));  // up to ten minutes
    const std::string& cluster = one_of(kClusters);
    const std::string& agent = one_of(kAgents);
    switch (rng_.below(10)) {
      case 0:
        return close(cluster, agent);
      case 1:
        return unregister(cluster, agent);
      default:
        return add(cluster, agent);
    }
  }
  void compare() {
    world_.registry.expire(at(world_.now));
    for (const std::string& name : names_) {
      CAPTURE(name);
      REQUIRE(world_.route(name) == oracle_.route(name, at(world_.now)));
    }
  }
  int refusals() const { return refusals_; }

 private:
  template <class T>
  const T& one_of(const std::vector<T>& list) {
    return list[rng_.below(list.size())];
  }
  void close(const std::string& cluster, const std::string& agent) {
    const auto found = sessions_.find(cluster + "/" + agent);
    if (found == sessions_.end()) return;
    REQUIRE(world_.registry.close_session(*found->second, at(world_.now)));
    sessions_.erase(found);
    for (const auto& label : kLabels) oracle_.remove(agent + "." + label + "." + cluster, at(world_.now));
  }
  void unregister(const std::string& cluster, const std::string& agent) {
    const auto found = sessions_.find(cluster + "/" + agent);
    if (found == sessions_.end()) return;
    const auto which = static_cast<std::uint32_t>(rng_.below(2));
    world_.registry.unregister(*found->second, which + 1, at(world_.now));
    oracle_.remove(agent + "." + kLabels[which] + "." + cluster, at(world_.now));
  }
  void add(const std::string& cluster, const std::string& agent) {
    auto& session = sessions_[cluster + "/" + agent];
    if (!session) session = world_.enter(cluster, agent);
    const auto which = static_cast<std::uint32_t>(rng_.below(2));
    const Held held{.cluster = cluster,
                    .agent = agent,
                    .label = kLabels[which],
                    .host = one_of(kHosts),
                    .port = static_cast<std::uint16_t>(1 + rng_.below(2)),
                    .subsets = one_of(kSubsets),
                    .claim = which + 1};
    const bool allowed = oracle_.may_add(held);
    CAPTURE(held.full());
    CAPTURE(held.host);
    CAPTURE(held.port);
    REQUIRE(world_.add(session, {held.claim, held.label, held.host, held.port, {}, held.subsets}) ==
            (allowed ? "ok" : "name_taken"));
    if (allowed) oracle_.add(held, at(world_.now));
    refusals_ += !allowed;
  }

  SeededRng rng_;
  World world_;
  Oracle oracle_;
  std::vector<std::string> names_;
  std::map<std::string, std::shared_ptr<Carrier>> sessions_;
  int refusals_ = 0;
};

TEST_CASE("random histories agree with the plain list") {
  int refusals = 0;
  for (std::uint64_t seed = 1; seed <= 25; ++seed) {
    CAPTURE(seed);
    History history(seed);
    for (int i = 0; i < 120; ++i) {
      history.step();
      history.compare();
    }
    refusals += history.refusals();
  }
  CHECK(refusals > 300);  // the histories do meet the rules
}

}  // namespace
}  // namespace fairlead::rendezvous
