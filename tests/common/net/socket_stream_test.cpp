#include "common/net/socket_stream.h"

#include "tests/common/net/stream_rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;
using Kind = StreamRead::Kind;

// One end as a stream, the other a bare socket; counts what the owner is told.
struct OneEnd final : ByteStreamOwner {
  OneEnd() {
    SocketPair pair = tcp_pair();
    struct Nobody final : PollTarget {
      void on_ready(Readiness) override {}
    } nobody;
    stream = std::make_unique<SocketStream>(PolledFd(worker.poller, std::move(pair.near), nobody));
    far = std::move(pair.far);
    stream->set_owner(*this);
  }
  void on_stream_progress(ByteStream&) override { ++told; }
  StreamRead read() {
    Bytes room(100);
    return stream->read(room);
  }

  Worker worker;
  std::unique_ptr<SocketStream> stream;
  Fd far;
  int told = 0;
};

TEST_CASE("bytes, then the end, said each time") {
  OneEnd end;
  CHECK(end.read().kind == Kind::nothing);
  REQUIRE(::send(end.far.get(), "abc", 3, 0) == 3);
  shut_down_writing(end.far.get());
  const int before = end.told;
  CHECK(end.worker.until([&] { return end.told > before; }));
  CHECK(end.read().count == 3);
  CHECK(end.read().kind == Kind::end);
  CHECK(end.read().kind == Kind::end);
  CHECK_FALSE(end.stream->broken());
}

TEST_CASE("a reset is seen although nobody reads, and never reads as an end") {
  OneEnd end;
  REQUIRE(::send(end.far.get(), "abc", 3, 0) == 3);
  reset_on_close(end.far.get());
  end.far.reset();
  CHECK(end.worker.until([&] { return end.stream->broken(); }));
  CHECK(end.read().count == 3);
  CHECK(end.read().kind == Kind::aborted);
  CHECK(end.read().kind == Kind::aborted);
  CHECK(end.stream->write(as_bytes("x")) == 0);
}

TEST_CASE("what was written is undelivered until the peer's kernel has it") {
  OneEnd end;
  std::size_t written = 0;
  while (const std::size_t put = end.stream->write(Bytes(100'000))) written += put;
  CHECK(end.stream->undelivered() > 0);
  std::size_t heard = 0;
  CHECK(end.worker.until([&] { return (heard += read_now(end.far.get()).size()) == written; }));
  CHECK(end.worker.until([&] { return end.stream->undelivered() == 0; }));
  end.stream->shut_down();
  CHECK(end.worker.until([&] { return read_outcome(end.far.get()) == 0; }));
}

TEST_CASE("an abort is a reset, and nothing follows it") {
  OneEnd end;
  end.worker.settle();
  end.stream->abort();
  const int before = end.told;
  CHECK(end.worker.until([&] { return read_outcome(end.far.get()) == ECONNRESET; }));
  CHECK(end.told == before);
  CHECK(end.read().kind == Kind::aborted);
  CHECK(end.stream->write(as_bytes("x")) == 0);
  CHECK(end.stream->undelivered() == 0);
}

}  // namespace
}  // namespace fairlead::net
