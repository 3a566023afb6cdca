#pragma once
// A small mesh CA in a directory: `fairlead-rendezvous ca init` and `ca issue`, and the throw-away CAs of tests. ECDSA
// P-256; a root, an intermediate that signs (path length 0), leaf certificates with one SPIFFE URI name. A CA key kept
// beside the rendezvous can mint anyone: see README.md. Blocking file I/O; no thread of its own.
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "rendezvous/ca/leaf_days.h"

namespace fairlead::rendezvous {

inline constexpr std::chrono::days kRootLifetime{3650};
inline constexpr std::chrono::days kIntermediateLifetime{1825};
// Certificates begin this much in the past: the peers' clocks differ.
inline constexpr std::chrono::hours kBackdated{1};

struct CaInit {
  std::filesystem::path dir;
  std::string trust_domain;
  WallTime now{};
};

struct CaIssue {
  std::filesystem::path dir;
  std::string id;  // spiffe://TD/..., TD the CA's trust domain
  std::vector<std::string> dns_names;
  std::vector<IpAddress> ip_addresses;
  int days = kDefaultLeafDays;
  std::filesystem::path out;  // prefix: OUT.crt and OUT.key are made
  WallTime now{};
  // For tests of expired and future certificates: instead of now - kBackdated and now + days.
  std::optional<WallTime> not_before;
  std::optional<WallTime> not_after;
};

struct IssuedPaths {
  std::filesystem::path cert;  // leaf, then intermediate
  std::filesystem::path key;   // mode 0600
  std::filesystem::path ca;    // the bundle to trust
  std::string serial;          // hex
  WallTime not_after{};
};

// Makes root.crt, root.key, intermediate.crt, intermediate.key and ca.crt (the root: the bundle to trust) in `dir`,
// which is made when missing. Overwrites nothing. Errors: config_invalid (arguments, existing files), io_failed.
Result<void> ca_init(const CaInit& request);

// Issues a leaf for clients and servers. A line is appended to DIR/issued.log before the certificate is written.
Result<IssuedPaths> ca_issue(const CaIssue& request);

}  // namespace fairlead::rendezvous
