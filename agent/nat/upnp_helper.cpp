#include "agent/nat/upnp_helper.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>

#include "agent/nat/confinement.h"
#include "agent/nat/ssdp_search.h"
#include "agent/nat/uplinks.h"
#include "agent/nat/upnp_actions.h"
#include "common/net/loop.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::chrono::milliseconds kLongestSearch = 2500ms;

std::string read_request() {
  std::string out;
  std::array<char, 1024> buffer;
  while (out.size() <= kMaxUpnpMessage) {
    const ssize_t got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return out;
}

void write_answer(std::string_view text) {
  while (!text.empty()) {
    const ssize_t sent = ::write(STDOUT_FILENO, text.data(), text.size());
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(sent));
  }
}

struct FoundIgd {
  std::unique_ptr<Igd> igd;  // null: none
  HttpUrl location;
  GatewayError error;  // why none
};

// Whether it is what this uplink needs: then the others need not be asked.
bool is_good(const Igd& igd, const Uplink& uplink) {
  return uplink.local.is_v4() ? igd.maps_ports() && igd.wan_state() == WanState::connected : igd.has_pinholes();
}

// The best of several devices: a connected one before others, the gateway's own address before others (they come in
// that order). All of them are tried until one is good.
FoundIgd open_best(const std::vector<HttpUrl>& locations, const Uplink& uplink) {
  FoundIgd best{.error = {GatewayFailure::absent, "no Internet gateway device"}};
  for (const HttpUrl& location : locations) {
    auto igd = open_igd(location, uplink);
    if (!igd) {
      if (!best.igd) best.error = igd.error();
      continue;
    }
    const bool good = is_good(**igd, uplink);
    if (!good && best.igd) continue;
    best.igd = std::move(*igd);
    best.location = location;
    if (good) break;
  }
  return best;
}

FoundIgd find_igd(const UpnpRequest& request) {
  const std::vector<Cidr> networks = on_link_networks(read_network(), request.uplink.index);
  // The place that is known already. It may have moved: a restarted router takes another port.
  const auto known = parse_http_url(request.location);
  if (known && speaks_for_itself(*known, known->host, request.uplink, networks)) {
    FoundIgd found = open_best({*known}, request.uplink);
    if (found.igd) return found;
  }
  // Half of the time for the search, at most: the rest is for HTTP.
  const auto findings = search_gateways(request.uplink, networks, std::min(kLongestSearch, request.patience / 2));
  if (!findings) return {.error = {GatewayFailure::absent, findings.error().detail}};
  if (findings->locations.empty() && !findings->refused.empty()) {
    return {.error = {GatewayFailure::broken, "LOCATION of another host: " + findings->refused}};
  }
  return open_best(findings->locations, request.uplink);
}

UpnpAnswer answer_to(const UpnpRequest& request) {
  UpnpAnswer out;
  FoundIgd found = find_igd(request);
  if (!found.igd) {
    out.error = std::move(found.error);
    return out;
  }
  out = run_upnp_action(*found.igd, request);
  out.location = found.location.to_string();
  return out;
}

}  // namespace

int upnp_helper_main() {
  std::signal(SIGPIPE, SIG_IGN);
  if (const auto confined = confine_process(); !confined) {
    UpnpAnswer refusal;
    refusal.error = GatewayError{GatewayFailure::absent, confined.error().detail};
    write_answer(write_upnp_answer(refusal));
    return 1;
  }
  const auto request = parse_upnp_request(read_request());
  if (!request) return 2;
  write_answer(write_upnp_answer(answer_to(*request)));
  // Without destructors and exit handlers: nothing here is worth tidying, and a leak check has no rights left.
  ::_exit(0);
}

}  // namespace fairlead::agent::nat
