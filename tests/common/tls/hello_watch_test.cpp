#include "common/tls/hello_watch.h"

#include "common/base/byte_writer.h"
#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::tls;
using State = HelloWatch::State;

namespace {

enum class Hello : std::uint8_t { client = 1, server = 2 };

void append(Bytes& out, const Bytes& in) {
  out.insert(out.end(), in.begin(), in.end());
}

Bytes hello_message(Hello type, const Bytes& extensions) {
  Bytes body = {3, 3};
  append(body, Bytes(32, 0xaa));  // random
  append(body, {2, 9, 9});        // session id
  if (type == Hello::client) append(body, {0, 2, 0xc0, 0x2b, 1, 0});
  if (type == Hello::server) append(body, {0xc0, 0x2b, 0});
  append(body, {static_cast<std::uint8_t>(extensions.size() >> 8), static_cast<std::uint8_t>(extensions.size())});
  append(body, extensions);
  Bytes message;
  ByteWriter out(message);
  out.u8(static_cast<std::uint8_t>(type));
  out.u8(0);
  out.bytes16(body);
  return message;
}

Bytes record(const Bytes& payload) {
  Bytes record_bytes;
  ByteWriter out(record_bytes);
  out.u8(22);
  out.u16(0x0303);
  out.bytes16(payload);
  return record_bytes;
}

const Bytes kOther = {0, 10, 0, 2, 0, 23};         // an extension whose content looks like the wanted type
const Bytes kWanted = {0, 10, 0, 0, 0, 23, 0, 0};  // the wanted one behind another

}  // namespace

TEST_CASE("the extension is found in both hellos, for every split") {
  for (const Hello type : {Hello::client, Hello::server}) {
    for (const Bytes& extensions : {kOther, kWanted}) {
      const Bytes stream = record(hello_message(type, extensions));
      const State expected = extensions == kWanted ? State::present : State::absent;
      for (std::size_t cut = 0; cut < stream.size(); ++cut) {
        HelloWatch watch;
        CHECK(watch.receive(ByteView(stream).first(cut)) == State::reading);
        CHECK(watch.receive(ByteView(stream).subspan(cut)) == expected);
        CHECK(watch.receive(stream) == expected);
      }
    }
  }
}

TEST_CASE("a hello in several records") {
  const Bytes message = hello_message(Hello::client, kWanted);
  HelloWatch watch;
  for (std::size_t i = 0; i + 1 < message.size(); ++i) REQUIRE(watch.receive(record({message[i]})) == State::reading);
  CHECK(watch.receive(record({message.back()})) == State::present);
}

TEST_CASE("a hello without extensions has none") {
  Bytes message = hello_message(Hello::server, {});
  CHECK(HelloWatch().receive(record(message)) == State::absent);
  message.resize(message.size() - 2);
  message[3] = static_cast<std::uint8_t>(message[3] - 2);
  CHECK(HelloWatch().receive(record(message)) == State::absent);
}

TEST_CASE("what is no hello") {
  CHECK(HelloWatch().receive(as_bytes("GET / HTTP/1.1")) == State::broken);
  CHECK(HelloWatch().receive(Bytes{21, 3, 3, 0, 2, 2, 40}) == State::broken);   // alert
  CHECK(HelloWatch().receive(Bytes{22, 3, 3, 0, 0}) == State::broken);          // empty record
  CHECK(HelloWatch().receive(Bytes{22, 3, 3, 0x40, 1}) == State::broken);       // record too long
  CHECK(HelloWatch().receive(record({0, 0, 0, 0})) == State::broken);           // HelloRequest
  CHECK(HelloWatch().receive(record({1, 0xff, 0xff, 0xff})) == State::broken);  // message too long
}

TEST_CASE("extensions that lie about their size are not read beyond") {
  CHECK(HelloWatch().receive(record(hello_message(Hello::client, {0, 23, 0, 9}))) == State::absent);
  Bytes message = hello_message(Hello::client, kWanted);
  message[message.size() - kWanted.size() - 1] = 0xff;  // the block's own length
  CHECK(HelloWatch().receive(record(message)) == State::absent);
}
