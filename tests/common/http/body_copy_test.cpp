#include "common/http/body_copy.h"

#include <string>
#include <vector>

#include "tests/support/codec_checks.h"

namespace fairlead::http {
namespace {

using Kind = Framing::Kind;

bool not_secret(std::string_view name) {
  return !same_word(name, "secret");
}

struct Copied {
  std::size_t taken = 0;
  std::string out;
  std::optional<Reason> refused{};
  bool done = false;
};

// Fed in two pieces that meet at `cut`.
Copied copy_cut(Framing framing, std::string_view in, std::size_t cut) {
  BodyCopy body(framing, not_secret);
  Bytes out;
  Copied result;
  for (const std::string_view piece : {in.substr(0, cut), in.substr(cut)}) {
    const auto taken = body.copy(as_bytes(piece), out);
    if (!taken) {
      result.refused = taken.error().reason;
      break;
    }
    result.taken += *taken;
    if (*taken < piece.size()) break;
  }
  result.out = as_text(out);
  result.done = body.done();
  return result;
}

// The data of our own chunks, joined: they may be cut anywhere.
std::string joined(std::string_view out) {
  std::string data;
  while (!out.empty()) {
    const auto end = out.find("\r\n");
    REQUIRE(end != std::string_view::npos);
    const auto size = std::stoul(std::string(out.substr(0, end)), nullptr, 16);
    if (size == 0) return data + "|" + std::string(out.substr(end + 2));
    data += out.substr(end + 2, size);
    REQUIRE(out.substr(end + 2 + size, 2) == "\r\n");
    out.remove_prefix(end + 4 + size);
  }
  return data;
}

std::string chunks(std::string_view in, std::size_t left_over = 0) {
  std::string first;
  for (std::size_t cut = 0; cut <= in.size(); ++cut) {
    CAPTURE(cut);
    const Copied got = copy_cut({Kind::chunked, 0}, in, cut);
    CHECK(got.refused == std::nullopt);
    CHECK(got.done);
    if (cut < in.size() - left_over) CHECK(got.taken == in.size() - left_over);
    if (cut == 0) first = joined(got.out);
    CHECK(joined(got.out) == first);
  }
  return first;
}

std::optional<Reason> refused_chunks(std::string_view in) {
  const Copied whole = copy_cut({Kind::chunked, 0}, in, in.size());
  for (std::size_t cut = 0; cut < in.size(); ++cut) {
    if (copy_cut({Kind::chunked, 0}, in, cut).refused != whole.refused) FAIL_CHECK("otherwise when cut at " << cut);
  }
  return whole.refused;
}

TEST_CASE("a body of a length, and what follows it") {
  for (std::size_t cut = 0; cut <= 8; ++cut) {
    const Copied got = copy_cut({Kind::length, 5}, "helloGET", cut);
    CHECK(got.out == "hello");
    CHECK(got.taken == 5);
    CHECK(got.done);
  }
  CHECK_FALSE(copy_cut({Kind::length, 5}, "hell", 2).done);
  CHECK(copy_cut({}, "GET", 1).taken == 0);
  CHECK(copy_cut({}, "GET", 1).done);
}

TEST_CASE("a body until the stream's end") {
  BodyCopy body({Kind::until_end, 0}, not_secret);
  Bytes out;
  CHECK(body.copy(as_bytes("any"), out) == 3u);
  CHECK_FALSE(body.done());
  CHECK(body.end_of_stream());
  BodyCopy cut({Kind::length, 5}, not_secret);
  CHECK(cut.copy(as_bytes("any"), out) == 3u);
  CHECK_FALSE(cut.end_of_stream());
  BodyCopy chunked({Kind::chunked, 0}, not_secret);
  CHECK(chunked.copy(as_bytes("3\r\nabc\r\n"), out) == 8u);
  CHECK_FALSE(chunked.end_of_stream());
}

TEST_CASE("chunks are written anew") {
  CHECK(chunks("5\r\nhello\r\n0\r\n\r\n") == "hello|\r\n");
  CHECK(chunks("5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n") == "hello world|\r\n");
  CHECK(chunks("00A;x=\"y;z\"\r\n0123456789\r\n0\r\n\r\nGET / HTTP/1.1", 14) == "0123456789|\r\n");
  CHECK(chunks("0\r\n\r\n") == "|\r\n");
  CHECK(chunks("1\r\n\r\r\n0;last\r\n\r\n") == "\r|\r\n");
  CHECK(chunks("0\r\nDigest: a\r\nSecret: b\r\nX: c\r\n\r\n") == "|Digest: a\r\nX: c\r\n\r\n");
  CHECK(copy_cut({Kind::chunked, 0}, "5;ext\r\nhello\r\n0\r\n\r\n", 0).out == "5\r\nhello\r\n0\r\n\r\n");
}

TEST_CASE("chunks that two readers could cut differently") {
  for (const char* in : {"5 \r\nhello\r\n0\r\n\r\n",
                         " 5\r\nhello\r\n",
                         "0x5\r\nhello\r\n",
                         "+5\r\nhello\r\n",
                         "-5\r\nhello\r\n",
                         "g\r\n",
                         "\r\n",
                         ";x\r\n",
                         "5\nhello\r\n",
                         "5\r\nhello\n",
                         "5\r\nhelloo\r\n",
                         "5\r\nhell\r\n0\r\n\r\n",
                         "5;a\rb\r\nhello\r\n",
                         "5;a\nb\r\nhello\r\n",
                         "5\r\r\nhello\r\n",
                         "1234567890abcdef0\r\n",
                         "0000000000000005\r\nhello\r\n",
                         "5,5\r\nhello\r\n",
                         "5\r\nhello\r\n\r\n0\r\n\r\n",
                         "0\r\nContent-Length: 5\r\n\r\n",
                         "0\r\nTransfer_Encoding: chunked\r\n\r\n",
                         "0\r\n X: a\r\n\r\n",
                         "0\r\nX: a\n\r\n",
                         "0\r\nX : a\r\n\r\n",
                         "0\n\r\n"}) {
    CAPTURE(in);
    CHECK(refused_chunks(in) == Reason::http_ambiguous);
  }
  CHECK(refused_chunks("0\r\nGET / HTTP/1.1\r\n\r\n") == Reason::http_malformed);
  CHECK(refused_chunks("5;" + std::string(kMaxChunkLine, 'x') + "\r\n") == Reason::http_too_large);
  CHECK(refused_chunks("0\r\nX: " + std::string(kMaxTrailers, 'x') + "\r\n\r\n") == Reason::http_too_large);
}

}  // namespace
}  // namespace fairlead::http
