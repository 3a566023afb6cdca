#include "agent/nat/port_mapper.h"

#include <utility>

#include "agent/nat/gateways.h"
#include "agent/nat/port_mapper_core.h"
#include "agent/nat/uplinks.h"

namespace fairlead::agent::nat {
namespace {

class RealEnvironment final : public Environment {
 public:
  RealEnvironment(net::Poller& poller, Rng& rng, std::string helper)
      : poller_(poller), rng_(rng), helper_(std::move(helper)) {}

  std::vector<Uplink> find_uplinks(const std::vector<std::string>& interfaces) override {
    return nat::find_uplinks(interfaces);
  }

  std::unique_ptr<GatewayClient> make_client(MappingProtocol protocol, const Uplink& uplink) override {
    switch (protocol) {
      case MappingProtocol::pcp:
        return make_pcp_client(poller_, rng_, uplink);
      case MappingProtocol::nat_pmp:
        return uplink.local.is_v4() ? make_nat_pmp_client(poller_, uplink) : nullptr;
      case MappingProtocol::upnp:
        return helper_.empty() ? nullptr : make_upnp_client(poller_, uplink, helper_);
    }
    return nullptr;
  }

  void listen(const std::vector<Uplink>& uplinks, Announcements::OnAnnouncement on_announcement) override {
    announcements_.reset();
    announcements_ = std::make_unique<Announcements>(poller_, uplinks, std::move(on_announcement));
  }

 private:
  net::Poller& poller_;
  Rng& rng_;
  std::string helper_;
  std::unique_ptr<Announcements> announcements_;
};

}  // namespace

class PortMapper::Impl {
 public:
  Impl(net::Poller& poller, Rng& rng, PortMapperOptions options, OnCandidates on_candidates)
      : environment(poller, rng, options.helper),
        core(environment, poller.loop(), rng, std::move(options), std::move(on_candidates)) {}

  RealEnvironment environment;
  PortMapperCore core;
};

PortMapper::PortMapper(net::Poller& poller, Rng& rng, PortMapperOptions options, OnCandidates on_candidates)
    : impl_(std::make_unique<Impl>(poller, rng, std::move(options), std::move(on_candidates))) {}

PortMapper::~PortMapper() = default;

void PortMapper::start() {
  impl_->core.start();
}

void PortMapper::set_listeners(std::vector<SocketAddress> listeners) {
  impl_->core.set_listeners(std::move(listeners));
}

void PortMapper::on_network_changed() {
  impl_->core.on_network_changed();
}

void PortMapper::on_seen(const IpAddress& local, const IpAddress& outside) {
  impl_->core.on_seen(local, outside);
}
void PortMapper::on_verified(std::uint32_t number) {
  impl_->core.on_verified(number);
}

void PortMapper::on_unreachable(std::uint32_t number) {
  impl_->core.on_unreachable(number);
}

void PortMapper::stop(Duration patience, std::function<void()> done) {
  impl_->core.stop(patience, std::move(done));
}

std::vector<Candidate> PortMapper::candidates() const {
  return impl_->core.candidates();
}

std::vector<MappingReport> PortMapper::mappings() const {
  return impl_->core.mappings();
}

std::vector<UplinkReport> PortMapper::uplinks() const {
  return impl_->core.uplinks();
}

bool PortMapper::settled() const {
  return impl_->core.settled();
}

}  // namespace fairlead::agent::nat
