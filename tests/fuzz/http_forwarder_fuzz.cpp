// The input is what a caller says, up to the first NUL, and what its target says behind it. Whatever both say: what the
// target hears is requests with one reading, each with our word about the caller and no other.
#include <algorithm>
#include <cstdint>

#include "agent/http/forwarder.h"
#include "agent/http/identity_fields.h"
#include "common/base/check.h"

namespace {

using namespace fairlead;
using agent::Forwarder;

constexpr std::string_view kOurs = "By=us";

bool every_trailer(std::string_view) {
  return true;
}

// Reads the target's side as a strict server does, until a switch of protocols.
class Listener {
 public:
  void hear(ByteView in) {
    heard_.insert(heard_.end(), in.begin(), in.end());
    while (!heard_.empty() && (body_ ? read_body() : read_head())) {
    }
  }

 private:
  bool read_head() {
    const auto parsed = http::parse_request_head(heard_);
    CHECK(!std::holds_alternative<wire::Malformed>(parsed));
    const auto* done = std::get_if<wire::Done<http::RequestHead>>(&parsed);
    if (done == nullptr) return false;
    for (const http::Field& field : done->value.fields) {
      if (!agent::speaks_of_caller(field.name)) continue;
      CHECK(http::same_word(field.name, "x-forwarded-host") || field.value == kOurs);
    }
    CHECK(http::find_field(done->value.fields, "x-forwarded-client-cert").count == 1);
    const auto framing = http::request_framing(done->value);
    CHECK(framing.has_value());
    if (framing->kind != http::Framing::Kind::none) body_.emplace(*framing, every_trailer);
    drop(done->consumed);
    return true;
  }
  bool read_body() {
    Bytes out;
    const auto taken = body_->copy(heard_, out);
    CHECK(taken.has_value());
    drop(*taken);
    if (body_->done()) body_.reset();
    return true;
  }
  void drop(std::size_t n) { heard_.erase(heard_.begin(), heard_.begin() + static_cast<std::ptrdiff_t>(n)); }

  Bytes heard_;
  std::optional<http::BodyCopy> body_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const ByteView in(data, size);
  const auto cut = static_cast<std::size_t>(std::ranges::find(in, 0) - in.begin());
  ByteView caller = in.first(cut);
  ByteView target = in.subspan(std::min(size, cut + 1));
  const std::size_t piece = 1 + size % 97;

  Forwarder forwarder("x-forwarded-client-cert: By=us\r\n");
  Listener listener;
  bool switched = false;
  while (!caller.empty() || !target.empty()) {
    const ByteView words = caller.first(std::min(piece, caller.size()));
    const std::size_t taken = forwarder.from_caller(words);
    CHECK(taken == words.size() || !forwarder.listens());
    caller = caller.subspan(taken);
    if (!switched) listener.hear(forwarder.to_target().view());
    forwarder.to_target().take(forwarder.to_target().size());
    if (taken > 0) continue;
    const ByteView answer = target.first(std::min(piece, target.size()));
    if (answer.empty()) break;
    target = target.subspan(answer.size());
    forwarder.from_target(answer);
    switched = switched || as_text(forwarder.to_caller().view()).starts_with("HTTP/1.1 101 ");
    forwarder.to_caller().take(forwarder.to_caller().size());
  }
  forwarder.target_ended(size % 2 == 0 ? Forwarder::End::orderly : Forwarder::End::broken);
  forwarder.caller_ended();
  CHECK(forwarder.to_target().empty());
  return 0;
}
