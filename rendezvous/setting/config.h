#pragma once
// rendezvous.toml as plain values (sample: packaging/rendezvous.toml), read by main for `run`, `check` and a reload.
// What is here has been checked for form and for sense; files that it names were not opened, except includes.
// A relative path is relative to the folder of the file it stands in. Any thread; owned by whoever loaded it.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/config/identity.h"
#include "common/config/loaded.h"
#include "common/config/section.h"
#include "common/front/accept_set.h"
#include "rendezvous/registry/policy.h"

namespace fairlead::rendezvous {

using front::AcceptSet;

struct ListenerConfig {
  SocketAddress address;
  AcceptSet accept;
  std::vector<Cidr> proxy_from;  // not empty: a PROXY header is mandatory, and believed from these only
  bool operator==(const ListenerConfig&) const = default;
};

struct ServerConfig {
  std::vector<HostPort> public_addresses;
  std::vector<std::string> names;    // lower case; empty: hosts of public_addresses and the certificate's DNS names
  std::vector<std::string> domains;  // lower case, no dot at either end
  std::optional<SocketAddress> instance_address;
  unsigned workers = 0;  // 0: one per core
  std::string admin_path = "/run/fairlead-rendezvous/admin.sock";
  Duration drain_delay = 5s;
  Duration drain_timeout = 20s;
  std::string state_dir = "/var/lib/fairlead-rendezvous";
  std::vector<IpAddress> verify_from;  // where dial-backs come from; empty: another address of this host, if any
  bool verify_any_address = false;     // laboratories: private and shared addresses are dialled back, too
  bool confine = true;                 // give up what a running server does not need
  bool operator==(const ServerConfig&) const = default;
};

using IdentityConfig = config::IdentityConfig;  // cert, key, ca: paths

// Who signs the certificates of devices that join.
enum class SignerMode : std::uint8_t { none, file };

struct SignerConfig {
  SignerMode mode = SignerMode::none;
  std::string cert;  // paths: an intermediate and its key
  std::string key;
  std::chrono::seconds leaf_life = std::chrono::days(30);     // leaf_days
  std::string cluster = "home";                               // of tokens that name none
  std::chrono::seconds renew_grace = std::chrono::days(365);  // after its end a certificate can still be renewed
  bool operator==(const SignerConfig&) const = default;
};

// A port of its own for a service.
struct PortConfig {
  SocketAddress listen;
  std::string service;  // SERVICE.CLUSTER
  bool operator==(const PortConfig&) const = default;
};

enum class AccessLog : std::uint8_t { off, failures, all };

struct LogConfig {
  AccessLog access = AccessLog::failures;
  bool operator==(const LogConfig&) const = default;
};

// [limits], with the defaults of the sample. 0 where noted: derived from the limit of descriptors.
struct Limits {
  std::size_t classify_bytes = 64 * 1024;
  Duration classify_timeout = 5s;
  std::size_t unclassified_max = 4096;
  std::size_t unclassified_per_source = 64;
  std::size_t handshakes_max = 256;                         // being worked on at a time
  std::size_t handshakes_waiting = 16384;                   // accepted and unread behind them,
  std::size_t handshakes_waiting_bytes = 32 * 1024 * 1024;  // and what was read of them
  std::size_t handshakes_per_source = 128;                  // begun in a second and not answered
  Duration flight_timeout = 5s;                             // for the peer's answer and its hello
  Duration handshake_timeout = 10s;
  Duration channel_wait = 10s;
  Duration answer_timeout = 2s;
  std::size_t relays_per_source = 256;
  std::size_t unproved_per_source = 128;  // of these, whose client said nothing behind its hello
  std::size_t relays_per_service = 4096;
  std::size_t relays_per_agent = 4096;
  std::size_t relays_max = 0;    // 0: by descriptors
  std::size_t sessions_max = 0;  // 0: by descriptors
  std::size_t channels_max = 0;  // ready ones; 0: by descriptors
  std::size_t services_per_agent = 1024;
  Duration idle_timeout = 1h;
  Duration half_close_timeout = 5min;
  Duration first_flight_timeout = 10s;
  Duration connect_timeout = 10s;
  Duration ping_interval = 25s;
  Duration verify_probe = 30s;              // between liveness dials to a direct endpoint
  Duration verify_interval = 5min;          // between full checks of it
  std::size_t verify_dials_max = 64;        // dial-backs at a time,
  std::size_t verify_dials_per_target = 4;  // to one address
  std::size_t relay_memory = 0;             // of the kernel, for relays whose peers do not read; 0: by the host's
  // Not a key: descriptors set aside for those who wait for a handshake; more take those of sessions to come.
  std::size_t waiting_places = 16384;
  bool operator==(const Limits&) const = default;
};

struct RendezvousConfig {
  ServerConfig server;
  std::vector<ListenerConfig> listeners;  // server.listen first, then [[listener]]; at least one
  IdentityConfig identity;
  SignerConfig signer;
  std::vector<PolicyRule> policy;  // never empty: the default rule where no file has one
  std::vector<PortConfig> ports;
  LogConfig log;
  Limits limits;
  bool operator==(const RendezvousConfig&) const = default;
};

using Loaded = config::Loaded<RendezvousConfig>;

// Reads the file and what it includes. Error: config_invalid with the line to print.
Result<Loaded> load_config(const std::string& path,
                           const config::Environment& environment = config::process_environment());
// The same from text; `path` names it in messages and is where relative paths begin.
Result<Loaded> parse_config(std::string_view text, const std::string& path, const config::Environment& environment);

// For `check`: that the files of [identity] exist and can be read, and that nothing is in the way of the socket for
// `status`. What is inside the files is the caller's to judge.
Result<void> check_files(const RendezvousConfig& config, const std::string& path);

}  // namespace fairlead::rendezvous
