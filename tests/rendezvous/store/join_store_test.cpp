#include "rendezvous/store/join_store.h"

#include <array>
#include <fstream>

#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

namespace fairlead::rendezvous {
namespace {

const WallTime kNow{std::chrono::seconds(1'800'000'000)};

TokenRecord fleet(std::int64_t uses = 1) {
  TokenRecord token;
  token.id.fill(7);
  token.cluster = "home";
  token.name = "dev-*";
  token.services = {"*.home", "web.*"};
  token.uses_left = uses;
  token.expires = kNow + 15min;
  return token;
}

wire::JoinSecret secret(std::uint8_t with = 9) {
  wire::JoinSecret out;
  out.fill(with);
  return out;
}

JoinAsk ask(const std::string& name, std::uint8_t key) {
  JoinAsk out;
  out.token.fill(7);
  out.secret = secret();
  out.name = name;
  out.key_sha256.fill(key);
  return out;
}

struct StoreRig {
  StoreRig() { REQUIRE(store->add(fleet(), secret())); }

  std::unique_ptr<JoinStore> opened() {
    auto out = JoinStore::open(dir.path());
    REQUIRE_MESSAGE(out, out.error().detail);
    return std::move(*out);
  }
  Result<JoinedDevice> redeem(const JoinAsk& who, WallTime now = kNow) {
    return store->redeem(who, now, [this](const TokenRecord&) -> Result<IssuedChain> {
      ++issued;
      if (signer_fails) return fail(Reason::signer_failed, "no");
      return IssuedChain{
          {static_cast<std::uint8_t>(issued)}, kNow + 24h * 30, {{1, static_cast<std::uint8_t>(issued)}, {2}}};
    });
  }
  Reason refusal(const JoinAsk& who, WallTime now = kNow) {
    const auto answer = redeem(who, now);
    REQUIRE_FALSE(answer);
    return answer.error().reason;
  }
  std::int64_t uses() {
    const auto tokens = store->list(kNow);
    REQUIRE(tokens);
    return tokens->empty() ? 0 : tokens->front().uses_left;
  }

  fairlead::test::TempDir dir;
  std::unique_ptr<JoinStore> store = opened();
  int issued = 0;
  bool signer_fails = false;
};

TEST_CASE("a token is listed as it was made, by another program, too") {
  StoreRig rig;
  const auto tokens = rig.opened()->list(kNow);
  REQUIRE(tokens);
  REQUIRE(tokens->size() == 1);
  const TokenRecord& token = tokens->front();
  CHECK(token.id == fleet().id);
  CHECK(token.cluster == "home");
  CHECK(token.name == "dev-*");
  CHECK(token.services == fleet().services);
  CHECK(token.uses_left == 1);
  CHECK(token.expires == fleet().expires);
  CHECK(rig.store->list(kNow + 15min)->empty());
}

TEST_CASE("one use is one device") {
  StoreRig rig;
  const auto joined = rig.redeem(ask("dev-1", 1));
  REQUIRE(joined);
  CHECK(joined->token.cluster == "home");
  CHECK(joined->issued.chain == std::vector<Bytes>{{1, 1}, {2}});
  CHECK(rig.uses() == 0);
  CHECK(rig.refusal(ask("dev-2", 2)) == Reason::token_used);
  CHECK(rig.issued == 1);
}

TEST_CASE("who asks again with the same key gets the same certificate for ten minutes, and takes no use") {
  StoreRig rig;
  REQUIRE(rig.redeem(ask("dev-1", 1)));
  rig.store = rig.opened();  // a restart in between
  const auto again = rig.redeem(ask("dev-1", 1), kNow + 9min);
  REQUIRE(again);
  CHECK(again->issued.chain == std::vector<Bytes>{{1, 1}, {2}});
  CHECK(again->issued.not_after == kNow + 24h * 30);
  CHECK(rig.issued == 1);
  CHECK(rig.refusal(ask("dev-1", 1), kNow + 10min) == Reason::token_used);
  JoinAsk guess = ask("dev-1", 1);
  guess.secret = secret(8);
  CHECK(rig.refusal(guess) == Reason::token_unknown);
}

TEST_CASE("who does not know the secret learns nothing of the token") {
  StoreRig rig;
  JoinAsk unknown = ask("dev-1", 1);
  unknown.token.fill(6);
  JoinAsk wrong = ask("dev-1", 1);
  wrong.secret = secret(8);
  CHECK(rig.refusal(unknown) == Reason::token_unknown);
  CHECK(rig.refusal(wrong) == Reason::token_unknown);
  CHECK(rig.refusal(wrong, kNow + 1h) == Reason::token_unknown);
  CHECK(rig.refusal(ask("dev-1", 1), kNow + 1h) == Reason::token_expired);
  REQUIRE(rig.redeem(ask("dev-1", 1)));
  CHECK(rig.refusal(wrong) == Reason::token_unknown);
  CHECK(rig.issued == 1);
}

TEST_CASE("a signer that fails leaves the token its use") {
  StoreRig rig;
  rig.signer_fails = true;
  CHECK(rig.refusal(ask("dev-1", 1)) == Reason::signer_failed);
  CHECK(rig.uses() == 1);
  rig.signer_fails = false;
  CHECK(rig.redeem(ask("dev-1", 1)));
}

TEST_CASE("a name fits the token's pattern and is held by one key") {
  StoreRig rig;
  CHECK(rig.refusal(ask("nas", 1)) == Reason::token_name);
  TokenRecord more = fleet(5);
  more.id.fill(8);
  REQUIRE(rig.store->add(more, secret()));
  REQUIRE(rig.redeem(ask("dev-1", 1)));
  JoinAsk other = ask("dev-1", 2);
  other.token.fill(8);
  CHECK(rig.refusal(other) == Reason::name_taken);
  CHECK(rig.uses() == 5);
}

TEST_CASE("a revoked token is unknown") {
  StoreRig rig;
  REQUIRE(rig.store->revoke(fleet().id));
  CHECK(rig.refusal(ask("dev-1", 1)) == Reason::token_unknown);
  const auto again = rig.store->revoke(fleet().id);
  REQUIRE_FALSE(again);
  CHECK(again.error().reason == Reason::token_unknown);
}

TEST_CASE("two that race for one use: one gets it") {
  StoreRig rig;
  const auto second = rig.opened();
  int refused = 0;
  const auto first = rig.store->redeem(
      ask("dev-1", 1), kNow, [](const TokenRecord&) -> Result<IssuedChain> { return IssuedChain{{1}, kNow, {{1}}}; });
  const auto late = second->redeem(ask("dev-2", 2), kNow, [&](const TokenRecord&) -> Result<IssuedChain> {
    ++refused;
    return IssuedChain{{2}, kNow, {{2}}};
  });
  CHECK(first);
  REQUIRE_FALSE(late);
  CHECK(late.error().reason == Reason::token_used);
  CHECK(refused == 0);
}

TEST_CASE("a newer file is not touched, a damaged one is named") {
  fairlead::test::TempDir dir;
  REQUIRE(JoinStore::open(dir.path()));
  const auto file = dir.path() / kJoinStoreFile;
  {
    auto newer = Database::open(file, std::array{"", "", "CREATE TABLE later (x)"});
    REQUIRE_MESSAGE(newer, newer.error().detail);
  }
  const auto refused = JoinStore::open(dir.path());
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == Reason::state_newer);
  std::ofstream(file, std::ios::trunc) << std::string(4096, 'x');
  const auto damaged = JoinStore::open(dir.path());
  REQUIRE_FALSE(damaged);
  CHECK(damaged.error().reason == Reason::state_damaged);
  CHECK(damaged.error().detail.find("join.db") != std::string::npos);
}

struct RenewRig : StoreRig {
  RenewRig() { REQUIRE(redeem(ask("dev-1", 1))); }

  RenewalAsk device(const std::string& name = "dev-1", std::uint8_t key = 1) {
    RenewalAsk out{"home", name, {}};
    out.key_sha256.fill(key);
    return out;
  }
  Result<IssuedChain> renew(const RenewalAsk& who, WallTime now) {
    return store->renew(who, now, [&](const IssuedChain& last) -> Result<IssuedChain> {
      lasts.push_back(last);
      if (signer_fails) return fail(Reason::signer_failed, "no");
      return IssuedChain{{static_cast<std::uint8_t>(100 + lasts.size())}, now + 24h * 30, {{3}, {4}}};
    });
  }
  Reason refusal(const RenewalAsk& who, WallTime now) {
    const auto answer = renew(who, now);
    REQUIRE_FALSE(answer);
    return answer.error().reason;
  }

  std::vector<IssuedChain> lasts;
};

TEST_CASE("a device's next certificate is made after its last one, and recorded") {
  RenewRig rig;
  const auto second = rig.renew(rig.device(), kNow + 20 * 24h);
  REQUIRE(second);
  CHECK(second->serial == Bytes{101});
  REQUIRE(rig.lasts.size() == 1);
  CHECK(rig.lasts[0].serial == Bytes{1});
  CHECK(rig.lasts[0].chain == std::vector<Bytes>{{1, 1}, {2}});
  rig.store = rig.opened();
  REQUIRE(rig.renew(rig.device(), kNow + 40 * 24h));
  CHECK(rig.lasts[1].serial == Bytes{101});
}

TEST_CASE("no key but the device's own renews, and no name but its own") {
  RenewRig rig;
  const WallTime later = kNow + 20 * 24h;
  CHECK(rig.refusal(rig.device("dev-1", 2), later) == Reason::device_unknown);
  CHECK(rig.refusal(rig.device("dev-2", 1), later) == Reason::device_unknown);
  RenewalAsk elsewhere = rig.device();
  elsewhere.cluster = "office";
  CHECK(rig.refusal(elsewhere, later) == Reason::device_unknown);
  CHECK(rig.lasts.empty());
  CHECK(rig.renew(rig.device(), later));
}

TEST_CASE("what a signer fails to renew is renewed the next time") {
  RenewRig rig;
  rig.signer_fails = true;
  CHECK(rig.refusal(rig.device(), kNow + 20 * 24h) == Reason::signer_failed);
  rig.signer_fails = false;
  REQUIRE(rig.renew(rig.device(), kNow + 20 * 24h));
  CHECK(rig.lasts.back().serial == Bytes{1});
}

TEST_CASE("a fresh certificate is told again, also after a lost answer") {
  RenewRig rig;
  CHECK(rig.renew(rig.device(), kNow + 9min)->serial == Bytes{1});
  const auto second = rig.renew(rig.device(), kNow + 10min);
  CHECK(second->serial == Bytes{101});
  CHECK(rig.renew(rig.device(), kNow + 19min)->serial == Bytes{101});
  // A clock that was set back must not tell the old one for ever.
  CHECK(rig.renew(rig.device(), kNow - 24h)->serial == Bytes{102});
}

TEST_CASE("of a short life only the first tenth is fresh") {
  RenewRig rig;
  const auto brief = rig.store->renew(rig.device(), kNow + 24h, [](const IssuedChain&) -> Result<IssuedChain> {
    return IssuedChain{{50}, kNow + 24h + 20s, {{3}}};
  });
  REQUIRE(brief);
  CHECK(rig.renew(rig.device(), kNow + 24h + 1s)->serial == Bytes{50});
  CHECK(rig.renew(rig.device(), kNow + 24h + 2s)->serial == Bytes{101});
}

TEST_CASE("a device is found by its key, under the name that it took last") {
  RenewRig rig;
  CHECK(rig.store->find_device(rig.device("", 2).key_sha256).error().reason == Reason::device_unknown);
  const auto found = rig.store->find_device(rig.device().key_sha256);
  REQUIRE(found);
  CHECK(found->cluster == "home");
  CHECK(found->name == "dev-1");
  TokenRecord another = fleet();
  another.id.fill(8);
  REQUIRE(rig.store->add(another, secret()));
  JoinAsk again = ask("dev-9", 1);
  again.token = another.id;
  REQUIRE(rig.redeem(again, kNow + 1min));
  CHECK(rig.store->find_device(rig.device().key_sha256)->name == "dev-9");
}

TEST_CASE("a file of the first version is brought up to date, with all that is in it") {
  fairlead::test::TempDir dir;
  const auto file = dir.path() / kJoinStoreFile;
  {
    auto old = JoinStore::open(dir.path());
    REQUIRE(old);
    REQUIRE((*old)->add(fleet(), secret()));
  }
  {
    auto back = Database::open(file, std::array{"", ""});
    REQUIRE(back);
    REQUIRE((*back)->execute("DROP TABLE revocations"));
    REQUIRE((*back)->execute("PRAGMA user_version = 1"));
  }
  const auto store = JoinStore::open(dir.path());
  REQUIRE_MESSAGE(store, store.error().detail);
  CHECK((*store)->list(kNow)->size() == 1);
  CHECK((*store)->revoke_identity("spiffe://td/a", kNow).value());
}

TEST_CASE("revocations are kept until they are taken back, for another program, too") {
  StoreRig rig;
  const std::string id = "spiffe://td/agent/home/nas1";
  CHECK(rig.store->revoked_identities()->empty());
  CHECK(rig.store->check_not_revoked(id));
  CHECK(rig.store->revoke_identity(id, kNow).value());
  CHECK_FALSE(rig.store->revoke_identity(id, kNow).value());
  CHECK(rig.store->check_not_revoked(id).error().reason == Reason::identity_revoked);
  CHECK(rig.store->check_not_revoked("spiffe://td/agent/home/nas2"));
  CHECK(*rig.opened()->revoked_identities() == std::vector<std::string>{id});
  CHECK(rig.opened()->unrevoke_identity(id).value());
  CHECK_FALSE(rig.store->unrevoke_identity(id).value());
  CHECK(rig.store->check_not_revoked(id));
}

}  // namespace
}  // namespace fairlead::rendezvous
