#include "rendezvous/join/joining.h"

#include <fmt/format.h>

#include <algorithm>

#include "common/base/log.h"
#include "common/base/pattern.h"
#include "common/tls/time_text.h"
#include "rendezvous/ca/ca.h"
#include "rendezvous/ca/certificate_request.h"

namespace fairlead::rendezvous {
namespace {

constexpr fmt::string_view kAgentId = "spiffe://{}/agent/{}/{}";  // trust domain, cluster, name

// `*` for one label stands only first in a certificate (RFC 6125 §6.4.3).
bool x509_can_say(std::string_view pattern) {
  if (pattern.starts_with("*.")) pattern.remove_prefix(2);
  return pattern.find_first_of("*{") == std::string_view::npos;
}

std::vector<std::string> dns_names(const TokenRecord& token, const std::string& name) {
  std::vector<std::string> out{name + "." + token.cluster};
  for (const std::string& pattern : token.services) {
    if (x509_can_say(pattern) && std::ranges::find(out, pattern) == out.end()) out.push_back(pattern);
  }
  return out;
}

// The names of a certificate that we issued.
Result<tls::AlternativeNames> names_of(const IssuedChain& issued) {
  if (!issued.chain.empty()) {
    if (auto names = tls::read_alternative_names(issued.chain.front())) return names;
  }
  return fail(Reason::state_damaged, "the device's last certificate cannot be read");
}

// What is wrong with our own files is told in our log alone.
Error told(const Error& why) {
  const bool ours = why.reason == Reason::state_unwritable || why.reason == Reason::state_damaged;
  return ours || why.reason == Reason::internal ? Error{Reason::signer_failed, ""} : why;
}

// What a person must change first is asked about once a day.
constexpr std::chrono::seconds kUnknownRetry = 24h;
constexpr std::chrono::seconds kFailedRetry = 1min;

}  // namespace

JoinFacts join_facts(const ServerConfig& server, const tls::Credentials& credentials) {
  JoinFacts out{.bundle = credentials.ca_der(), .rendezvous = {}, .rendezvous_id = credentials.spiffe_id()};
  for (const HostPort& each : server.public_addresses) out.rendezvous.push_back(each.to_string());
  // Every rendezvous of the mesh, where this one is named as agents expect it by default.
  const std::string usual = fmt::format("spiffe://{}/rendezvous/*", credentials.trust_domain());
  Captures none;
  if (pattern_match(PatternKind::spiffe, usual, out.rendezvous_id, none)) out.rendezvous_id = usual;
  if (out.bundle.size() > wire::kMaxJoinCertificates) out.bundle.resize(wire::kMaxJoinCertificates);
  if (out.rendezvous.size() > wire::kMaxJoinAddresses) out.rendezvous.resize(wire::kMaxJoinAddresses);
  return out;
}

Result<std::unique_ptr<Joining>> Joining::open(const SignerConfig& signer, const std::string& state_dir,
                                               JoinFacts facts) {
  std::unique_ptr<Joining> out(new Joining(signer, std::move(facts)));
  if (signer.mode != SignerMode::none) {
    auto issuer = Issuer::open(signer.cert, signer.key);
    if (!issuer) return tl::unexpected(issuer.error());
    out->issuer_ = std::move(*issuer);
  }
  // Who is revoked is written there, too.
  auto store = JoinStore::open(state_dir);
  if (store) {
    out->store_ = std::move(*store);
  } else if (out->issuer_ || store.error().reason != Reason::state_unwritable) {
    return tl::unexpected(store.error());
  }
  return out;
}

Result<std::vector<std::string>> Joining::revoked() {
  if (!store_) return std::vector<std::string>();
  return store_->revoked_identities();
}

wire::JoinAnswer Joining::answer(const wire::JoinQuestion& question, const SocketAddress& peer, WallTime now) {
  auto joined = std::visit([&](const auto& each) { return join(each, peer, now); }, question);
  if (joined) return std::move(*joined);
  const Error& why = joined.error();
  const auto* request = std::get_if<wire::JoinRequest>(&question);
  log(Level::warn, "a device was not let in",
      {{"reason", reason_code(why.reason)},
       {"peer", peer.to_string()},
       {"agent", request == nullptr ? "" : request->name},
       {"token", request == nullptr ? "" : wire::join_token_id_text(request->token)},
       {"detail", why.detail}});
  const Error said = told(why);
  return wire::JoinRefused{std::string(reason_code(said.reason)), said.detail};
}

Result<wire::Joined> Joining::join(const wire::JoinRequest& request, const SocketAddress& peer, WallTime now) {
  if (!issuer_) return fail(Reason::signer_none, "");
  if (!is_label(request.name))
    return fail(Reason::token_name, "a name is one label of lower-case letters, digits and hyphens");
  tls::OwnedKey key;
  const auto key_sha256 = read_certificate_request(request.csr, key);
  if (!key_sha256) return tl::unexpected(key_sha256.error());
  const JoinAsk ask{request.token, request.secret, request.name, *key_sha256};
  auto device = store_->redeem(ask, now, [&](const TokenRecord& token) -> Result<IssuedChain> {
    const std::string id = agent_id(token.cluster, request.name);
    if (auto free = store_->check_not_revoked(id); !free) return tl::unexpected(free.error());
    return sign({{id}, dns_names(token, request.name), {}}, request.name, key, now);
  });
  if (!device) return tl::unexpected(device.error());
  log(Level::info, "a device joined",
      {{"agent", request.name + "." + device->token.cluster},
       {"peer", peer.to_string()},
       {"token", wire::join_token_id_text(request.token)},
       {"serial", to_hex(device->issued.serial)},
       {"not_after", tls::time_text(device->issued.not_after)},
       {"software", request.software}});
  return joined(std::move(device->issued), device->token.cluster, request.name);
}

wire::Joined Joining::joined(IssuedChain issued, const std::string& cluster, const std::string& name) const {
  return {.chain = std::move(issued.chain),
          .bundle = facts_.bundle,
          .trust_domain = issuer_->trust_domain(),
          .cluster = cluster,
          .name = name,
          .rendezvous = facts_.rendezvous,
          .rendezvous_id = facts_.rendezvous_id};
}

Result<wire::Joined> Joining::join(const wire::LateRenewal& request, const SocketAddress& peer, WallTime now) {
  if (!issuer_) return fail(Reason::signer_none, "");
  tls::OwnedKey key;
  const auto key_sha256 = read_certificate_request(request.csr, key);
  if (!key_sha256) return tl::unexpected(key_sha256.error());
  const auto device = store_->find_device(*key_sha256);
  if (!device) return tl::unexpected(device.error());
  auto issued = reissue(*device, key, peer, now);
  if (!issued) return tl::unexpected(issued.error());
  return joined(std::move(*issued), device->cluster, device->name);
}

wire::Renewed Joining::answer(const RenewalRequest& request, const SocketAddress& peer, WallTime now) {
  auto renewed = renew(request, peer, now);
  if (renewed) return std::move(*renewed);
  const Error& why = renewed.error();
  log(Level::warn, "a certificate was not renewed",
      {{"reason", reason_code(why.reason)},
       {"peer", peer.to_string()},
       {"agent", request.spiffe_id},
       {"detail", why.detail}});
  const Reason said = told(why).reason;
  return wire::renewal_refused(said, said == Reason::signer_failed ? kFailedRetry : kUnknownRetry);
}

Result<wire::Renewed> Joining::renew(const RenewalRequest& request, const SocketAddress& peer, WallTime now) {
  if (!issuer_) return fail(Reason::signer_none, "");
  const std::string ours = fmt::format(kAgentId, issuer_->trust_domain(), "{cluster}", "{name}");
  Captures device;
  if (!pattern_match(PatternKind::spiffe, ours, request.spiffe_id, device))
    return fail(Reason::device_unknown, "it is no agent of this CA");
  tls::OwnedKey key;
  const auto key_sha256 = read_certificate_request(request.csr, key);
  if (!key_sha256) return tl::unexpected(key_sha256.error());
  const RenewalAsk ask{device["cluster"], device["name"], *key_sha256};
  auto issued = reissue(ask, key, peer, now);
  if (!issued) return tl::unexpected(issued.error());
  wire::Renewed out{.code = "", .retry_after_s = 0, .chain = std::move(issued->chain), .bundle = facts_.bundle};
  if (!wire::is_sendable(out)) return fail(Reason::signer_failed, "chain and CA bundle do not fit one message");
  return out;
}

std::string Joining::agent_id(const std::string& cluster, const std::string& name) const {
  return fmt::format(kAgentId, issuer_->trust_domain(), cluster, name);
}

Result<IssuedChain> Joining::reissue(const RenewalAsk& ask, tls::OwnedKey& key, const SocketAddress& peer,
                                     WallTime now) {
  if (auto free = store_->check_not_revoked(agent_id(ask.cluster, ask.name)); !free)
    return tl::unexpected(free.error());
  auto issued = store_->renew(ask, now, [&](const IssuedChain& last) -> Result<IssuedChain> {
    if (now - signer_.renew_grace >= last.not_after)
      return fail(Reason::device_ended, "its last certificate ended " + tls::time_text(last.not_after));
    auto names = names_of(last);
    if (!names) return tl::unexpected(names.error());
    return sign(std::move(*names), ask.name, key, now);
  });
  if (!issued) return issued;
  log(Level::info, "a certificate was renewed",
      {{"agent", ask.name + "." + ask.cluster},
       {"peer", peer.to_string()},
       {"serial", to_hex(issued->serial)},
       {"not_after", tls::time_text(issued->not_after)}});
  return issued;
}

Result<IssuedChain> Joining::sign(tls::AlternativeNames names, const std::string& name, tls::OwnedKey& key,
                                  WallTime now) {
  CertificateSpec spec;
  spec.serial = random_serial();
  spec.subject = "CN=" + name.substr(0, kMaxCommonName);
  spec.names = std::move(names);
  spec.not_before = now - std::min<std::chrono::seconds>(kBackdated, signer_.leaf_life / 10);
  spec.not_after = std::min(now + signer_.leaf_life, issuer_->not_after());
  if (spec.not_after <= now) return fail(Reason::signer_failed, "the signer's own certificate has expired");
  auto chain = issuer_->sign(spec, key);
  if (!chain) return fail(Reason::signer_failed, chain.error().detail);
  return IssuedChain{spec.serial, spec.not_after, std::move(*chain)};
}

}  // namespace fairlead::rendezvous
