#include "agent/direct/direct_connection.h"

#include "common/front/refusal_alert.h"

namespace fairlead::agent {

DirectConnection::DirectConnection(ServiceTools tools, DirectConnectionOwner& owner, DirectClient client,
                                   const ConfirmedService& service, const ServiceTerms& terms)
    : tools_(tools),
      owner_(owner),
      client_(std::move(client)),
      service_(service.service),
      endpoint_(service.endpoint),
      share_(terms.share),
      connection_(tools, *this,
                  {.client = std::move(client_.fd),
                   .bytes = std::move(client_.bytes),
                   .caller = {client_.peer, client_.hello.server_name.value_or(""), client_.id}},
                  service.config, terms) {}

void DirectConnection::on_service_ended(ServiceEnd end) {
  if (end.client.valid()) {
    tools_.relay.farewells.say(std::move(end.client), wire::tls_alert(front::alert_of(end.outcome.reason)));
  }
  client_.source = SourceToken();
  caller_ = std::move(end.caller);
  owner_.on_direct_ended(*this, end.outcome, end.detail);
}

}  // namespace fairlead::agent
