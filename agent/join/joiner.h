#pragma once
// `join` as a conversation (common/wire/join.h): asks the servers that a token names, one after the other, for a
// certificate. One loop of its own; blocking for who calls it.
//
//   dialing --TLS stands: its chain leads to the token's CA key, and it is the server that was meant--> asked
//    ^  |                                                                                                | |
//    |  +-- fails, or takes more than its share of the time ----+<-- the connection breaks, or is silent-+ | answer
//    +----- an address is left ---------------------------------+-- none is left --> over <----------------+
//
// The secret is written in `asked` and nowhere else. An answer that was lost costs nothing: who asks again with the
// same key is told the same, here at the next address, or by the next `join`.
#include <memory>
#include <optional>
#include <string>

#include "agent/session/session_dial.h"
#include "common/crypto/system_rng.h"
#include "common/wire/join.h"

namespace fairlead::agent {

inline constexpr Duration kJoinTime = 60s;  // for all addresses together, each has its share of what is left

struct JoinWish {
  wire::JoinToken token;
  std::string name;  // one label
  Bytes csr;         // tls::write_certificate_request
};

class Joiner final : net::TlsStreamOwner {
 public:
  explicit Joiner(JoinWish wish, Duration limit = kJoinTime);
  ~Joiner() override = default;

  // Once. Errors: what the server refused with; ca_mismatch and the other certificate_ reasons, connect_ reasons,
  // connection_lost, join_malformed: of the address that came furthest.
  Result<wire::Joined> run();

 private:
  enum class State : std::uint8_t {
    idle,
    dialing,  // a name is looked up, TCP or TLS is on its way
    asked,    // the request is written
    over,     // there is a result
  };

  void enter(State next);
  void try_next();
  void on_dialed(Result<SessionDial::Opened> opened);
  void ask();
  void on_tls_progress(net::TlsStream& stream) override;
  void on_answer(wire::JoinAnswer answer);
  void on_late();
  void leave_server(const Error& why);
  void finish(Result<wire::Joined> result);
  const HostPort& server() const { return wish_.token.rendezvous[next_ - 1]; }

  const JoinWish wish_;
  const Duration limit_;
  const AgentConfig config_;  // defaults
  crypto::SystemRng rng_;
  net::Loop loop_;
  net::Poller poller_;
  net::PipePool pipes_;
  net::Farewells farewells_;
  Counters counters_;
  AgentTools tools_;
  tls::TlsClientContext context_;
  core::AddressMemory memory_;
  State state_ = State::idle;
  std::size_t next_ = 0;  // of the token's addresses
  TimePoint end_;
  std::unique_ptr<SessionDial> dial_;       // dialing; afterwards it is done
  std::unique_ptr<net::TlsStream> stream_;  // asked
  Bytes input_;
  std::optional<Error> failure_;
  std::optional<Result<wire::Joined>> result_;  // over
  core::TimerEntry timer_;
};

}  // namespace fairlead::agent
