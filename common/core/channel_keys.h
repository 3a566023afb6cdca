#pragma once
// The keys of one session's data channels: makes and verifies tickets, headers and answers. HKDF gives one key per
// message type, and each type travels in one direction only, so nothing can be reflected. Both programs hold one per
// session. Immutable after construction: may be shared between threads.
#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/wire/data_channel.h"
#include "common/wire/verify.h"

namespace fairlead::core {

struct SealedHeader {
  Bytes bytes;    // the header; the ClientHello is sent right behind it
  wire::Mac mac;  // the answer is checked against it
};

class ChannelKeys {
 public:
  ChannelKeys(const wire::SessionKey& key, const wire::SessionId& session);

  const wire::SessionId& session() const { return session_; }

  // Agent -> rendezvous.
  Bytes make_ticket(std::uint64_t counter) const;
  // The counter, or ticket_unknown_session, ticket_forged. The caller then asks the session's TicketWindow.
  Result<std::uint64_t> verify_ticket(const wire::Signed<wire::Ticket>& ticket) const;

  // Rendezvous -> agent. Fills in session, hello length and digest; `hello` is at most wire::kMaxChannelHello.
  SealedHeader make_header(wire::ChannelHeader fields, ByteView hello) const;
  // header_forged, or header_replayed when it belongs to another channel than the one with this ticket counter.
  Result<wire::ChannelHeader> verify_header(const wire::Signed<wire::ChannelHeader>& header,
                                            std::uint64_t ticket_counter) const;

  // Agent -> rendezvous, bound to the header by its MAC.
  Bytes make_answer(const wire::ChannelAnswer& answer, const wire::Mac& header_mac) const;
  Result<wire::ChannelAnswer> verify_answer(const wire::Signed<wire::ChannelAnswer>& answer,
                                            const wire::Mac& header_mac) const;  // answer_forged

  // Rendezvous -> agent, and its answer (wire/verify.h). The agent answers only what it could check; both end in
  // verify_forged.
  Bytes make_verify_request(const wire::Nonce& nonce) const;
  Result<wire::Nonce> check_verify_request(const wire::Signed<wire::VerifyRequest>& request) const;
  Bytes make_verify_answer(const wire::Nonce& nonce) const;
  Result<void> check_verify_answer(const wire::VerifyAnswer& answer, const wire::Nonce& nonce) const;

 private:
  wire::SessionId session_;
  wire::SessionKey ticket_key_;
  wire::SessionKey header_key_;
  wire::SessionKey answer_key_;
  wire::SessionKey verify_request_key_;
  wire::SessionKey verify_answer_key_;
};

// hello_tampered unless these are the very bytes that the verified header announced.
Result<void> verify_hello(const wire::ChannelHeader& header, ByteView hello);

}  // namespace fairlead::core
