#pragma once
// Which CAs of a bundle that somebody else sends may be believed: those that are trusted already, and those that one of
// these vouches for by its signature, as it does for the certificate that follows it (its own key again, or a
// cross-signed successor). Time is not judged: that is asked of a clock at every handshake. Pure; any thread.
#include <vector>

#include "common/base/bytes.h"

namespace fairlead::tls {

// In DER, in the order of `offered`, no two alike.
std::vector<Bytes> vouched_for(const std::vector<Bytes>& trusted, const std::vector<Bytes>& offered);

}  // namespace fairlead::tls
