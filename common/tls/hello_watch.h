#pragma once
// Reads the peer's first handshake message, as it passes by in clear, for one thing that mbedtls does not tell: whether
// the peer offers (ClientHello) or confirms (ServerHello) the extended master secret. Without it a session's keys are
// not bound to its certificates, and resumption could be turned against us (RFC 7627 §5).
#include "common/base/bytes.h"

namespace fairlead::tls {

class HelloWatch {
 public:
  enum class State : std::uint8_t {
    reading,  // the message is not complete
    present,  // the extension is there
    absent,   // a hello without it
    broken,   // not a hello: the library will say so better than we can
  };

  // Takes the next bytes of the stream; does nothing once the state is decided.
  State receive(ByteView in);

 private:
  State on_record(ByteView payload);

  Bytes record_;   // header and payload so far
  Bytes message_;  // payloads of the records before: a message may lie in several (RFC 5246 §6.2.1)
  State state_ = State::reading;
};

}  // namespace fairlead::tls
