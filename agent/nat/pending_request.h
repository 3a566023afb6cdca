#pragma once
// The one request that a gateway client has under way: whom to tell, exactly once. Serves the clients; one loop. Every
// finishing call may destroy the client, so it is the last statement of whoever makes it.
#include <utility>
#include <variant>

#include "agent/nat/gateway_client.h"
#include "common/base/check.h"

namespace fairlead::agent::nat {

class PendingRequest {
 public:
  using OnFacts = GatewayClient::Callback<GatewayFacts>;
  using OnGrant = GatewayClient::Callback<MapGrant>;

  template <class Done>
  void start(Done done) {
    CHECK(!active());
    done_ = std::move(done);
  }
  bool active() const { return !std::holds_alternative<std::monostate>(done_); }
  bool is_look() const { return std::holds_alternative<OnFacts>(done_); }
  void cancel() { done_ = std::monostate(); }

  void finish(GatewayFacts facts) { std::get<OnFacts>(take())(std::move(facts)); }
  void finish(const MapGrant& grant) { std::get<OnGrant>(take())(grant); }
  void fail(GatewayError error) {
    const Done done = take();
    if (const auto* on_facts = std::get_if<OnFacts>(&done)) {
      (*on_facts)(tl::unexpected(std::move(error)));
    } else {
      std::get<OnGrant>(done)(tl::unexpected(std::move(error)));
    }
  }

 private:
  using Done = std::variant<std::monostate, OnFacts, OnGrant>;
  Done take() { return std::exchange(done_, std::monostate()); }

  Done done_;
};

}  // namespace fairlead::agent::nat
