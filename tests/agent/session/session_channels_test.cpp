// The data channels of one session, over loopback: the test is the rendezvous at their other ends, and the service.
#include "agent/session/session_channels.h"

#include <set>

#include "tests/common/net/rig.h"
#include "tests/common/wire/tls_bytes.h"

namespace fairlead::agent {
namespace {

using namespace fairlead::net::test;

const wire::SessionKey kKey{2};
const wire::SessionId kSession{1};

Bytes good_hello() {
  using namespace fairlead::test;
  return handshake_record(hello_with(server_name("web.home")));
}

net::Fd listen_on_loopback() {
  auto bound = net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no);
  REQUIRE(bound);
  return std::move(*bound);
}

// A data channel as the rendezvous has it.
struct Far {
  net::Fd fd;
  std::uint64_t counter = 0;  // of its ticket
};

struct Rig {
  explicit Rig(unsigned pool_max = 8)
      : listener(listen_on_loopback()),
        target(listen_on_loopback()),
        tools{.loop = worker.loop,
              .channel = {worker.poller, worker.pipes, worker.farewells},
              .config = config,
              .counters = counters,
              .rng = rng,
              .room{10},
              .cluster = "home"} {
    const SocketAddress at = *net::local_address(target.get());
    config.pool.max = pool_max;
    config.services = {{.name = "web", .target = HostPort{at.ip.to_string(), at.port}, .port = 443}};
    wire::Welcome welcome;
    welcome.session_id = kSession;
    welcome.key = kKey;
    channels = std::make_unique<SessionChannels>(
        tools, welcome, *net::local_address(listener.get()),
        [this](const wire::ConnectionId& connection, Reason reason) { told.emplace_back(connection, reason); });
  }
  ~Rig() {
    if (channels) channels->close_all(Reason::shutting_down);
    channels.reset();
    worker.settle();
  }

  // Takes in what was dialled until so many channels have shown their tickets.
  void expect_channels(std::size_t count) {
    REQUIRE(worker.until([&] {
      if (auto accepted = net::accept_connection(listener.get()); accepted && *accepted) {
        arriving.push_back(std::move((*accepted)->fd));
      }
      std::erase_if(arriving, [&](net::Fd& fd) {
        const Bytes ticket = read_now(fd.get());
        if (ticket.empty()) return false;
        const auto parsed = wire::parse_ticket(ticket);
        const auto* done = std::get_if<wire::Done<wire::Signed<wire::Ticket>>>(&parsed);
        REQUIRE(done != nullptr);
        far.push_back({std::move(fd), keys.verify_ticket(done->value).value()});
        return true;
      });
      return far.size() == count && channels->ready() + channels->busy() >= count;
    }));
  }
  // A client's connection comes to a channel; the header alone, or the hello as well.
  void bind(Far& channel, std::uint8_t connection, const std::string& service, bool with_hello) {
    wire::ChannelHeader header;
    header.counter = channel.counter;
    header.connection = {connection};
    header.service = service;
    Bytes bytes = keys.make_header(header, good_hello()).bytes;
    const Bytes hello = good_hello();
    if (with_hello) bytes.insert(bytes.end(), hello.begin(), hello.end());
    REQUIRE(net::write_some(channel.fd.get(), bytes).value() == bytes.size());
  }
  // Relays: what the service's side of it is.
  net::Fd relay(Far& channel, std::uint8_t connection) {
    bind(channel, connection, "web.home", true);
    net::Fd service;
    REQUIRE(worker.until([&] {
      auto got = net::accept_connection(target.get());
      if (got && *got) service = std::move((*got)->fd);
      return service.valid();
    }));
    REQUIRE(worker.until([&] { return !read_now(service.get()).empty(); }));  // the hello: it is being relayed
    return service;
  }
  bool is_closed(const Far& channel) {
    return worker.until([&] {
      read_now(channel.fd.get());
      return read_outcome(channel.fd.get()).has_value();
    });
  }

  Worker worker;
  net::Fd listener;
  net::Fd target;
  AgentConfig config;
  Counters counters;
  SeededRng rng{1};
  AgentTools tools;
  const core::ChannelKeys keys{kKey, kSession};
  std::vector<net::Fd> arriving;
  std::vector<Far> far;
  std::vector<std::pair<wire::ConnectionId, Reason>> told;
  std::unique_ptr<SessionChannels> channels;
};

TEST_CASE("what is asked for is dialled, each with a ticket of its own") {
  Rig rig;
  CHECK(rig.channels->empty());
  rig.channels->open(3);
  rig.expect_channels(3);
  std::set<std::uint64_t> counters;
  for (const Far& each : rig.far) counters.insert(each.counter);
  CHECK(counters == std::set<std::uint64_t>{0, 1, 2});
  CHECK(rig.channels->ready() == 3);
  CHECK(rig.channels->busy() == 0);
}

TEST_CASE("never more wait than pool.max; one that is bound makes room for what was asked for") {
  Rig rig(2);
  rig.channels->open(2);
  rig.expect_channels(2);
  rig.channels->open(1);
  rig.worker.settle();
  CHECK(rig.channels->ready() == 2);
  rig.bind(rig.far[0], 7, "web.home", false);
  rig.expect_channels(3);
  CHECK(rig.channels->ready() == 2);
  CHECK(rig.channels->busy() == 1);
}

TEST_CASE("a ready channel that the rendezvous closes is no longer counted, and not dialled again unasked") {
  Rig rig;
  rig.channels->open(1);
  rig.expect_channels(1);
  rig.far[0].fd.reset();
  CHECK(rig.worker.until([&] { return rig.channels->empty(); }));
  CHECK(rig.channels->ready() == 0);
  CHECK(rig.counters.closed.get(Reason::channel_died) == 1);
  rig.worker.settle();
  CHECK(rig.channels->empty());
}

TEST_CASE("a dial that fails is counted, and none follows before its pause") {
  Rig rig;
  rig.listener.reset();
  rig.channels->open(1);
  CHECK(rig.worker.until([&] { return rig.channels->empty(); }));
  CHECK(rig.counters.refused.get(Reason::connect_refused) == 1);
  rig.channels->open(1);
  CHECK(rig.channels->empty());
}

TEST_CASE("a service of another cluster is not ours, whatever its label") {
  Rig rig;
  rig.channels->open(2);
  rig.expect_channels(2);
  for (const char* name : {"web.other", "mail.home"}) {
    Far& channel = rig.far[name == std::string_view("web.other") ? 0 : 1];
    rig.bind(channel, 7, name, true);
    CHECK(rig.is_closed(channel));
  }
  CHECK(rig.worker.until([&] { return rig.channels->empty(); }));
  CHECK(rig.counters.refused.get(Reason::unknown_service) == 2);
  CHECK(rig.tools.room.relays() == 0);
}

TEST_CASE("the configuration as it is now decides: a reload ends no session") {
  Rig rig;
  rig.channels->open(1);
  rig.expect_channels(1);
  rig.config.services.clear();
  rig.bind(rig.far[0], 7, "web.home", true);
  CHECK(rig.is_closed(rig.far[0]));
  CHECK(rig.counters.refused.get(Reason::unknown_service) == 1);
}

TEST_CASE("retired: what is idle closes, a live relay goes on, and its end empties it, once") {
  Rig rig;
  rig.channels->open(2);
  rig.expect_channels(2);
  net::Fd service = rig.relay(rig.far[0], 7);
  int emptied = 0;
  rig.channels->retire(Reason::session_ended, [&] { ++emptied; });
  CHECK(rig.is_closed(rig.far[1]));
  CHECK(rig.counters.closed.get(Reason::session_ended) == 1);
  rig.channels->open(4);
  rig.worker.settle();
  CHECK(rig.channels->ready() == 0);
  CHECK(rig.channels->busy() == 1);
  CHECK(emptied == 0);
  const Bytes words = server_hello();
  REQUIRE(net::write_some(service.get(), words).value() == words.size());
  std::size_t heard = 0;  // the answer and the service's words
  CHECK(rig.worker.until([&] { return (heard += read_now(rig.far[0].fd.get()).size()) > words.size(); }));
  service.reset();
  rig.far[0].fd.reset();
  CHECK(rig.worker.until([&] { return emptied > 0; }));
  CHECK(emptied == 1);
  CHECK(rig.channels->empty());
  CHECK(rig.tools.room.relays() == 0);
  CHECK(rig.told.empty());  // there is no session to tell it on
}

TEST_CASE("retired with nothing that lives: empty at once, without a call from within") {
  Rig rig;
  rig.channels->open(2);
  rig.expect_channels(2);
  int emptied = 0;
  rig.channels->retire(Reason::session_ended, [&] { ++emptied; });
  CHECK(rig.channels->empty());
  rig.worker.settle();
  CHECK(emptied == 0);
}

TEST_CASE("all closed: relays, too, and their places are free; nobody is called") {
  Rig rig;
  rig.channels->open(2);
  rig.expect_channels(2);
  const net::Fd service = rig.relay(rig.far[0], 7);
  CHECK(rig.tools.room.relays() == 1);
  int emptied = 0;
  rig.channels->retire(Reason::session_ended, [&] { ++emptied; });
  rig.channels->close_all(Reason::shutting_down);
  CHECK(rig.channels->empty());
  CHECK(rig.tools.room.relays() == 0);
  CHECK(emptied == 0);
  CHECK(rig.counters.closed.get(Reason::shutting_down) == 1);
}

TEST_CASE("what only the agent saw of a relay's end is told, what both see is not") {
  Rig rig;
  rig.channels->open(2);
  rig.expect_channels(2);
  SUBCASE("decided here") {
    const net::Fd service = rig.relay(rig.far[0], 7);
    rig.channels->close_all(Reason::shutting_down);
    REQUIRE(rig.told.size() == 1);
    CHECK(rig.told[0].first == wire::ConnectionId{7});
    CHECK(rig.told[0].second == Reason::shutting_down);
  }
  SUBCASE("a client that leaves") {
    const net::Fd service = rig.relay(rig.far[0], 7);
    rig.far[0].fd.reset();
    CHECK(rig.worker.until([&] { return rig.tools.room.relays() == 0; }));
    CHECK(rig.told.empty());
  }
}

TEST_CASE("an end that may have been decided elsewhere waits for the rendezvous's word") {
  Rig rig;
  rig.channels->open(1);
  rig.expect_channels(1);
  const net::Fd service = rig.relay(rig.far[0], 7);
  rig.far[0].fd.reset();
  CHECK(rig.worker.until([&] { return rig.tools.room.relays() == 0; }));
  const auto all = rig.counters.closed.totals();
  CHECK(std::all_of(all.begin(), all.end(), [](std::uint64_t count) { return count == 0; }));  // held
  SUBCASE("which counts") {
    rig.channels->on_relay_ended_there({7}, Reason::idle_timeout);
    CHECK(rig.worker.until([&] { return rig.counters.closed.get(Reason::idle_timeout) == 1; }));
  }
  SUBCASE("not one for another connection: then its own reason stands, also when the session dies first") {
    rig.channels->on_relay_ended_there({8}, Reason::idle_timeout);
    rig.channels.reset();
    CHECK(rig.counters.closed.get(Reason::idle_timeout) == 0);
    CHECK(rig.counters.closed.get(Reason::client_closed) + rig.counters.closed.get(Reason::completed) +
              rig.counters.closed.get(Reason::client_reset) ==
          1);
  }
}

TEST_CASE("destroyed with a live relay, it gives the place back") {
  Rig rig;
  rig.channels->open(1);
  rig.expect_channels(1);
  const net::Fd service = rig.relay(rig.far[0], 7);
  CHECK(rig.tools.room.relays() == 1);
  rig.channels.reset();
  CHECK(rig.tools.room.relays() == 0);
  CHECK(rig.is_closed(rig.far[0]));
}

}  // namespace
}  // namespace fairlead::agent
