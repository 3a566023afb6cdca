// Local connections carried to a service that tests play: bytes, ends, aborts, and the most at a time.
#include "agent/calling/call_listener.h"

#include <unistd.h>

#include "tests/agent/calling/call_rig.h"

namespace fairlead::agent {
namespace {

using Plays = PlayedServer::Plays;
using ReadKind = net::StreamRead::Kind;

struct Rig : CallRig {
  explicit Rig(Plays what = Plays::service, std::size_t at_a_time = 8, const std::string& where = "0")
      : server(add(what, 112)) {
    limits.at_a_time = at_a_time;
    limits.relay.first = core::FlightRule::anything;
    auto opened = CallListener::open(tools, service, read_listen_address(where).value(), limits);
    REQUIRE(opened.has_value());
    listener = std::move(*opened);
  }
  net::Fd caller() {
    auto fd = net::connect_tcp(*SocketAddress::parse(listener->address()));
    REQUIRE(fd.has_value());
    return std::move(*fd);
  }
  net::TlsByteStream& answered(std::size_t which = 0) {
    REQUIRE(until([&] { return server.streams.size() > which && server.streams[which]->handshake_done(); }));
    return *server.streams[which];
  }
  std::string reads(net::TlsByteStream& stream) {
    Bytes room(100);
    net::StreamRead got;
    REQUIRE(until([&] { return (got = stream.read(room)).kind != ReadKind::nothing; }));
    if (got.kind == ReadKind::bytes) return std::string(as_text(ByteView(room).first(got.count)));
    return got.kind == ReadKind::end ? "(end)" : "(aborted)";
  }
  std::string reads(const net::Fd& fd) {
    Bytes room(100);
    std::string out;
    REQUIRE(until([&] {
      const auto got = net::read_some(fd.get(), room);
      if (!got) out = "(reset)";
      if (got && *got) out = **got == 0 ? "(end)" : std::string(as_text(ByteView(room).first(**got)));
      return !out.empty();
    }));
    return out;
  }
  void say(const net::Fd& fd, std::string_view text) {
    REQUIRE(until([&] { return net::write_some(fd.get(), as_bytes(text)).value_or(std::nullopt) == text.size(); }));
  }

  PlayedServer& server;
  CallLimits limits;
  std::unique_ptr<CallListener> listener;
};

TEST_CASE("a local connection reaches the service, and each side's end the other, which may go on") {
  Rig rig;
  const net::Fd caller = rig.caller();
  rig.say(caller, "question");
  net::TlsByteStream& service = rig.answered();
  CHECK(rig.reads(service) == "question");
  SUBCASE("the caller first") {
    net::shut_down_writing(caller.get());
    CHECK(rig.reads(service) == "(end)");
    CHECK(service.write(as_bytes("answer")) == 6);
    CHECK(rig.reads(caller) == "answer");
    service.shut_down();
    CHECK(rig.reads(caller) == "(end)");
  }
  SUBCASE("the service first") {
    CHECK(service.write(as_bytes("answer")) == 6);
    service.shut_down();
    CHECK(rig.reads(caller) == "answer");
    CHECK(rig.reads(caller) == "(end)");
    rig.say(caller, "more");
    CHECK(rig.reads(service) == "more");
    net::shut_down_writing(caller.get());
    CHECK(rig.reads(service) == "(end)");
  }
  CHECK(rig.until([&] { return rig.listener->calls() == 0; }));
}

TEST_CASE("a service that speaks first is heard by a caller that is silent") {
  Rig rig;
  const net::Fd caller = rig.caller();
  CHECK(rig.answered().write(as_bytes("220 ready")) == 9);
  CHECK(rig.reads(caller) == "220 ready");
}

TEST_CASE("an abort is never an end") {
  Rig rig;
  net::Fd caller = rig.caller();
  SUBCASE("the service's") {
    rig.answered().abort();
    CHECK(rig.reads(caller) == "(reset)");
  }
  SUBCASE("the caller's") {
    net::TlsByteStream& service = rig.answered();
    net::reset_on_close(caller.get());
    caller.reset();
    CHECK(rig.reads(service) == "(aborted)");
  }
  CHECK(rig.until([&] { return rig.listener->calls() == 0; }));
}

TEST_CASE("a caller that is reset while its service is dialled is not waited for") {
  Rig rig(Plays::silence);
  net::Fd caller = rig.caller();
  REQUIRE(rig.until([&] { return rig.server.calls == 1; }));
  CHECK(rig.listener->calls() == 1);
  net::reset_on_close(caller.get());
  caller.reset();
  CHECK(rig.until([&] { return rig.listener->calls() == 0; }));
  CHECK(rig.places.relays() == 0);
  CHECK(rig.counters.refused.get(Reason::client_reset) == 1);
}

TEST_CASE("a caller whose service is not reached is reset, and why is known until one is answered") {
  Rig rig(Plays::alert);
  CHECK_FALSE(rig.listener->failure().has_value());
  const net::Fd caller = rig.caller();
  CHECK(rig.reads(caller) == "(reset)");
  CHECK(rig.until([&] { return rig.listener->calls() == 0; }));
  REQUIRE(rig.listener->failure().has_value());
  CHECK(rig.listener->failure()->why.reason == Reason::unknown_name);
  rig.service.servers.clear();
  PlayedServer& good = rig.add(Plays::service);
  const net::Fd other = rig.caller();
  CHECK(rig.until([&] { return !good.streams.empty() && good.streams[0]->handshake_done(); }));
  CHECK(rig.until([&] { return !rig.listener->failure().has_value(); }));
}

TEST_CASE("beyond the most at a time callers wait, and are served when one has left") {
  Rig rig(Plays::service, 1);
  net::Fd first = rig.caller();
  const net::Fd second = rig.caller();
  rig.answered(0);
  rig.worker.settle();
  rig.server.serve();
  CHECK(rig.server.calls == 1);
  CHECK(rig.listener->calls() == 1);
  net::reset_on_close(first.get());
  first.reset();
  CHECK(rig.answered(1).write(as_bytes("x")) == 1);
  CHECK(rig.reads(second) == "x");
}

TEST_CASE("a unix socket is listened on, and removed at the end") {
  const test::TempDir dir;
  const std::string path = dir.path() / "web.sock";
  {
    Rig rig(Plays::service, 8, "unix:" + path);
    CHECK(rig.listener->address() == "unix:" + path);
    auto fd = net::connect_unix(path);
    REQUIRE((fd.has_value() && fd->has_value()));
    rig.say(**fd, "hello");
    CHECK(rig.reads(rig.answered()) == "hello");
  }
  CHECK(::access(path.c_str(), F_OK) != 0);
}

TEST_CASE("an address that is taken is refused") {
  Rig rig;
  const auto again =
      CallListener::open(rig.tools, rig.service, read_listen_address(rig.listener->address()).value(), {});
  REQUIRE_FALSE(again.has_value());
  CHECK(again.error().reason == Reason::address_in_use);
}

}  // namespace
}  // namespace fairlead::agent
