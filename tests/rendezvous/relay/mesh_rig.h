#pragma once
// A mesh connection's world without network: a host that keeps outcomes, a service whose endpoints toy carriers bring
// to, and channels that are socketpairs whose far ends the test plays.
#include <map>
#include <optional>
#include <string>

#include "rendezvous/relay/mesh_connection.h"
#include "tests/common/net/rig.h"
#include "tests/rendezvous/relay/toy_carrier.h"

namespace fairlead::rendezvous::test {

// A target for descriptors that nobody watches yet.
struct Idle final : net::PollTarget {
  void on_ready(net::Readiness /*ready*/) override {}
};

class MeshRig final : public MeshHost {
 public:
  struct Moved {
    MeshClient client;
    Attempt attempt;
    WorkerItem channel;
  };

  explicit MeshRig(unsigned index = 0);

  // An endpoint of web.home with a carrier of its own.
  ToyCarrier& add(const std::string& name, std::size_t places = 1000);
  void withdraw_all(route::Departure how);
  void publish() { snapshot_ = names_.publish(); }
  const Endpoint& endpoint(const std::string& name) const { return *endpoints_.at(name); }
  // A ready channel of the worker with that number; what is written to the returned end comes from the far side.
  int add_channel(ToyCarrier& carrier, std::uint64_t number);
  std::string sent_on(std::uint64_t number);  // what the far side of the channel has got
  void answer(std::uint64_t number, std::string_view text);
  void cut(std::uint64_t number) { far_.erase(number); }

  MeshConnection& connect(std::string_view name = "web.home");
  MeshConnection& adopt(Moved moved);
  MeshClient client(std::string_view name);
  void leave() { client_far_.reset(); }
  void end_stream() { net::shut_down_writing(client_far_.get()); }
  void settle() { loop.settle(); }
  std::string outcome() const;  // "accepted NAME", "moved", a reason code, or ""
  bool until_over() {
    return loop.until([this] { return !outcome().empty(); });
  }

  // MeshHost
  net::Poller& poller() override { return loop.poller; }
  Rng& rng() override { return rng_; }
  const Snapshot& routes() override { return *snapshot_; }
  unsigned index() const override { return index_; }
  std::optional<ClaimedChannel> take_channel(std::uint64_t number) override;
  tl::expected<ServiceRoom::Token, Reason> take_service_place(const std::string& service,
                                                              const IpAddress& source) override {
    return service_places.take(service, source);
  }
  void on_mesh_accepted(MeshConnection& connection, Accepted result) override;
  void on_mesh_moves(MeshConnection& connection, MeshClient client, Attempt attempt, WorkerItem channel) override;
  void on_mesh_turned_away(MeshConnection& connection, net::PolledFd client, MeshClient who, Reason reason) override;

  net::test::Worker loop;
  ServiceRoom service_places{100, 100};
  AttemptPlan::Times times{.channel_wait = 5s, .answer_timeout = 2s, .agents_back = {}};
  AttemptPlan::Repeat repeat = AttemptPlan::Repeat::anywhere;
  std::optional<Accepted> accepted;
  std::optional<Moved> moved;
  std::optional<Reason> turned_away;

 private:
  unsigned index_;
  SeededRng rng_{5};
  route::NameIndex names_;
  std::shared_ptr<const Snapshot> snapshot_;
  std::map<std::string, EndpointPtr> endpoints_;
  Idle idle_;
  std::map<std::uint64_t, net::PolledFd> ready_;
  std::map<std::uint64_t, net::Fd> far_;
  net::Fd client_far_;
  std::unique_ptr<MeshConnection> connection_;
};

}  // namespace fairlead::rendezvous::test
