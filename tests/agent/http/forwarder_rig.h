#pragma once
// A forwarder between a caller and a target that a test plays by words.
#include <algorithm>
#include <string>

#include "agent/http/forwarder.h"
#include "tests/support/codec_checks.h"

namespace fairlead::agent::test {

using Fate = Forwarder::Fate;
using End = Forwarder::End;

inline const std::string kIdentity = "x-forwarded-client-cert: By=us\r\n";

struct ForwarderRig {
  Forwarder forwarder{kIdentity};
  std::size_t piece = 1 << 20;  // what comes is cut into these

  // Returns how many bytes were not taken.
  std::size_t ask(std::string_view text) {
    while (!text.empty()) {
      const std::size_t size = std::min(piece, text.size());
      const std::size_t taken = forwarder.from_caller(as_bytes(text.substr(0, size)));
      text.remove_prefix(taken);
      if (taken < size) break;
    }
    return text.size();
  }
  void answer(std::string_view text) {
    for (; !text.empty(); text.remove_prefix(std::min(piece, text.size()))) {
      forwarder.from_target(as_bytes(text.substr(0, piece)));
    }
  }
  std::string target_hears() { return drain(forwarder.to_target()); }
  std::string caller_hears() { return drain(forwarder.to_caller()); }
  bool open() const { return forwarder.caller_fate() == Fate::open && forwarder.target_fate() == Fate::open; }
  std::optional<Reason> refusal() const {
    return forwarder.refusal() ? std::optional(forwarder.refusal()->reason) : std::nullopt;
  }
  // The caller was told why by us, and the target is left.
  void check_refused(Reason reason, std::string_view status) {
    CHECK(refusal() == reason);
    const std::string heard = caller_hears();
    CHECK(heard.starts_with("HTTP/1.1 " + std::string(status) + " "));
    CHECK(heard.find("proxy-status: fairlead; error=") != std::string::npos);
    CHECK(heard.find("details=\"" + std::string(reason_code(reason)) + "\"\r\n") != std::string::npos);
    CHECK(forwarder.caller_fate() == Fate::ends);
    CHECK(forwarder.target_fate() != Fate::open);
  }

 private:
  static std::string drain(ByteQueue& queue) {
    std::string text(as_text(queue.view()));
    queue.take(queue.size());
    return text;
  }
};

}  // namespace fairlead::agent::test
