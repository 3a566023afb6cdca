#pragma once
// The doctor's findings: from what the agent knows of gateways, addresses and servers to which NAT this is, which path
// is used, and one reason with evidence for each thing that does not work. Pure; any thread. Its JSON only gains keys.
#include <optional>
#include <string>
#include <vector>

#include "agent/nat/port_mapper.h"

namespace fairlead::agent {

struct ServerFacts {
  std::string address;
  std::string state;  // as in status: up, connecting, ...
  bool up = false;
  std::optional<SocketAddress> seen_as;  // by that server
  std::optional<Error> error;            // of the last attempt
};

struct CandidateFacts {
  nat::Candidate candidate;
  bool live = false;                // with any server
  std::optional<std::string> code;  // why not, by the last verdict; absent: not judged yet
};

struct ProbeFacts {
  std::vector<MappingProtocol> protocols;  // switched on
  std::vector<nat::UplinkReport> uplinks;  // the preferred first
  std::vector<nat::MappingReport> mappings;
  std::vector<CandidateFacts> candidates;
  std::vector<ServerFacts> servers;
  std::vector<std::optional<IpAddress>> hops;  // routers on the way to the first server, the nearest first
  bool listens = true;                         // [nat] listen names something
};

enum class NatKind : std::uint8_t { none, nat, double_nat, cgnat, unknown };
enum class PathKind : std::uint8_t { direct, relay, none };

struct Finding {
  Reason code;
  std::string evidence;
};

struct Diagnosis {
  PathKind path = PathKind::none;
  NatKind nat = NatKind::unknown;
  std::string gateway;            // of the uplink that was judged; empty: none
  std::string seen_from_outside;  // address; empty: nobody told
  std::vector<Finding> findings;  // the most telling first
};

Diagnosis diagnose(const ProbeFacts& facts);
std::string render_json(const ProbeFacts& facts, const Diagnosis& diagnosis);
std::string render_text(const ProbeFacts& facts, const Diagnosis& diagnosis);

}  // namespace fairlead::agent
