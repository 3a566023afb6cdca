// Short records, negotiated (RFC 6066 §4): they make an idle session cheap where the library's buffers vary, and must
// not stand in the way of what is longer than a record.
#include <fstream>
#include <iterator>

#include "common/crypto/system_rng.h"
#include "tests/common/tls/engine_pair.h"
#include "tests/support/doctest.h"

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;

namespace {

constexpr std::size_t kNegotiated = 2048;
constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kMostOverhead = 8 + 16;  // AES-GCM: explicit nonce and tag; ChaCha20-Poly1305 has the tag alone
constexpr std::uint8_t kApplicationData = 23;
constexpr std::uint8_t kHandshake = 22;

struct Record {
  std::uint8_t type;
  std::size_t length;
};

std::vector<Record> records_of(ByteView stream) {
  std::vector<Record> out;
  while (stream.size() >= kRecordHeader) {
    const std::size_t length = stream[3] * 256u + stream[4];
    REQUIRE(stream.size() >= kRecordHeader + length);
    out.push_back({stream[0], length});
    stream = stream.subspan(kRecordHeader + length);
  }
  CHECK(stream.empty());
  return out;
}

std::string text_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

// The identity, with its own chain and the certificates of other CAs behind it: four in all.
std::shared_ptr<const Credentials> with_long_chain(TestCa& ca, const std::string& path, const IssueOptions& options) {
  IdentityFiles files = ca.issue(path, options);
  const TestCa other;
  const std::filesystem::path cert = files.cert.string() + ".long";
  std::ofstream(cert) << text_of(files.cert) << text_of(ca.dir() / "root.crt") << text_of(other.dir() / "root.crt");
  files.cert = cert;
  const auto loaded = Credentials::load(files);
  REQUIRE_MESSAGE(loaded.has_value(), (loaded ? "" : loaded.error().detail));
  CHECK((*loaded)->chain_der().size() == 4);
  return *loaded;
}

IssueOptions many_names() {
  IssueOptions options;
  for (int i = 0; i < 110; ++i) options.dns_names.push_back("a-rather-long-name-" + std::to_string(i) + ".example.com");
  options.dns_names.emplace_back("rv.example.com");
  return options;
}

}  // namespace

TEST_CASE("a client asks for records of 2 KiB") {
  Mesh mesh;
  EnginePair pair(mesh);
  const std::string hello(as_text(pair.client->output()));
  CHECK(hello.find(std::string{"\x00\x01\x00\x01\x03", 5}) != std::string::npos);
}

TEST_CASE("neither side sends longer records, and data arrives whole") {
  Mesh mesh;
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.ready());
  const std::string text(10'000, 'x');
  for (TlsEngine* sender : {pair.client.get(), pair.server.get()}) {
    REQUIRE(sender->write(as_bytes(text)));
    const auto records = records_of(sender->output());
    CHECK(records.size() == 5);
    for (const Record& record : records) {
      CHECK(record.type == kApplicationData);
      CHECK(record.length <= kNegotiated + kMostOverhead);
    }
  }
  pair.run();
  CHECK(take_text(*pair.server) == text);
  CHECK(take_text(*pair.client) == text);
}

TEST_CASE("chains longer than a record pass, both ways, also in pieces") {
  Mesh mesh;
  mesh.server = with_long_chain(mesh.ca, "rendezvous/main", many_names());
  mesh.agent = with_long_chain(mesh.ca, "agent/home/nas1", many_names());
  for (const std::size_t chunk : {SIZE_MAX, std::size_t{100}}) {
    CAPTURE(chunk);
    EnginePair pair(mesh);
    std::size_t longest = 0;
    // One step by hand: the server's flight, with its certificates, in full.
    move_output(*pair.client, *pair.server, SIZE_MAX, pair.server_error);
    for (const Record& record : records_of(pair.server->output())) {
      if (record.type == kHandshake) longest = std::max(longest, record.length);
    }
    CHECK(longest > 2 * kNegotiated);
    pair.run(chunk);
    CHECK_FALSE(pair.server_error);
    CHECK_FALSE(pair.client_error);
    REQUIRE(pair.ready());
    REQUIRE(pair.server->write(as_bytes(std::string(5'000, 'y'))));
    pair.run(chunk);
    CHECK(take_text(*pair.client) == std::string(5'000, 'y'));
  }
}

TEST_CASE("a resumed session has the same short records") {
  Mesh mesh;
  crypto::SystemRng rng;
  mesh.ticket_keys = TicketKeys::in_memory(rng, mesh.now);
  EnginePair first(mesh);
  first.run();
  mesh.saved_session = first.client->save_session();
  REQUIRE_FALSE(mesh.saved_session.empty());
  EnginePair again(mesh);
  again.run();
  REQUIRE(again.ready());
  CHECK(again.server->resumed());
  REQUIRE(again.server->write(as_bytes(std::string(5'000, 'z'))));
  for (const Record& record : records_of(again.server->output())) CHECK(record.length <= kNegotiated + kMostOverhead);
  again.run();
  CHECK(take_text(*again.client).size() == 5'000);
}

TEST_CASE("the profile for services asks for no short records, and fills them") {
  Mesh mesh;
  mesh.profile = Profile::service;
  EnginePair pair(mesh);
  pair.run();
  REQUIRE(pair.ready());
  for (TlsEngine* engine : {pair.server.get(), pair.client.get()}) {
    REQUIRE(engine->write(Bytes(16384)).has_value());
    const std::vector<Record> records = records_of(engine->output());
    REQUIRE(records.size() == 1);
    CHECK(records[0].length > 16384);
  }
}
