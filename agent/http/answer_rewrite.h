#pragma once
// A target's answer as the caller gets it: without hop-by-hop fields, with framing written anew. Pure; any thread.
#include "agent/http/request_rewrite.h"

namespace fairlead::agent {

struct ForwardedAnswer {
  Bytes head;
  http::Framing framing;
  bool switches = false;  // 101: what follows both ways is opaque
  bool interim = false;   // another answer follows
  bool persists = false;  // the connection may serve another request
};

enum class BodySent : std::uint8_t { not_begun, begun };  // the request's

// http_ambiguous, http_malformed: what the target said cannot be passed on. `request`: the one that it answers.
Result<ForwardedAnswer> rewrite_answer(const http::ResponseHead& head, const ForwardedRequest& request, BodySent sent);

}  // namespace fairlead::agent
