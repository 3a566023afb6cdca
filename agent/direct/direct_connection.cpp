#include "agent/direct/direct_connection.h"

#include "agent/service/service_preamble.h"
#include "common/front/refusal_alert.h"

namespace fairlead::agent {

DirectConnection::DirectConnection(net::RelayTools tools, DirectConnectionOwner& owner, DirectClient client,
                                   const ConfirmedService& service, Duration connect_timeout, net::RelayLimits limits,
                                   RelayShare share)
    : tools_(tools),
      owner_(owner),
      client_(std::move(client)),
      fd_(tools.poller, std::move(client_.fd), *this),
      service_(service.service),
      endpoint_(service.endpoint),
      proxy_protocol_(service.config.proxy_protocol),
      limits_(limits),
      share_(share),
      dial_(std::make_unique<TargetDial>(tools.poller, service.config.target, connect_timeout, share.buffers,
                                         [this](Result<net::PolledFd> target) { on_target(std::move(target)); })) {}

void DirectConnection::start() {
  dial_->start();
}

void DirectConnection::on_ready(net::Readiness ready) {
  // What the client sends meanwhile stays in the kernel until the relay takes it.
  if (state_ == State::reaching && ready.hung_up) end(Reason::client_closed, "the client left");
}

void DirectConnection::on_target(Result<net::PolledFd> target) {
  tools_.poller.loop().retire(std::move(dial_));  // it is still running
  if (!target) return refuse(target.error().reason, target.error().detail);
  net::RelayEnds ends;
  const Caller caller{client_.peer, client_.hello.server_name.value_or(""), client_.id};
  ends.to_service = service_preamble(proxy_protocol_, caller, target->get(), client_.bytes);
  ends.client = std::move(fd_);
  ends.service = std::move(*target);
  client_.bytes = Bytes();
  state_ = State::relaying;
  relay_.emplace(tools_, std::move(ends), limits_, *this);
}

void DirectConnection::refuse(Reason reason, const std::string& detail) {
  tools_.farewells.say(std::move(fd_), wire::tls_alert(front::alert_of(reason)));
  end(reason, detail);
}

void DirectConnection::close(Reason reason) {
  if (state_ == State::ended) return;
  if (relay_) return relay_->close(reason);
  refuse(reason, "");
}

void DirectConnection::on_relay_ended(net::Relay& /*relay*/, const net::RelayOutcome& outcome) {
  state_ = State::ended;
  client_.source = SourceToken();
  owner_.on_direct_ended(*this, outcome, "");
}

void DirectConnection::end(Reason reason, const std::string& detail) {
  state_ = State::ended;
  dial_.reset();
  fd_.reset();
  client_.source = SourceToken();
  owner_.on_direct_ended(*this, {.reason = reason, .lasted = tools_.poller.loop().now() - client_.accepted}, detail);
}

}  // namespace fairlead::agent
