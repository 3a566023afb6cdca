// UPnP IGD as a GatewayClient: each request is one run of the helper process (upnp_helper.h). Between requests it
// remembers where the device description is, which spares the search, and the UniqueIDs of IPv6 pinholes.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "agent/nat/gateways.h"
#include "agent/nat/helper_process.h"
#include "agent/nat/pending_request.h"
#include "agent/nat/upnp_exchange.h"

namespace fairlead::agent::nat {
namespace {

constexpr Duration kMapPatience = 12s;
constexpr Duration kLeastToAnswer = 100ms;  // the helper ends so long before it would be killed

class UpnpClient final : public GatewayClient {
 public:
  UpnpClient(net::Poller& poller, const Uplink& uplink, std::string helper_path)
      : poller_(poller),
        uplink_(uplink),
        helper_path_(std::move(helper_path)),
        deadline_([](void* self) { static_cast<UpnpClient*>(self)->on_deadline(); }, this) {}

  MappingProtocol protocol() const override { return MappingProtocol::upnp; }

  void look(Duration patience, Callback<GatewayFacts> done) override {
    request_.start(std::move(done));
    asked_ = {.action = UpnpAction::look};
    start(patience);
  }

  void map(const MapRequest& request, Callback<MapGrant> done) override {
    request_.start(std::move(done));
    ask(UpnpAction::map, request);
  }

  void unmap(const MapRequest& request, Callback<MapGrant> done) override {
    request_.start(std::move(done));
    ask(UpnpAction::unmap, request);
  }

  void cancel() override {
    request_.cancel();
    finish_io();
  }

 private:
  void ask(UpnpAction action, const MapRequest& request) {
    asked_ = {.action = action,
              .internal_port = request.internal_port,
              .external_port = request.external.port,
              .lifetime = request.lifetime,
              .description = request.description,
              .remembered = request.remembered};
    if (const auto pinhole = pinholes_.find(request.internal_port); pinhole != pinholes_.end()) {
      asked_.pinhole = pinhole->second;
    }
    start(kMapPatience);
  }

  void start(Duration patience) {
    asked_.uplink = uplink_;
    asked_.location = location_;
    asked_.patience = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::clamp<Duration>(patience - kLeastToAnswer, kLeastToAnswer, kMaxUpnpPatience));
    const TimePoint now = poller_.loop().now();
    auto helper = HelperProcess::start(poller_, helper_path_, write_upnp_request(asked_),
                                       [this](const std::string& output) { on_end(output); });
    trouble_ = helper ? "" : helper.error().detail;
    if (helper) helper_ = std::move(*helper);
    poller_.loop().timers().arm(deadline_, helper ? now + patience : now);
  }

  void on_deadline() {
    if (!trouble_.empty()) return fail({GatewayFailure::absent, trouble_});
    fail({answered_ ? GatewayFailure::late : GatewayFailure::absent, "no answer in time"});
  }

  void on_end(const std::string& output) {
    auto answer = parse_upnp_answer(output);
    if (!answer) return fail({GatewayFailure::broken, "the UPnP helper died: its gateway sent something strange"});
    location_ = answer->location;
    if (answer->error) {
      const bool silent = answer->error->failure == GatewayFailure::absent;
      if (silent && answered_) answer->error->failure = GatewayFailure::late;
      answered_ = answered_ || !silent;
      return fail(std::move(*answer->error));
    }
    answered_ = true;
    finish_io();
    if (asked_.action == UpnpAction::look) return request_.finish(std::move(answer->facts));
    finish_grant(*answer);
  }

  void finish_grant(const UpnpAnswer& answer) {
    pinholes_.erase(asked_.internal_port);
    if (answer.pinhole && asked_.action == UpnpAction::map) pinholes_[asked_.internal_port] = *answer.pinhole;
    const IpAddress none = uplink_.local.is_v4() ? IpAddress() : IpAddress::v6({});
    request_.finish(MapGrant{.external = {answer.facts.external.value_or(none), answer.external_port},
                             .lifetime = answer.lifetime});
  }

  void finish_io() {
    deadline_.cancel();
    if (!helper_) return;
    helper_->silence();
    poller_.loop().retire(std::move(helper_));  // its own callback may be running
  }

  void fail(GatewayError error) {
    finish_io();
    request_.fail(std::move(error));
  }

  net::Poller& poller_;
  const Uplink uplink_;
  const std::string helper_path_;
  PendingRequest request_;
  UpnpRequest asked_;
  std::string location_;                             // of the description that answered last; "": none did
  std::string trouble_;                              // why the helper did not start
  bool answered_ = false;                            // a device did, ever
  std::map<std::uint16_t, std::uint16_t> pinholes_;  // internal port -> UniqueID
  std::unique_ptr<HelperProcess> helper_;            // null when idle
  core::TimerEntry deadline_;
};

}  // namespace

std::unique_ptr<GatewayClient> make_upnp_client(net::Poller& poller, const Uplink& uplink, std::string helper_path) {
  return std::make_unique<UpnpClient>(poller, uplink, std::move(helper_path));
}

}  // namespace fairlead::agent::nat
