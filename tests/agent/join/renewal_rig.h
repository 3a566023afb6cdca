#pragma once
// An identity in a folder of its own, as `join` leaves it, and a signer that answers for it or for somebody else.
#include "agent/join/renewed_files.h"
#include "common/tls/certificate_request.h"
#include "common/tls/private_file.h"
#include "rendezvous/ca/certificate_request.h"
#include "rendezvous/ca/issuer.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

namespace fairlead::agent {

inline const char* const kOwnId = "spiffe://mesh.test/agent/home/nas1";

struct RenewalRig {
  explicit RenewalRig(WallTime at = test::kTestNow) : ca("mesh.test", at), now(at) { adopt(now - 20s, now + 10s); }

  // A certificate of this life is what runs now.
  void adopt(WallTime not_before, WallTime not_after) {
    std::filesystem::create_directory(dir);
    const auto issued = ca.issue("agent/home/nas1", {.not_before = not_before, .not_after = not_after});
    std::filesystem::copy_file(issued.cert, files.cert, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(issued.key, files.key, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::copy_file(issued.ca, files.ca, std::filesystem::copy_options::overwrite_existing);
    own = load();
  }
  std::shared_ptr<const tls::Credentials> load() const {
    auto loaded = tls::Credentials::load({files.cert, files.key, files.ca});
    REQUIRE_MESSAGE(loaded, loaded.error().detail);
    return std::move(*loaded);
  }
  std::string text(const std::string& file) const {
    const auto content = tls::read_whole_file(file, 1 << 20);
    return content ? std::string(as_text(*content)) : "";
  }
  Bytes csr(const tls::Credentials& of) const {
    return *tls::write_certificate_request(as_text(of.key_pem().first(of.key_pem().size() - 1)));
  }
  // What a signer of `from` answers who asks with this.
  wire::Renewed answer(const test::TestCa& from, const Bytes& request, const std::string& id, WallTime until) const {
    tls::OwnedKey key;
    REQUIRE(rendezvous::read_certificate_request(request, key));
    rendezvous::CertificateSpec spec;
    spec.serial = rendezvous::random_serial();
    spec.subject = "CN=nas1";
    spec.names = {{id}, {"nas1.home"}, {}};
    spec.not_before = now - 20s;
    spec.not_after = until;
    auto issuer = rendezvous::Issuer::open(from.dir());
    REQUIRE(issuer);
    return {.code = "", .retry_after_s = 0, .chain = *(*issuer)->sign(spec, key), .bundle = own->ca_der()};
  }
  wire::Renewed answer(WallTime until) const { return answer(ca, csr(*own), kOwnId, until); }

  test::TestCa ca;
  const WallTime now;
  const std::filesystem::path dir = ca.scratch() / "folder";
  const IdentityConfig files{dir / "agent.crt", dir / "agent.key", dir / "ca.crt"};
  std::shared_ptr<const tls::Credentials> own;
};

}  // namespace fairlead::agent
