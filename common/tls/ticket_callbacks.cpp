#include "common/tls/ticket_callbacks.h"

#include <mbedtls/ssl.h>

#include <algorithm>

#include "common/base/check.h"
#include "common/crypto/secret.h"
#include "common/tls/shared_config.h"

namespace fairlead::tls {
namespace {

int refuse(TicketExchange& exchange, ResumptionRefused cause) {
  exchange.refused = cause;
  return cause == ResumptionRefused::forged ? MBEDTLS_ERR_SSL_INVALID_MAC : MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;
}

}  // namespace

Bytes save_library_session(const mbedtls_ssl_session& session) {
  std::size_t size = 0;
  mbedtls_ssl_session_save(&session, nullptr, 0, &size);
  Bytes out(size);
  if (mbedtls_ssl_session_save(&session, out.data(), out.size(), &size) != 0) return {};
  return out;
}

int write_ticket(void* config, const mbedtls_ssl_session* session, unsigned char* start, const unsigned char* end,
                 std::size_t* size, std::uint32_t* lifetime) {
  auto& shared = *static_cast<SharedConfig*>(config);
  CHECK(shared.exchange != nullptr);
  *size = 0;
  *lifetime = 0;
  // A client without a certificate gets an empty ticket: there is no identity to resume.
  const std::optional<PeerIdentity>& peer = shared.exchange->verifier->identity();
  if (!peer) return MBEDTLS_ERR_SSL_SESSION_TICKET_EXPIRED;

  const WallTime now = shared.clock().time;
  SessionState state{*peer, shared.credentials->ca_hash(), shared.credentials->leaf_hash(), now,
                     save_library_session(*session)};
  if (state.tls.empty() || state.tls.size() > kMaxTicketBytes) return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
  Bytes content = write_session_state(state);
  const Bytes ticket = shared.ticket_keys->seal(content, now);
  crypto::wipe(content);
  crypto::wipe(state.tls);
  const std::size_t room = std::min(kMaxTicketBytes, static_cast<std::size_t>(end - start));
  if (ticket.size() > room) return MBEDTLS_ERR_SSL_BUFFER_TOO_SMALL;
  std::ranges::copy(ticket, start);
  *size = ticket.size();
  const auto left = std::min<std::chrono::seconds>(kMaxTicketLifetime, peer->not_after - now);
  *lifetime = static_cast<std::uint32_t>(left.count());
  return 0;
}

int parse_ticket(void* config, mbedtls_ssl_session* session, unsigned char* ticket, std::size_t size) {
  auto& shared = *static_cast<SharedConfig*>(config);
  CHECK(shared.exchange != nullptr);
  TicketExchange& exchange = *shared.exchange;
  tl::expected<Bytes, ResumptionRefused> content = shared.ticket_keys->unseal({ticket, size});
  if (!content) return refuse(exchange, content.error());
  std::optional<SessionState> state = parse_session_state(*content);
  crypto::wipe(*content);
  if (!state) return refuse(exchange, ResumptionRefused::malformed);
  const ResumptionRefused cause = judge_session(*state, shared.credentials->ca_hash(), shared.clock().time);
  if (cause != ResumptionRefused::none) return refuse(exchange, cause);
  // Fails after a change of the library's version or build.
  if (mbedtls_ssl_session_load(session, state->tls.data(), state->tls.size()) != 0)
    return refuse(exchange, ResumptionRefused::malformed);
  crypto::wipe(state->tls);
  exchange.restored = std::move(*state);
  return 0;
}

}  // namespace fairlead::tls
