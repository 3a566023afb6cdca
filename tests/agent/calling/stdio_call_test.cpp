// Standard input and output as pipes and as regular files, and a service that tests play.
#include "agent/calling/stdio_call.h"

#include <fcntl.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "tests/agent/calling/call_rig.h"

namespace fairlead::agent {
namespace {

using Plays = PlayedServer::Plays;
using ReadKind = net::StreamRead::Kind;

struct Pipe {
  Pipe() {
    int raw[2] = {};
    REQUIRE(::pipe2(raw, O_CLOEXEC) == 0);
    out = net::Fd(raw[0]);
    in = net::Fd(raw[1]);
    REQUIRE(::fcntl(out.get(), F_SETFL, O_NONBLOCK) == 0);  // the pumps must bear with that, too
  }
  net::Fd out, in;
};

struct Rig : CallRig {
  explicit Rig(Plays what = Plays::service)
      : server(add(what, 80)), call(tools, service, limits(), [this](const CallEnd& how) { end = how; }) {}
  static net::RelayLimits limits() { return {.first = core::FlightRule::anything}; }
  net::TlsByteStream& answered() {
    REQUIRE(until([&] { return server.streams.size() == 1 && server.streams[0]->handshake_done(); }));
    return *server.streams[0];
  }
  // What the service gets until there is nothing more.
  std::string heard(ReadKind* how = nullptr) {
    std::string out;
    Bytes room(1000);
    net::StreamRead got;
    net::TlsByteStream& stream = answered();
    REQUIRE(until([&] {
      got = stream.read(room);
      if (got.kind == ReadKind::bytes) out += as_text(ByteView(room).first(got.count));
      return got.kind == ReadKind::end || got.kind == ReadKind::aborted;
    }));
    if (how != nullptr) *how = got.kind;
    return out;
  }
  std::string written(const net::Fd& fd) {
    std::string out;
    Bytes room(100);
    REQUIRE(until([&] {
      const ssize_t got = ::read(fd.get(), room.data(), room.size());
      if (got > 0) out += as_text(ByteView(room).first(static_cast<std::size_t>(got)));
      return got == 0;
    }));
    return out;
  }
  Reason reason() {
    REQUIRE(until([&] { return end.has_value(); }));
    return end->reason;
  }

  PlayedServer& server;
  std::optional<CallEnd> end;
  StdioCall call;
};

TEST_CASE("what is read is heard by the service, and its answer written, each end for itself") {
  Rig rig;
  Pipe in, out;
  REQUIRE(rig.call.start(in.out.get(), out.in.get()));
  REQUIRE(::write(in.in.get(), "question", 8) == 8);
  SUBCASE("the input ends first") {
    in.in.reset();
    CHECK(rig.heard() == "question");
    CHECK(rig.answered().write(as_bytes("answer")) == 6);
    rig.answered().shut_down();
  }
  SUBCASE("the service ends first, and its reader sees that although the input goes on") {
    CHECK(rig.answered().write(as_bytes("answer")) == 6);
    rig.answered().shut_down();
    REQUIRE(::write(in.in.get(), "!", 1) == 1);
    CHECK(rig.written(out.out) == "answer");
    in.in.reset();
    CHECK(rig.heard() == "question!");
    CHECK(rig.reason() == Reason::completed);
    return;
  }
  CHECK(rig.written(out.out) == "answer");
  CHECK(rig.reason() == Reason::completed);
  CHECK(rig.end->peer == "spiffe://mesh.test/agent/home/nas1");
}

TEST_CASE("regular files") {
  Rig rig;
  const test::TempDir dir;
  const std::string text(100'000, 'x');
  std::ofstream(dir.path() / "in") << text;
  const net::Fd in(::open((dir.path() / "in").c_str(), O_RDONLY | O_CLOEXEC));
  const net::Fd out(::open((dir.path() / "out").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  REQUIRE(rig.call.start(in.get(), out.get()));
  CHECK(rig.heard() == text);
  CHECK(rig.answered().write(as_bytes("answer")) == 6);
  rig.answered().shut_down();
  CHECK(rig.reason() == Reason::completed);
  std::stringstream got;
  got << std::ifstream(dir.path() / "out").rdbuf();
  CHECK(got.str() == "answer");
}

TEST_CASE("a service that cannot be reached ends it, though the input goes on") {
  Rig rig(Plays::alert);
  Pipe in, out;
  REQUIRE(rig.call.start(in.out.get(), out.in.get()));
  CHECK(rig.reason() == Reason::no_endpoint);
  CHECK(rig.end->failed());
  CHECK(rig.written(out.out).empty());
}

TEST_CASE("a service that breaks off is no end of its answer") {
  Rig rig;
  Pipe in, out;
  REQUIRE(rig.call.start(in.out.get(), out.in.get()));
  rig.answered().abort();
  CHECK(rig.reason() == Reason::service_reset);
}

TEST_CASE("whoever reads the output no more breaks the connection") {
  Rig rig;
  Pipe in, out;
  REQUIRE(rig.call.start(in.out.get(), out.in.get()));
  out.out.reset();
  CHECK(rig.answered().write(as_bytes("answer")) == 6);
  REQUIRE(rig.until([&] {
    rig.answered().write(as_bytes("more"));
    return rig.end.has_value();
  }));
  CHECK(rig.end->reason == Reason::client_reset);
  ReadKind how = ReadKind::nothing;
  rig.heard(&how);
  CHECK(how == ReadKind::aborted);
}

}  // namespace
}  // namespace fairlead::agent
