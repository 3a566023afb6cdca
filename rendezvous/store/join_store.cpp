#include "rendezvous/store/join_store.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/base/byte_reader.h"
#include "common/crypto/sha256.h"
#include "rendezvous/registry/listing.h"

namespace fairlead::rendezvous {
namespace {

constexpr const char* kFirst = R"(
CREATE TABLE tokens (id BLOB PRIMARY KEY, secret_sha256 BLOB NOT NULL, uses_left INTEGER NOT NULL,
                     expires INTEGER NOT NULL, cluster TEXT NOT NULL, name TEXT NOT NULL, services TEXT NOT NULL);
CREATE TABLE devices (cluster TEXT NOT NULL, name TEXT NOT NULL, key_sha256 BLOB NOT NULL, token BLOB NOT NULL,
                      joined INTEGER NOT NULL, PRIMARY KEY (cluster, name));
CREATE TABLE issuances (serial BLOB PRIMARY KEY, cluster TEXT NOT NULL, name TEXT NOT NULL, key_sha256 BLOB NOT NULL,
                        token BLOB NOT NULL, issued INTEGER NOT NULL, not_after INTEGER NOT NULL, chain BLOB NOT NULL);
CREATE INDEX issuances_by_key ON issuances (key_sha256);
)";
constexpr const char* kRevocations = "CREATE TABLE revocations (id TEXT PRIMARY KEY, revoked INTEGER NOT NULL)";
// Files of any of these versions are about: a step is never changed, a new version is a new step.
constexpr const char* kSteps[] = {kFirst, kRevocations};
constexpr std::string_view kTokenColumns = "id, cluster, name, services, uses_left, expires, secret_sha256";

std::int64_t seconds_of(WallTime time) {
  return time.time_since_epoch().count();
}

WallTime time_of(std::int64_t seconds) {
  return WallTime(std::chrono::seconds(seconds));
}

std::vector<std::string> split(const std::string& words) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < words.size();) {
    const std::size_t end = std::min(words.find(' ', at), words.size());
    out.push_back(words.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

TokenRecord token_of(const Statement& row) {
  TokenRecord out;
  const Bytes id = row.blob(0);
  std::copy_n(id.begin(), std::min(id.size(), out.id.size()), out.id.begin());
  out.cluster = row.text(1);
  out.name = row.text(2);
  out.services = split(row.text(3));
  out.uses_left = row.integer(4);
  out.expires = time_of(row.integer(5));
  return out;
}

Bytes pack(const std::vector<Bytes>& chain) {
  Bytes out;
  ByteWriter writer(out);
  for (const Bytes& certificate : chain) writer.bytes16(certificate);
  return out;
}

std::vector<Bytes> unpack(const Bytes& packed) {
  std::vector<Bytes> out;
  ByteReader reader(packed);
  while (reader.ok() && !reader.empty()) {
    const ByteView certificate = reader.bytes16();
    out.emplace_back(certificate.begin(), certificate.end());
  }
  return out;
}

}  // namespace

Result<std::unique_ptr<JoinStore>> JoinStore::open(const std::filesystem::path& state_dir) {
  auto database = Database::open(state_dir / kJoinStoreFile, kSteps);
  if (!database) return tl::unexpected(database.error());
  return std::unique_ptr<JoinStore>(new JoinStore(std::move(*database)));
}

Result<void> JoinStore::add(const TokenRecord& token, const wire::JoinSecret& secret) {
  Statement insert(database_->get(), fmt::format("INSERT INTO tokens ({}) VALUES (?,?,?,?,?,?,?)", kTokenColumns));
  insert.bind(ByteView(token.id)).bind(token.cluster).bind(token.name);
  insert.bind(std::string_view(fmt::format("{}", fmt::join(token.services, " "))));
  insert.bind(token.uses_left).bind(seconds_of(token.expires)).bind(ByteView(crypto::sha256(secret)));
  insert.step();
  if (!insert.ok()) return tl::unexpected(database_->error());
  return {};
}

Result<std::vector<TokenRecord>> JoinStore::list(WallTime now) {
  Statement rows(
      database_->get(),
      fmt::format("SELECT {} FROM tokens WHERE uses_left > 0 AND expires > ? ORDER BY expires, id", kTokenColumns));
  rows.bind(seconds_of(now));
  std::vector<TokenRecord> out;
  while (rows.step()) out.push_back(token_of(rows));
  if (!rows.ok()) return tl::unexpected(database_->error());
  return out;
}

Result<void> JoinStore::revoke(const wire::JoinTokenId& id) {
  Statement gone(database_->get(), "DELETE FROM tokens WHERE id = ? RETURNING id");
  gone.bind(ByteView(id));
  const bool found = gone.step();
  if (!gone.ok()) return tl::unexpected(database_->error());
  gone.step();
  if (!found) return fail(Reason::token_unknown, fmt::format("there is no token {}", wire::join_token_id_text(id)));
  return {};
}

Result<TokenRecord> JoinStore::find_token(const JoinAsk& ask) {
  Statement row(database_->get(), fmt::format("SELECT {} FROM tokens WHERE id = ?", kTokenColumns));
  row.bind(ByteView(ask.token));
  const bool found = row.step();
  if (!row.ok()) return tl::unexpected(database_->error());
  // A stranger's wait says nothing: the same steps where there is no such token.
  TokenRecord token = token_of(row);
  Bytes expected = row.blob(6);
  expected.resize(crypto::Digest{}.size());
  const bool same = crypto::equal_constant_time(expected, crypto::sha256(ask.secret));
  if (!found || !same) return fail(Reason::token_unknown, "");
  return token;
}

Result<std::optional<IssuedChain>> JoinStore::issued_before(const JoinAsk& ask, const TokenRecord& token,
                                                            WallTime now) {
  Statement row(database_->get(),
                "SELECT serial, not_after, chain FROM issuances WHERE key_sha256 = ? AND token = ? AND name = ? AND "
                "issued > ? ORDER BY issued DESC LIMIT 1");
  row.bind(ByteView(ask.key_sha256)).bind(ByteView(token.id)).bind(ask.name).bind(seconds_of(now - kSameAnswer));
  std::optional<IssuedChain> out;
  if (row.step()) out = IssuedChain{row.blob(0), time_of(row.integer(1)), unpack(row.blob(2))};
  if (!row.ok()) return tl::unexpected(database_->error());
  return out;
}

Result<void> JoinStore::judge(const JoinAsk& ask, const TokenRecord& token, WallTime now) {
  if (now >= token.expires) return fail(Reason::token_expired, "");
  if (token.uses_left <= 0) return fail(Reason::token_used, "");
  if (!glob_match(token.name, ask.name)) {
    return fail(Reason::token_name, fmt::format("\"{}\" does not fit {}", ask.name, token.name));
  }
  Statement holder(database_->get(), "SELECT key_sha256 FROM devices WHERE cluster = ? AND name = ?");
  holder.bind(token.cluster).bind(ask.name);
  const bool held = holder.step();
  if (!holder.ok()) return tl::unexpected(database_->error());
  if (held && holder.blob(0) != Bytes(ask.key_sha256.begin(), ask.key_sha256.end())) {
    return fail(Reason::name_taken, fmt::format("{}.{} is held by another device", ask.name, token.cluster));
  }
  return {};
}

Result<void> JoinStore::record(const JoinAsk& ask, const TokenRecord& token, const IssuedChain& issued, WallTime now) {
  Statement use(database_->get(), "UPDATE tokens SET uses_left = uses_left - 1 WHERE id = ?");
  use.bind(ByteView(token.id)).step();
  Statement device(database_->get(), "INSERT OR REPLACE INTO devices VALUES (?,?,?,?,?)");
  device.bind(token.cluster).bind(ask.name).bind(ByteView(ask.key_sha256)).bind(ByteView(token.id));
  device.bind(seconds_of(now)).step();
  if (!use.ok() || !device.ok()) return tl::unexpected(database_->error());
  return record({token.cluster, ask.name, ask.key_sha256}, Bytes(token.id.begin(), token.id.end()), issued, now);
}

Result<void> JoinStore::record(const RenewalAsk& ask, const Bytes& token, const IssuedChain& issued, WallTime now) {
  Statement issuance(database_->get(), "INSERT INTO issuances VALUES (?,?,?,?,?,?,?,?)");
  issuance.bind(ByteView(issued.serial)).bind(ask.cluster).bind(ask.name).bind(ByteView(ask.key_sha256));
  issuance.bind(ByteView(token)).bind(seconds_of(now)).bind(seconds_of(issued.not_after));
  issuance.bind(ByteView(pack(issued.chain))).step();
  if (!issuance.ok()) return tl::unexpected(database_->error());
  return {};
}

Result<JoinedDevice> JoinStore::redeem(const JoinAsk& ask, WallTime now, const Issue& issue) {
  Transaction transaction(*database_);
  if (!transaction.begun()) return tl::unexpected(transaction.begun().error());
  const auto token = find_token(ask);
  if (!token) return tl::unexpected(token.error());
  auto before = issued_before(ask, *token, now);
  if (!before) return tl::unexpected(before.error());
  if (*before) return JoinedDevice{*token, std::move(**before)};
  if (auto allowed = judge(ask, *token, now); !allowed) return tl::unexpected(allowed.error());
  auto issued = issue(*token);
  if (!issued) return tl::unexpected(issued.error());
  if (auto kept = record(ask, *token, *issued, now); !kept) return tl::unexpected(kept.error());
  if (auto done = transaction.commit(); !done) return tl::unexpected(done.error());
  return JoinedDevice{*token, std::move(*issued)};
}

// By way of what was issued, which has an index by keys: a stranger may ask this.
Result<RenewalAsk> JoinStore::find_device(const crypto::Digest& key_sha256) {
  Statement row(database_->get(),
                "SELECT d.cluster, d.name FROM issuances i JOIN devices d USING (cluster, name, key_sha256) "
                "WHERE i.key_sha256 = ? ORDER BY d.joined DESC, d.rowid DESC LIMIT 1");
  row.bind(ByteView(key_sha256));
  const bool found = row.step();
  if (!row.ok()) return tl::unexpected(database_->error());
  if (!found) return fail(Reason::device_unknown, "");
  return RenewalAsk{row.text(0), row.text(1), key_sha256};
}

Result<JoinStore::LastIssuance> JoinStore::last_issued(const RenewalAsk& ask) {
  Statement row(database_->get(),
                "SELECT i.token, i.issued, i.serial, i.not_after, i.chain FROM devices d JOIN issuances i "
                "USING (cluster, name, key_sha256) WHERE d.cluster = ? AND d.name = ? AND d.key_sha256 = ? "
                "ORDER BY i.rowid DESC LIMIT 1");
  row.bind(ask.cluster).bind(ask.name).bind(ByteView(ask.key_sha256));
  const bool found = row.step();
  if (!row.ok()) return tl::unexpected(database_->error());
  if (!found) return fail(Reason::device_unknown, "");
  return LastIssuance{
      row.blob(0), time_of(row.integer(1)), {row.blob(2), time_of(row.integer(3)), unpack(row.blob(4))}};
}

Result<IssuedChain> JoinStore::renew(const RenewalAsk& ask, WallTime now, const Reissue& reissue) {
  Transaction transaction(*database_);
  if (!transaction.begun()) return tl::unexpected(transaction.begun().error());
  auto last = last_issued(ask);
  if (!last) return tl::unexpected(last.error());
  const auto fresh = std::min<Duration>(kSameAnswer, (last->chain.not_after - last->issued) / kFreshPart);
  if (now >= last->issued && now < last->issued + fresh) return std::move(last->chain);
  auto issued = reissue(last->chain);
  if (!issued) return issued;
  if (auto kept = record(ask, last->token, *issued, now); !kept) return tl::unexpected(kept.error());
  if (auto done = transaction.commit(); !done) return tl::unexpected(done.error());
  return issued;
}

Result<bool> JoinStore::revoke_identity(const std::string& id, WallTime now) {
  Statement insert(database_->get(), "INSERT OR IGNORE INTO revocations VALUES (?,?) RETURNING id");
  insert.bind(id).bind(seconds_of(now));
  const bool added = insert.step();
  if (!insert.ok()) return tl::unexpected(database_->error());
  insert.step();
  return added;
}

Result<bool> JoinStore::unrevoke_identity(const std::string& id) {
  Statement gone(database_->get(), "DELETE FROM revocations WHERE id = ? RETURNING id");
  gone.bind(id);
  const bool found = gone.step();
  if (!gone.ok()) return tl::unexpected(database_->error());
  gone.step();
  return found;
}

Result<std::vector<std::string>> JoinStore::revoked_identities() {
  Statement rows(database_->get(), "SELECT id FROM revocations ORDER BY id");
  std::vector<std::string> out;
  while (rows.step()) out.push_back(rows.text(0));
  if (!rows.ok()) return tl::unexpected(database_->error());
  return out;
}

Result<void> JoinStore::check_not_revoked(const std::string& id) {
  Statement row(database_->get(), "SELECT revoked FROM revocations WHERE id = ?");
  row.bind(id);
  const bool found = row.step();
  if (!row.ok()) return tl::unexpected(database_->error());
  if (found) return fail(Reason::identity_revoked, id);
  return {};
}

}  // namespace fairlead::rendezvous
