#include "tests/rendezvous/relay/mesh_rig.h"

namespace fairlead::rendezvous::test {

MeshRig::MeshRig(unsigned index) : index_(index), names_(OwnNames({"rv.example.com"}, {})) {
  publish();
}

ToyCarrier& MeshRig::add(const std::string& name, std::size_t places) {
  auto carrier = std::make_shared<ToyCarrier>(places);
  ToyCarrier& out = *carrier;
  Endpoint endpoint;
  endpoint.service = "web.home";
  endpoint.name = name;
  endpoint.sources = {*Cidr::parse("192.0.2.0/24")};
  endpoint.carrier = std::move(carrier);
  endpoint.load = std::make_shared<EndpointLoad>();
  const auto shared = std::make_shared<const Endpoint>(std::move(endpoint));
  endpoints_[name] = shared;
  names_.add(shared);
  publish();
  return out;
}

void MeshRig::withdraw_all(route::Departure how) {
  for (const auto& [name, endpoint] : endpoints_) names_.remove(endpoint, loop.loop.now(), how);
  endpoints_.clear();
  publish();
}

int MeshRig::add_channel(ToyCarrier& carrier, std::uint64_t number) {
  auto pair = net::test::unix_pair();
  ready_.emplace(number, net::PolledFd(loop.poller, std::move(pair.near), idle_));
  far_[number] = std::move(pair.far);
  carrier.ready.push_back({index_, number});
  return far_[number].get();
}

std::string MeshRig::sent_on(std::uint64_t number) {
  const Bytes got = net::test::read_now(far_.at(number).get());
  return {got.begin(), got.end()};
}

void MeshRig::answer(std::uint64_t number, std::string_view text) {
  const ByteView bytes(reinterpret_cast<const std::uint8_t*>(text.data()), text.size());
  REQUIRE(net::write_some(far_.at(number).get(), bytes).value() == text.size());
}

MeshClient MeshRig::client(std::string_view name) {
  auto pair = net::test::unix_pair();
  client_far_ = std::move(pair.far);
  constexpr std::string_view kHello = "HELLO";
  MeshClient out{.fd = std::move(pair.near),
                 .bytes = Bytes(kHello.begin(), kHello.end()),
                 .hello = {.server_name = std::string(name)},
                 .fixed_service = "",
                 .caller = {},
                 .plan = AttemptPlan(times, loop.loop.now(), repeat)};
  out.caller.peer = *SocketAddress::parse("192.0.2.7:40000");
  out.caller.accepted = loop.loop.now();
  return out;
}

MeshConnection& MeshRig::connect(std::string_view name) {
  connection_ = std::make_unique<MeshConnection>(*this, client(name));
  connection_->number = 77;
  connection_->start();
  return *connection_;
}

MeshConnection& MeshRig::adopt(Moved from) {
  connection_ = std::make_unique<MeshConnection>(*this, std::move(from.client));
  connection_->number = 78;
  connection_->start_with(std::move(from.attempt), from.channel.number);
  return *connection_;
}

std::string MeshRig::outcome() const {
  if (accepted) return "accepted " + accepted->attempt.endpoint->name;
  if (moved) return "moved";
  return turned_away ? std::string(reason_code(*turned_away)) : "";
}

std::optional<ClaimedChannel> MeshRig::take_channel(std::uint64_t number) {
  const auto found = ready_.find(number);
  if (found == ready_.end()) return std::nullopt;
  ClaimedChannel out{std::move(found->second), number};
  ready_.erase(found);
  return out;
}

void MeshRig::on_mesh_accepted(MeshConnection& /*connection*/, Accepted result) {
  REQUIRE(outcome().empty());
  accepted.emplace(std::move(result));
}

void MeshRig::on_mesh_moves(MeshConnection& /*connection*/, MeshClient client, Attempt attempt, WorkerItem channel) {
  REQUIRE(outcome().empty());
  moved.emplace(Moved{std::move(client), std::move(attempt), channel});
}

void MeshRig::on_mesh_turned_away(MeshConnection& /*connection*/, net::PolledFd /*client*/, MeshClient /*who*/,
                                  Reason reason) {
  REQUIRE(outcome().empty());
  turned_away = reason;
}

}  // namespace fairlead::rendezvous::test
