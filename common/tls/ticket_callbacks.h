#pragma once
// The library's session ticket callbacks (mbedtls_ssl_conf_session_tickets_cb): our own ticket format around the TLS
// session. The first argument is the SharedConfig, whose `exchange` is the connection concerned. Internal to this
// folder.
#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"

struct mbedtls_ssl_session;

namespace fairlead::tls {

// Longer ones are not given out: the client sends its ticket in one ClientHello record.
inline constexpr std::size_t kMaxTicketBytes = 8192;

int write_ticket(void* config, const mbedtls_ssl_session* session, unsigned char* start, const unsigned char* end,
                 std::size_t* size, std::uint32_t* lifetime);
int parse_ticket(void* config, mbedtls_ssl_session* session, unsigned char* ticket, std::size_t size);

// The library's own serialization; empty when it fails.
Bytes save_library_session(const mbedtls_ssl_session& session);

}  // namespace fairlead::tls
