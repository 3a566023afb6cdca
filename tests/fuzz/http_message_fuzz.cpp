#include <cstdint>

#include "common/base/check.h"
#include "common/http/body_copy.h"
#include "common/http/framing.h"
#include "common/http/head.h"
#include "tests/fuzz/parse_checks.h"

namespace {

using namespace fairlead;

bool every_trailer(std::string_view) {
  return true;
}

struct Copied {
  Bytes out;
  std::size_t taken = 0;
  bool refused = false;
  bool done = false;
};

Copied copy(http::Framing framing, ByteView first, ByteView second) {
  http::BodyCopy body(framing, every_trailer);
  Copied result;
  for (const ByteView piece : {first, second}) {
    const auto taken = body.copy(piece, result.out);
    result.refused = result.refused || !taken;
    if (result.refused) return result;
    CHECK(*taken <= piece.size() && (body.done() || *taken == piece.size()));
    result.taken += *taken;
    if (body.done()) break;
  }
  result.done = body.done();
  return result;
}

// What goes on is read again as the same; where the bytes were cut decides nothing.
void check_body(http::Framing framing, ByteView in) {
  const Copied whole = copy(framing, in, {});
  const Copied cut = copy(framing, in.first(in.size() / 2), in.subspan(in.size() / 2));
  CHECK(cut.refused == whole.refused && cut.done == whole.done);
  CHECK(whole.refused || cut.taken == whole.taken);
  if (!whole.done) return;
  const Copied again = copy(framing, whole.out, {});
  CHECK(again.done && again.taken == whole.out.size() && again.out == whole.out);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView in(data, size);
  const auto answer = fuzz::parse_checked(http::parse_response_head, in);
  if (const auto* done = std::get_if<wire::Done<http::ResponseHead>>(&answer)) {
    const auto framing = http::response_framing(done->value, "GET", 1);
    if (framing) check_body(*framing, in.subspan(done->consumed));
  }
  const auto request = fuzz::parse_checked(http::parse_request_head, in);
  const auto* done = std::get_if<wire::Done<http::RequestHead>>(&request);
  if (done == nullptr) return 0;
  CHECK(http::is_token(done->value.method) && done->value.fields.size() <= http::kMaxFields);
  if (const auto framing = http::request_framing(done->value)) check_body(*framing, in.subspan(done->consumed));
  return 0;
}
