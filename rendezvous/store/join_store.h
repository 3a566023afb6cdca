#pragma once
// Who may join, and who did: tokens, devices and issuances in STATE_DIR/join.db, which the server, `token` and `revoke`
// share.
//   tokens     id, SHA-256 of the secret, uses left, end, cluster, pattern of names, patterns of services
//   devices    one row for each name of a cluster: the key that holds it
//   issuances  one row for each certificate, with its chain: what a device whose answer was lost is told again, and
//              what the next one of this device is made after
//   revocations  ids that are not let in, whatever certificate they show, until somebody takes that back
// A use is taken in the transaction that issues: neither is there without the other, whatever dies in between.
// Who does not know a token's secret learns nothing of it: an unknown id and a wrong secret get the same answer by the
// same steps; who knows it is told whether it ended or was used. Blocking; one thread at a time (database.h).
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/wire/join.h"
#include "rendezvous/store/database.h"

namespace fairlead::rendezvous {

inline constexpr std::string_view kJoinStoreFile = "join.db";
inline constexpr std::chrono::minutes kSameAnswer{10};  // for the same key: the answer may have been lost
inline constexpr int kFreshPart = 10;  // a certificate is not renewed in the first tenth of its life, but told again

struct TokenRecord {
  wire::JoinTokenId id{};
  std::string cluster;
  std::string name = "*";             // glob over the names that may be taken
  std::vector<std::string> services;  // SERVICE.CLUSTER patterns: what its certificates name
  std::int64_t uses_left = 1;
  WallTime expires{};
};

struct JoinAsk {
  wire::JoinTokenId token{};
  wire::JoinSecret secret{};
  std::string name;
  crypto::Digest key_sha256{};  // of the key whose possession was proved
};

struct IssuedChain {
  Bytes serial;
  WallTime not_after{};
  std::vector<Bytes> chain;  // DER, the device's own first
};

// Who asks for another certificate: a device that is here, by its name and its key.
struct RenewalAsk {
  std::string cluster;
  std::string name;
  crypto::Digest key_sha256{};  // of the key whose possession was proved
};

struct JoinedDevice {
  TokenRecord token;
  IssuedChain issued;
};

class JoinStore {
 public:
  // In `state_dir`, which exists. Errors: those of Database::open.
  static Result<std::unique_ptr<JoinStore>> open(const std::filesystem::path& state_dir);

  Result<void> add(const TokenRecord& token, const wire::JoinSecret& secret);
  // Those that can be used at `now`, the oldest end first.
  Result<std::vector<TokenRecord>> list(WallTime now);
  // token_unknown: there is none.
  Result<void> revoke(const wire::JoinTokenId& id);

  // Called within the transaction; an error leaves the token as it was.
  using Issue = std::function<Result<IssuedChain>(const TokenRecord&)>;
  // token_unknown, token_expired, token_used, token_name, name_taken, what `issue` says, state_unwritable.
  Result<JoinedDevice> redeem(const JoinAsk& ask, WallTime now, const Issue& issue);

  // The next certificate of a device after its `last` one, recorded as it is issued. One that is younger than
  // kSameAnswer and kFreshPart of its life is told again. device_unknown, what `reissue` says, state_unwritable.
  using Reissue = std::function<Result<IssuedChain>(const IssuedChain& last)>;
  Result<IssuedChain> renew(const RenewalAsk& ask, WallTime now, const Reissue& reissue);
  // Whose key this is; of several names the one that joined last. device_unknown.
  Result<RenewalAsk> find_device(const crypto::Digest& key_sha256);

  // Of SPIFFE ids. False: it was so before.
  Result<bool> revoke_identity(const std::string& id, WallTime now);
  Result<bool> unrevoke_identity(const std::string& id);
  Result<std::vector<std::string>> revoked_identities();
  // identity_revoked.
  Result<void> check_not_revoked(const std::string& id);

 private:
  explicit JoinStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}
  Result<TokenRecord> find_token(const JoinAsk& ask);
  Result<std::optional<IssuedChain>> issued_before(const JoinAsk& ask, const TokenRecord& token, WallTime now);
  Result<void> judge(const JoinAsk& ask, const TokenRecord& token, WallTime now);
  Result<void> record(const JoinAsk& ask, const TokenRecord& token, const IssuedChain& issued, WallTime now);
  struct LastIssuance {
    Bytes token;
    WallTime issued{};
    IssuedChain chain;
  };
  Result<LastIssuance> last_issued(const RenewalAsk& ask);
  Result<void> record(const RenewalAsk& ask, const Bytes& token, const IssuedChain& issued, WallTime now);

  std::unique_ptr<Database> database_;
};

}  // namespace fairlead::rendezvous
