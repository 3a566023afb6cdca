#pragma once
// The fields by which a service learns who called: those that a caller may not write, and those that we write. Pure;
// any thread.
#include <string>
#include <string_view>

namespace fairlead::agent {

// Whether a service may take this field for a proxy's word about its caller: x-forwarded-client-cert and its kin, also
// with any other mark for '-': a CGI's environment has '_' for all of them, and some servers do not tell '_' and '-'
// apart. They never pass, in trailers neither.
bool speaks_of_caller(std::string_view name);

struct CallerFacts {
  std::string by;         // our SPIFFE id, as the caller's peer saw it
  std::string hash;       // SHA-256 of the caller's certificate (DER), hex
  std::string spiffe_id;  // the caller's
  std::string address;    // without a port
};

// The lines for every request of this caller; x-forwarded-client-cert as Envoy writes it under SANITIZE_SET.
std::string identity_lines(const CallerFacts& caller);

}  // namespace fairlead::agent
