#include "common/core/channel_keys.h"

#include <algorithm>
#include <string_view>

#include "common/base/check.h"
#include "common/crypto/secret.h"
#include "common/crypto/sha256.h"

namespace fairlead::core {
namespace {

// The names bind each key to one message type of one protocol version.
constexpr std::string_view kTicketInfo = "fairlead/1 ticket";
constexpr std::string_view kHeaderInfo = "fairlead/1 header";
constexpr std::string_view kAnswerInfo = "fairlead/1 answer";
constexpr std::string_view kVerifyRequestInfo = "fairlead/1 verify request";
constexpr std::string_view kVerifyAnswerInfo = "fairlead/1 verify answer";

wire::SessionKey derive(const wire::SessionKey& key, const wire::SessionId& session, std::string_view info) {
  wire::SessionKey out{};
  Bytes derived = crypto::hkdf_sha256(key, session, info, out.size());
  std::copy(derived.begin(), derived.end(), out.begin());
  crypto::wipe(derived);
  return out;
}

// Appends the MAC over all of `message` to it.
wire::Mac seal(const wire::SessionKey& key, Bytes& message) {
  const wire::Mac mac = crypto::hmac_sha256(key, {message});
  message.insert(message.end(), mac.begin(), mac.end());
  return mac;
}

// The header's MAC has a fixed size and comes last, so the concatenation is unambiguous.
wire::Mac answer_mac(const wire::SessionKey& key, ByteView answer, const wire::Mac& header_mac) {
  return crypto::hmac_sha256(key, {answer, header_mac});
}

}  // namespace

ChannelKeys::ChannelKeys(const wire::SessionKey& key, const wire::SessionId& session)
    : session_(session),
      ticket_key_(derive(key, session, kTicketInfo)),
      header_key_(derive(key, session, kHeaderInfo)),
      answer_key_(derive(key, session, kAnswerInfo)),
      verify_request_key_(derive(key, session, kVerifyRequestInfo)),
      verify_answer_key_(derive(key, session, kVerifyAnswerInfo)) {}

Bytes ChannelKeys::make_ticket(std::uint64_t counter) const {
  Bytes out;
  out.reserve(wire::kTicketSize);
  ByteWriter writer(out);
  wire::write_ticket({session_, counter}, writer);
  seal(ticket_key_, out);
  return out;
}

Result<std::uint64_t> ChannelKeys::verify_ticket(const wire::Signed<wire::Ticket>& ticket) const {
  if (ticket.fields.session != session_) return fail(Reason::ticket_unknown_session, "ticket of another session");
  if (!crypto::equal_constant_time(crypto::hmac_sha256(ticket_key_, {ticket.covered}), ticket.mac)) {
    return fail(Reason::ticket_forged, "wrong MAC");
  }
  return ticket.fields.counter;
}

SealedHeader ChannelKeys::make_header(wire::ChannelHeader fields, ByteView hello) const {
  CHECK(hello.size() <= wire::kMaxChannelHello);
  fields.session = session_;
  fields.hello_length = static_cast<std::uint32_t>(hello.size());
  fields.hello_sha256 = crypto::sha256(hello);
  SealedHeader out{};
  ByteWriter writer(out.bytes);
  wire::write_channel_header(fields, writer);
  out.mac = seal(header_key_, out.bytes);
  return out;
}

Result<wire::ChannelHeader> ChannelKeys::verify_header(const wire::Signed<wire::ChannelHeader>& header,
                                                       std::uint64_t ticket_counter) const {
  if (!crypto::equal_constant_time(crypto::hmac_sha256(header_key_, {header.covered}), header.mac)) {
    return fail(Reason::header_forged, "wrong MAC");
  }
  if (header.fields.session != session_ || header.fields.counter != ticket_counter) {
    return fail(Reason::header_replayed, "header of another channel");
  }
  return header.fields;
}

Bytes ChannelKeys::make_answer(const wire::ChannelAnswer& answer, const wire::Mac& header_mac) const {
  Bytes out;
  ByteWriter writer(out);
  wire::write_channel_answer(answer, writer);
  writer.bytes(answer_mac(answer_key_, out, header_mac));
  return out;
}

Result<wire::ChannelAnswer> ChannelKeys::verify_answer(const wire::Signed<wire::ChannelAnswer>& answer,
                                                       const wire::Mac& header_mac) const {
  if (!crypto::equal_constant_time(answer_mac(answer_key_, answer.covered, header_mac), answer.mac)) {
    return fail(Reason::answer_forged, "wrong MAC");
  }
  return answer.fields;
}

Bytes ChannelKeys::make_verify_request(const wire::Nonce& nonce) const {
  Bytes out;
  out.reserve(wire::kVerifyRequestSize);
  ByteWriter writer(out);
  wire::write_verify_request({session_, nonce}, writer);
  seal(verify_request_key_, out);
  return out;
}

Result<wire::Nonce> ChannelKeys::check_verify_request(const wire::Signed<wire::VerifyRequest>& request) const {
  const wire::Mac expected = crypto::hmac_sha256(verify_request_key_, {request.covered});
  if (request.fields.session != session_ || !crypto::equal_constant_time(expected, request.mac)) {
    return fail(Reason::verify_forged, "wrong MAC");
  }
  return request.fields.nonce;
}

Bytes ChannelKeys::make_verify_answer(const wire::Nonce& nonce) const {
  Bytes out;
  out.reserve(wire::kVerifyAnswerSize);
  ByteWriter writer(out);
  wire::write_verify_answer({crypto::hmac_sha256(verify_answer_key_, {nonce})}, writer);
  return out;
}

Result<void> ChannelKeys::check_verify_answer(const wire::VerifyAnswer& answer, const wire::Nonce& nonce) const {
  if (!crypto::equal_constant_time(crypto::hmac_sha256(verify_answer_key_, {nonce}), answer.mac)) {
    return fail(Reason::verify_forged, "wrong MAC");
  }
  return {};
}

Result<void> verify_hello(const wire::ChannelHeader& header, ByteView hello) {
  if (hello.size() != header.hello_length || crypto::sha256(hello) != header.hello_sha256) {
    return fail(Reason::hello_tampered, "not the ClientHello that the header announced");
  }
  return {};
}

}  // namespace fairlead::core
