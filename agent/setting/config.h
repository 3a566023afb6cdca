#pragma once
// agent.toml as plain values (sample: packaging/agent.toml), read by main for `run`, `check` and a reload, or made from
// the arguments of `expose`. What is here has been checked for form and for sense; the files it names were not opened.
// A relative path is relative to the folder of the file that says it. Any thread; owned by whoever loaded it.
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "agent/setting/called_name.h"
#include "agent/setting/listen_address.h"
#include "agent/setting/unix_path.h"
#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/config/identity.h"
#include "common/config/loaded.h"
#include "common/config/section.h"

namespace fairlead::agent {

inline constexpr std::size_t kMaxRendezvous = 8;
// Two sessions, a check and half a dozen relays; with less there is no agent to speak of.
inline constexpr std::size_t kLeastMemory = 512 * 1024;
inline constexpr unsigned kMaxPool = 1024;
inline constexpr std::size_t kMaxNamesPerService = 64;  // sni, subsets: as many as one register message carries
inline constexpr std::string_view kServiceFiles = "services.d/*.toml";  // default of [agent] include

using IdentityConfig = config::IdentityConfig;  // cert, key, ca: paths

// Whether this agent asks for its next certificate by itself (identity.renew).
enum class Renewal : std::uint8_t { automatic, off };

// Kept for the mapping code: which protocols may be asked, in this order. All: "auto". None: "off".
enum class MappingProtocol : std::uint8_t { pcp, nat_pmp, upnp };

struct NatConfig {
  std::vector<MappingProtocol> mapping{MappingProtocol::pcp, MappingProtocol::nat_pmp, MappingProtocol::upnp};
  std::vector<SocketAddress> listen{{IpAddress::v4({0, 0, 0, 0}), 0}, {IpAddress::v6({}), 0}};  // port 0: derived
  std::uint16_t external_port = 0;                                                              // 0: derived
  std::vector<std::string> interfaces;  // empty: all but tunnels and container bridges
  bool operator==(const NatConfig&) const = default;
};

struct PoolConfig {
  unsigned min = 1;
  unsigned max = 32;
  bool operator==(const PoolConfig&) const = default;
};

// Where a service listens: "127.0.0.1:8443", "[::1]:8443", "host.name:8443" or "unix:/path".
using Target = std::variant<HostPort, UnixPath>;
std::string to_string(const Target& target);

enum class Tls : std::uint8_t {
  passthrough,  // the service ends TLS itself
  terminate,    // it ends here; the service hears plain bytes, and only of callers that it allows
};
// What is spoken with a plain target.
enum class Protocol : std::uint8_t {
  tcp,   // any bytes
  http,  // HTTP/1.1; each request says who called
};
// Whether the target demands a client certificate. It is not tried in this version.
enum class Mutual : std::uint8_t { unchecked };
enum class ProxyProtocol : std::uint8_t { off, v1, v2 };

struct ServiceConfig {
  std::string name;  // one label
  Target target;
  Tls tls = Tls::passthrough;
  Mutual mutual = Mutual::unchecked;
  std::string host;              // mesh host, lower case; empty: none
  std::uint16_t port = 0;        // service port in the mesh; 0 only for a unix target that names none
  std::vector<std::string> sni;  // lower case
  std::vector<std::string> subsets;
  ProxyProtocol proxy_protocol = ProxyProtocol::off;
  std::vector<std::string> allow = {"cluster"};  // terminate: who may call, as is_caller_pattern() has them
  std::string cert, key;                         // terminate: paths; empty: the agent's own
  Protocol protocol = Protocol::tcp;             // terminate
  std::string file;                              // that it stands in; empty: it was made from arguments
  bool operator==(const ServiceConfig&) const = default;
};

// A local port or unix socket whose connections are carried to a service of the mesh.
struct EgressConfig {
  CalledName name;
  ListenAddress listen;  // no two alike, but for port 0: a free one
  bool operator==(const EgressConfig&) const = default;
};

// [limits]: named as at the rendezvous, with the same defaults, as far as they are the agent's.
struct Limits {
  std::size_t relays_max = 0;  // 0: by the limit of descriptors
  Duration connect_timeout = 10s;
  Duration handshake_timeout = 10s;
  Duration idle_timeout = 1h;
  Duration half_close_timeout = 5min;
  Duration first_flight_timeout = 10s;  // of direct connections
  Duration ping_interval = 25s;
  std::size_t memory = 0;  // for connections, the kernel's part included; 0: no ceiling
  bool operator==(const Limits&) const = default;
};

struct AgentConfig {
  std::string name;                  // ENDPOINT; empty: from the certificate, else the host name
  std::string cluster;               // empty: from the certificate
  std::vector<HostPort> rendezvous;  // 1 to kMaxRendezvous, no two alike
  std::string rendezvous_id = "spiffe://{trust_domain}/rendezvous/*";
  std::vector<Cidr> rendezvous_networks;              // beyond public addresses, where a server may send this agent
  std::string state_dir = "/var/lib/fairlead-agent";  // empty (expose): keep nothing
  std::string control_path = "/run/fairlead-agent/control.sock";  // empty (expose): no control socket
  Duration drain_timeout = 5s;
  bool confine = true;  // give up what a running agent does not need
  IdentityConfig identity;
  NatConfig nat;
  PoolConfig pool;
  std::vector<ServiceConfig> services;  // no two of one name
  Limits limits;
  std::vector<EgressConfig> egress;
  Renewal renewal = Renewal::automatic;
  std::optional<ListenAddress> proxy;  // where none of egress listens
  bool operator==(const AgentConfig&) const = default;
};

using Loaded = config::Loaded<AgentConfig>;

// Error: config_invalid with the line to print.
Result<Loaded> load_config(const std::string& path, config::UnknownKeys unknown = config::UnknownKeys::refuse,
                           const config::Environment& environment = config::process_environment());
// The same from text, and from the files that it includes; `path` names it in messages and is where relative paths
// begin.
Result<Loaded> parse_config(std::string_view text, const std::string& path, config::UnknownKeys unknown,
                            const config::Environment& environment);

// [agent] control alone: where the agent that runs is asked, whatever has become of the rest of its file.
Result<std::string> load_control_path(const std::string& path,
                                      const config::Environment& environment = config::process_environment());

// For `check`: that the files of [identity] exist and can be read, and that nothing is in the way of the socket for
// `status`. What is inside the files is the caller's to judge.
Result<void> check_files(const AgentConfig& config, const std::string& path);

// "cluster" (the agents of our own), "mesh" (everybody of the mesh CA), or a pattern of SPIFFE ids.
bool is_caller_pattern(std::string_view text);
// "127.0.0.1:8443", "[::1]:8443", "host.name:8443" or "unix:/path"; the error's detail says what is wrong and allowed.
Result<Target> parse_target(std::string_view text);

}  // namespace fairlead::agent
