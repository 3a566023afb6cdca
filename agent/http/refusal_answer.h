#pragma once
// Our own answer to a request that does not reach the target, or that the target did not answer: an HTTP status, the
// reason in proxy-status (RFC 9209) and in a line for people. Pure; any thread.
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/reason.h"

namespace fairlead::agent {

// `method`: of the request where it is known; after HEAD no body follows. The connection ends behind it.
Bytes refusal_answer(Reason reason, std::string_view method);

}  // namespace fairlead::agent
