// Relays that move bytes: exactness, back-pressure, fairness, many at once.
#include "common/net/relay.h"

#include <sys/resource.h>

#include <algorithm>
#include <list>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

constexpr std::uint64_t kMiB = 1024 * 1024;
constexpr int kSmallBuffer = 16 * 1024;

// Both directions at once, each to its end of stream.
void move_both_ways(Worker& worker, RelayRig& rig, std::uint64_t total) {
  const Pattern upward(1);
  const Pattern downward(2, server_hello());
  Peer client(std::move(rig.client), &upward, total, &downward);
  Peer service(std::move(rig.service), &downward, total, &upward);
  client.then_shut_down = service.then_shut_down = true;
  CHECK(worker.until(
      [&] {
        client.pump();
        service.pump();
        return client.ended && service.ended && rig.outcome;
      },
      120s));
  CHECK(client.intact);
  CHECK(service.intact);
  CHECK(client.received == total);
  CHECK(service.received == total);
  REQUIRE(rig.outcome);
  CHECK(rig.outcome->reason == Reason::completed);
  CHECK(rig.outcome->client_bytes == total);
  CHECK(rig.outcome->service_bytes == total);
  CHECK(worker.pipes.out() == 0);
}

TEST_CASE("64 MiB each way between TCP sockets, byte for byte") {
  Worker worker;
  RelayRig rig(worker, {});
  move_both_ways(worker, rig, 64 * kMiB);
}

TEST_CASE("unix sockets on either side, byte for byte") {
  for (const Transport client : {Transport::tcp, Transport::local}) {
    for (const Transport service : {Transport::tcp, Transport::local}) {
      Worker worker;
      RelayRig rig(worker, {.client = client, .service = service});
      move_both_ways(worker, rig, 8 * kMiB);
    }
  }
}

TEST_CASE("tiny buffers and tiny turns, byte for byte") {
  Worker worker;
  RelayRig rig(worker, {.client = Transport::local,
                        .service = Transport::local,
                        .limits = {.turn_budget = 1000},
                        .client_buffers = 4096,
                        .service_buffers = 6000});
  move_both_ways(worker, rig, kMiB);
}

TEST_CASE("relays that write only where there is room, byte for byte") {
  const RelayLimits limits{.turn_budget = 4096, .sending = Sending::bounded};
  for (const Transport client : {Transport::tcp, Transport::local}) {
    for (const Transport service : {Transport::tcp, Transport::local}) {
      Worker worker;
      RelayRig rig(worker, {.client = client,
                            .service = service,
                            .limits = limits,
                            .client_buffers = kSmallBuffer,
                            .service_buffers = kSmallBuffer});
      move_both_ways(worker, rig, 4 * kMiB);
    }
  }
}

TEST_CASE("without a descriptor left for pipes bytes are copied, byte for byte") {
  Worker worker;
  RelayRig rig(worker, {.client_buffers = kSmallBuffer});
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit none = before;
  none.rlim_cur = 3;
  REQUIRE(setrlimit(RLIMIT_NOFILE, &none) == 0);
  move_both_ways(worker, rig, 8 * kMiB);
  CHECK(worker.pipes.idle() == 0);
  REQUIRE(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("a reader that stops holds the writer back; memory stays bounded") {
  for (const Transport transport : {Transport::tcp, Transport::local}) {
    Worker worker;
    RelayRig rig(worker,
                 {.client = transport, .service = transport, .client_buffers = 65536, .service_buffers = 65536});
    const Pattern upward(1);
    const Pattern downward(2, server_hello());
    Peer client(std::move(rig.client), &upward, 0, &downward);
    Peer service(std::move(rig.service), &downward, 64 * kMiB, &upward);
    service.then_shut_down = true;
    std::uint64_t most_under_way = 0;
    int turn = 0;
    CHECK(worker.until(
        [&] {
          service.pump();
          // Mostly asleep, and then a few bytes; after the first 8 MiB, awake.
          const bool awake = client.received > 8 * kMiB;
          if (awake || ++turn % 50 == 0) client.pump(awake ? kMiB : 300'000);
          most_under_way = std::max(most_under_way, service.sent - client.received);
          return client.ended;
        },
        120s));
    CHECK(client.intact);
    CHECK(client.received == 64 * kMiB);
    CHECK(most_under_way > 256 * 1024);  // it did wait
    CHECK(most_under_way < 4 * kMiB);    // four socket buffers and one pipe
    CHECK(worker.pipes.out() == 0);
  }
}

TEST_CASE("no pipe is held by an idle relay, one by a stuck one") {
  Worker worker;
  RelayRig rig(worker, {.client = Transport::local, .client_buffers = kSmallBuffer});
  const Pattern downward(2, server_hello());
  const Pattern upward(1);
  Peer client(std::move(rig.client), &upward, 0, &downward);
  Peer service(std::move(rig.service), &downward, 0, &upward);
  worker.settle();
  CHECK(worker.pipes.out() == 0);
  service.to_send = 4 * kMiB;
  CHECK(worker.until([&] {
    service.pump();
    return worker.pipes.out() == 1;
  }));
  CHECK(worker.until([&] {
    service.pump();
    client.pump();
    return client.received == 4 * kMiB;
  }));
  worker.settle();
  CHECK(worker.pipes.out() == 0);
  CHECK(worker.pipes.idle() >= 1);
}

TEST_CASE("bytes that were stuck in one relay's pipe never show up in another") {
  Worker worker;
  const Pattern downward(2, server_hello());
  const Pattern upward(1);
  RelayRig first(worker, {.client = Transport::local, .client_buffers = kSmallBuffer});
  Peer service(std::move(first.service), &downward, 4 * kMiB, &upward);
  CHECK(worker.until([&] {
    service.pump();
    return worker.pipes.out() == 1;
  }));
  first.relay->close(Reason::shutting_down);
  CHECK(first.outcome->reason == Reason::shutting_down);
  CHECK(worker.pipes.out() == 0);
  RelayRig second(worker, {});
  move_both_ways(worker, second, kMiB);
}

TEST_CASE("a bulk relay does not starve the others") {
  Worker worker;
  const Pattern pattern(1);
  RelayRig bulk(worker, {.client = Transport::local, .service = Transport::local, .limits = {.turn_budget = 2048}});
  RelayRig small(worker, {.client = Transport::local, .service = Transport::local});
  worker.settle();
  Peer bulk_client(std::move(bulk.client), &pattern, kMiB, &pattern);
  Peer bulk_service(std::move(bulk.service), &pattern, 0, &pattern);
  bulk_client.pump();  // as much as fits: many turns' worth
  REQUIRE(bulk_client.sent > 50 * 2048);
  Peer(std::move(small.client), &pattern, 0, &pattern).send_all(as_bytes("now"));
  Bytes got;
  int turns = 0;
  for (; turns < 100 && got.empty(); ++turns) {
    worker.loop.turn(Loop::Turn::glance);
    got = read_now(small.service.get());
  }
  CHECK(as_text(got) == "now");
  CHECK(turns <= 3);
  CHECK(bulk.relay->client_bytes() < bulk_client.sent / 2);
  CHECK(worker.until([&] {
    bulk_service.pump();
    return bulk_service.received == bulk_client.sent;
  }));
  CHECK(bulk_service.intact);
}

TEST_CASE("1000 relays at once, a few pipes") {
  raise_open_files();
  Worker worker;
  const Pattern upward(1);
  const Pattern downward(2, server_hello());
  constexpr std::uint64_t kEach = 20'000;
  std::list<RelayRig> rigs;
  std::vector<Peer> clients;
  std::vector<Peer> services;
  for (int i = 0; i < 1000; ++i) {
    RelayRig& rig = rigs.emplace_back(worker, RelayRig::Setup{});
    clients.emplace_back(std::move(rig.client), &upward, kEach, &downward);
    services.emplace_back(std::move(rig.service), &downward, kEach, &upward);
  }
  const auto all_received = [&](std::vector<Peer>& peers) {
    return std::all_of(peers.begin(), peers.end(), [](const Peer& peer) { return peer.received == kEach; });
  };
  CHECK(worker.until(
      [&] {
        for (auto* peers : {&clients, &services}) {
          for (Peer& peer : *peers) peer.pump();
        }
        return all_received(clients) && all_received(services);
      },
      60s));
  CHECK(worker.pipes.out() == 0);
  CHECK(worker.pipes.idle() <= 4);
  for (std::size_t i = 0; i < clients.size(); ++i) {
    REQUIRE(clients[i].intact);
    REQUIRE(services[i].intact);
    clients[i].fd.reset();
    services[i].fd.reset();
  }
  CHECK(worker.until([&] {
    return std::all_of(rigs.begin(), rigs.end(), [](const RelayRig& rig) { return rig.outcome.has_value(); });
  }));
  for (const RelayRig& rig : rigs) {
    REQUIRE(rig.outcome->reason == Reason::completed);
    REQUIRE(rig.outcome->client_bytes == kEach);
    REQUIRE(rig.outcome->service_bytes == kEach);
  }
}

TEST_CASE("first bytes of the client go ahead of what follows") {
  Worker worker;
  RelayRig rig(worker, {.to_service = {1, 2, 3}});
  REQUIRE(::send(rig.client.get(), "\4\5", 2, 0) == 2);
  Bytes got;
  CHECK(worker.until([&] {
    const Bytes more = read_now(rig.service.get());
    got.insert(got.end(), more.begin(), more.end());
    return got.size() >= 5;
  }));
  CHECK(got == Bytes{1, 2, 3, 4, 5});
  CHECK(rig.relay->client_bytes() == 5);
}

TEST_CASE("first bytes longer than the socket takes wait for room") {
  Worker worker;
  const Pattern pattern(7);
  Bytes first;
  while (first.size() < 600'000) {
    const ByteView more = pattern.at(first.size(), 600'000 - first.size());
    first.insert(first.end(), more.begin(), more.end());
  }
  RelayRig rig(worker, {.service = Transport::local, .to_service = first});
  worker.settle();
  CHECK(rig.relay->client_bytes() < 600'000);
  Peer client(std::move(rig.client), &pattern, 0, &pattern);
  client.send_all(pattern.at(600'000, 1000));
  Peer service(std::move(rig.service), &pattern, 0, &pattern);
  CHECK(worker.until([&] {
    service.pump();
    return service.received == 601'000;
  }));
  CHECK(service.intact);
}

}  // namespace
}  // namespace fairlead::net
