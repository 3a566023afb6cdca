#pragma once
// A throw-away CA in a temporary directory for tests; the directory disappears with the object. A test program lists
// tests/support/test_ca.cpp among its sources and links tls and rendezvous_ca.
//   TestCa ca;                                    // trust domain "mesh.test"
//   auto server = ca.issue("rendezvous/main", {.dns_names = {"localhost"}, .ip_addresses = {"127.0.0.1", "::1"}});
//   auto credentials = ca.credentials("agent/home/nas1");
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "common/base/time.h"
#include "common/tls/credentials.h"

namespace fairlead::test {

// 2030-01-01: far from the real clock, so that nothing can pass by using it.
inline constexpr WallTime kTestNow = std::chrono::sys_days{std::chrono::year{2030} / 1 / 1};
// The system clock's time, to issue with and to judge by, for tests over real sockets with real programs.
WallTime system_now();

struct IssueOptions {
  std::vector<std::string> dns_names = {};
  std::vector<std::string> ip_addresses = {};
  std::optional<WallTime> not_before = {};
  std::optional<WallTime> not_after = {};
};

// What no honest CA signs, for tests of refusals.
enum class Flaw : std::uint8_t { none, no_uri, two_uris, not_spiffe, is_ca, server_only, client_only };

// A directory under the system's temporary directory, removed with everything in it at the end.
class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

class TestCa {
 public:
  explicit TestCa(std::string trust_domain = "mesh.test", WallTime now = kTestNow);

  // `path` is the SPIFFE id's path without the leading slash. Fails the test when it cannot be issued.
  tls::IdentityFiles issue(const std::string& path, const IssueOptions& options = {});
  tls::IdentityFiles issue_flawed(const std::string& path, Flaw flaw);
  std::shared_ptr<const tls::Credentials> credentials(const std::string& path, const IssueOptions& options = {});

  std::filesystem::path dir() const { return dir_.path() / "ca"; }
  std::filesystem::path bundle() const { return dir() / "ca.crt"; }
  const std::filesystem::path& scratch() const { return dir_.path(); }
  const std::string& trust_domain() const { return trust_domain_; }
  WallTime now() const { return now_; }

 private:
  TempDir dir_;
  std::string trust_domain_;
  WallTime now_;
  int issued_ = 0;
};

}  // namespace fairlead::test
