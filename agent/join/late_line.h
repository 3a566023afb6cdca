#pragma once
// The way to the next certificate for an agent whose own has ended, so that it has no session to ask over: the question
// of a late renewal (common/wire/join.h), in a connection in which we show no certificate. The server must be the one
// that sessions expect, below the CA that signed ours. Closed unless a server said that our certificate has ended.
// One attempt at a time, each at the next of the configured servers. One loop; owned by the agent.
#include <functional>
#include <memory>
#include <optional>

#include "agent/session/renewal_line.h"
#include "agent/session/session_dial.h"
#include "common/wire/control_message.h"
#include "common/wire/join.h"

namespace fairlead::agent {

class LateLine final : public RenewalLine, net::TlsStreamOwner {
 public:
  using OnAnswer = std::function<void(const wire::Renewed&)>;  // once for each question that close() does not end

  LateLine(AgentTools& tools, OnAnswer on_answer);
  ~LateLine() override = default;

  void open(const tls::Credentials& ended);
  void close();

  bool may_renew() const override { return context_.has_value(); }
  void ask_renewal(Bytes csr) override;  // gives up what was asked before
  const HostPort& server() const override { return server_; }

 private:
  void on_dialed(Result<SessionDial::Opened> opened);
  void on_tls_progress(net::TlsStream& stream) override;
  void answer(const wire::JoinAnswer& answer);
  void refuse(Reason reason);
  void hang_up();

  AgentTools& tools_;
  const OnAnswer on_answer_;
  std::string server_id_;                         // pattern of the server's SPIFFE id
  std::optional<tls::TlsClientContext> context_;  // while open
  core::AddressMemory memory_;
  std::size_t next_ = 0;  // of the configured servers
  HostPort server_;       // the latest
  Bytes question_;
  std::unique_ptr<SessionDial> dial_;
  std::unique_ptr<net::TlsStream> stream_;
  Bytes input_;
};

}  // namespace fairlead::agent
