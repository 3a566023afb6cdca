#include "agent/service/http_stream.h"

#include <string>

#include "common/net/socket_stream.h"
#include "tests/common/net/rig.h"

namespace fairlead::agent {
namespace {

using net::StreamRead;
using net::test::read_now;

// The stream's owner, as a relay is one: it looks only when it is called.
struct Rig final : net::ByteStreamOwner, net::PollTarget {
  Rig() {
    auto pair = net::test::tcp_pair();
    net::test::set_buffers(pair.near.get(), 4096);
    net::test::set_buffers(pair.far.get(), 4096);
    far = std::move(pair.far);
    stream = std::make_unique<HttpStream>(
        worker.loop, std::make_unique<net::SocketStream>(net::PolledFd(worker.poller, std::move(pair.near), *this)),
        "who: us\r\n", as_bytes("ahead "));
    stream->set_owner(*this);
  }
  void on_ready(net::Readiness) override {}
  void on_stream_progress(net::ByteStream& /*stream*/) override {
    ++calls;
    to_write.erase(0, stream->write(as_bytes(to_write)));
    for (Bytes room(room_size); reads > 0; --reads) {
      const StreamRead got = stream->read(room);
      if (got.kind == StreamRead::Kind::bytes) heard += as_text(ByteView(room).first(got.count));
      last = got.kind;
      if (got.kind != StreamRead::Kind::bytes) return;
    }
  }
  std::string target_hears(std::string_view last_words) {
    std::string words;
    CHECK(worker.until([&] {
      words += as_text(read_now(far.get()));
      return words.ends_with(last_words);
    }));
    return words;
  }
  void say(std::string_view text) { REQUIRE(net::write_some(far.get(), as_bytes(text)).value() == text.size()); }

  net::test::Worker worker;
  net::Fd far;
  std::unique_ptr<HttpStream> stream;
  std::string to_write;
  std::string heard;
  StreamRead::Kind last = StreamRead::Kind::nothing;
  int calls = 0;
  std::size_t room_size = 1000;
  int reads = 1 << 30;  // and then it reads no more
};

const std::string kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

TEST_CASE("what goes ahead of all requests goes once") {
  Rig rig;
  rig.to_write = kGet;
  CHECK(rig.target_hears("\r\n\r\n") == "ahead GET / HTTP/1.1\r\nHost: a\r\nwho: us\r\nx-forwarded-host: a\r\n\r\n");
}

TEST_CASE("the owner is called when the next request may be written") {
  Rig rig;
  rig.to_write = kGet + kGet;
  rig.target_hears("\r\n\r\n");
  CHECK(rig.to_write == kGet);
  rig.say("HTTP/1.1 204 No\r\n\r\n");
  CHECK(rig.target_hears("\r\n\r\n").starts_with("GET / "));
  CHECK(rig.to_write.empty());
  CHECK(rig.heard == "HTTP/1.1 204 No\r\n\r\n");
}

TEST_CASE("a target that does not read holds its caller up, and loses nothing") {
  Rig rig;
  const std::string body(1 << 20, 'b');
  const std::string head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1048576\r\n\r\n";
  rig.to_write = head + body;
  rig.worker.settle();
  CHECK(rig.to_write.size() > body.size() / 2);
  CHECK(rig.stream->memory() < 64 * 1024);
  std::size_t got = 0;
  CHECK(rig.worker.until([&] {
    got += read_now(rig.far.get()).size();
    return rig.to_write.empty() && rig.stream->undelivered() == 0;
  }));
  got += read_now(rig.far.get()).size();
  CHECK(got == std::string("ahead who: us\r\nx-forwarded-host: a\r\n").size() + head.size() + body.size());
}

TEST_CASE("an owner that does not read now is not called again and again") {
  Rig rig;
  rig.room_size = 10;
  rig.to_write = kGet + kGet;
  rig.target_hears("\r\n\r\n");
  rig.reads = 1;
  rig.say("HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + std::string(1000, 'a'));
  CHECK(rig.worker.until([&] { return rig.heard.size() == 10; }));
  rig.on_stream_progress(*rig.stream);  // as when the caller's side has news
  rig.worker.settle();
  const int calls = rig.calls;
  rig.worker.settle();
  CHECK(rig.calls == calls);
  CHECK(rig.to_write == kGet);
}

TEST_CASE("our own answer is read without a word of the target, and everything after it is dropped") {
  Rig rig;
  rig.to_write = "GET /\r\n\r\n" + kGet;
  CHECK(rig.worker.until([&] { return rig.last == StreamRead::Kind::end; }));
  CHECK(rig.heard.starts_with("HTTP/1.1 400 "));
  CHECK(rig.target_hears("ahead ") == "ahead ");
  CHECK(rig.worker.until([&] { return net::test::read_outcome(rig.far.get()) == 0; }));
  CHECK(rig.stream->write(as_bytes(kGet)) == kGet.size());
  CHECK_FALSE(rig.stream->broken());
}

TEST_CASE("shut down while an answer is owed: the target sees the end behind it") {
  Rig rig;
  rig.to_write = kGet;
  rig.target_hears("\r\n\r\n");
  rig.stream->shut_down();
  rig.worker.settle();
  CHECK(net::test::read_outcome(rig.far.get()) == std::nullopt);
  rig.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  CHECK(rig.worker.until([&] { return rig.last == StreamRead::Kind::end; }));
  CHECK(rig.heard.ends_with("ok"));
  CHECK(rig.worker.until([&] { return net::test::read_outcome(rig.far.get()) == 0; }));
}

TEST_CASE("aborted") {
  Rig rig;
  rig.to_write = kGet;
  rig.target_hears("\r\n\r\n");
  rig.stream->abort();
  CHECK(rig.worker.until([&] { return net::test::read_outcome(rig.far.get()) == ECONNRESET; }));
}

}  // namespace
}  // namespace fairlead::agent
