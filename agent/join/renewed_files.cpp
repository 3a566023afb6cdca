#include "agent/join/renewed_files.h"

#include <algorithm>

#include "common/tls/ca_bundle.h"
#include "common/tls/certificate_request.h"
#include "common/tls/key_pin.h"
#include "common/tls/private_file.h"
#include "common/tls/time_text.h"

namespace fairlead::agent {
namespace {

using std::filesystem::path;

constexpr auto kPublic = std::filesystem::perms(0644);

// A link is followed: what it points to is replaced, not the link.
path real(const std::string& file) {
  std::error_code failed;
  const path found = std::filesystem::canonical(file, failed);
  return failed ? path(file) : found;
}

std::filesystem::perms mode_of(const path& file) {
  std::error_code failed;
  const auto status = std::filesystem::status(file, failed);
  return failed ? kPublic : status.permissions() & std::filesystem::perms(0777);
}

// A new file beside the one that it will replace; gone at the end unless it was placed.
class Staged {
 public:
  explicit Staged(const std::string& file) : to_(real(file)), staged_(to_) { staged_ += ".renewed"; }
  ~Staged() {
    std::error_code ignored;
    std::filesystem::remove(staged_, ignored);
  }
  Staged(const Staged&) = delete;
  Staged& operator=(const Staged&) = delete;

  const path& file() const { return staged_; }
  Result<void> write(const std::vector<Bytes>& certificates) const {
    const auto pem = tls::certificates_to_pem(certificates);
    if (!pem) return fail(Reason::renewal_unusable, pem.error().detail);
    return tls::replace_file(staged_, as_bytes(*pem), mode_of(to_));
  }
  Result<void> place() const { return tls::rename_file(staged_, to_); }

 private:
  const path to_;
  path staged_;
};

Result<void> judge(const tls::Credentials& own, const tls::Credentials& renewed) {
  if (renewed.spiffe_id() != own.spiffe_id()) return fail(Reason::renewal_unusable, "it is of " + renewed.spiffe_id());
  if (renewed.not_after() <= own.not_after())
    return fail(Reason::renewal_unusable, "it ends " + tls::time_text(renewed.not_after()) + ", no later than ours");
  if (tls::signing_ca(renewed) == nullptr)
    return fail(Reason::renewal_unusable, "no CA that we trust, or that one of them vouches for, has signed it");
  return {};
}

}  // namespace

Result<void> check_replaceable(const IdentityConfig& files) {
  for (const std::string& each : {files.cert, files.ca}) {
    if (auto writable = tls::check_writable(real(each).parent_path()); !writable) return writable;
  }
  return {};
}

Result<std::shared_ptr<const tls::Credentials>> keep_renewed(const IdentityConfig& files, const tls::Credentials& own,
                                                             const wire::Renewed& answer) {
  const Staged cert(files.cert);
  const Staged ca(files.ca);
  if (auto written = cert.write(answer.chain); !written) return tl::unexpected(written.error());
  const auto bundle = answer.bundle.empty() ? own.ca_der() : tls::vouched_for(own.ca_der(), answer.bundle);
  if (bundle.empty()) return fail(Reason::renewal_unusable, "none of its CAs is ours or vouched for by ours");
  if (auto written = ca.write(bundle); !written) return tl::unexpected(written.error());
  auto renewed = tls::Credentials::load({cert.file(), files.key, ca.file()});
  if (!renewed) return fail(Reason::renewal_unusable, renewed.error().detail);
  if (auto good = judge(own, **renewed); !good) return tl::unexpected(good.error());
  if ((*renewed)->ca_hash() != own.ca_hash()) {
    if (auto placed = ca.place(); !placed) return tl::unexpected(placed.error());
  }
  if (auto placed = cert.place(); !placed) return tl::unexpected(placed.error());
  return renewed;
}

}  // namespace fairlead::agent
