#include "common/tls/ticket_keys.h"

#include <sys/stat.h>

#include <algorithm>

#include "common/base/byte_reader.h"
#include "common/base/byte_writer.h"
#include "common/crypto/secret.h"
#include "common/tls/private_file.h"

namespace fairlead::tls {
namespace {

// File: magic, number of keys, then per key its id, secret and the Unix time at which it was made.
constexpr std::string_view kMagic = "fairlead ticket keys 1\n";
constexpr std::size_t kMaxFileBytes = 1024;

}  // namespace

std::string_view resumption_refused_text(ResumptionRefused cause) {
  switch (cause) {
    case ResumptionRefused::none:
      return "none";
    case ResumptionRefused::malformed:
      return "malformed";
    case ResumptionRefused::unknown_key:
      return "unknown_key";
    case ResumptionRefused::forged:
      return "forged";
    case ResumptionRefused::expired:
      return "expired";
    case ResumptionRefused::too_old:
      return "too_old";
    case ResumptionRefused::ca_changed:
      return "ca_changed";
  }
  return "";
}

std::shared_ptr<TicketKeys> TicketKeys::open(const std::filesystem::path& file, Rng& rng, WallTime now) {
  const std::shared_ptr<TicketKeys> keys(new TicketKeys(file, rng));
  struct stat found{};
  const bool exists = ::lstat(file.c_str(), &found) == 0;
  std::optional<Error> unread;
  if (exists) {
    Result<Bytes> content = read_own_file(file, kMaxFileBytes);
    const bool usable = content && keys->parse(*content);
    if (content) crypto::wipe(*content);
    if (usable) return keys;
    unread = content ? Error{Reason::io_failed, file.string() + ": damaged"} : content.error();
    unread->detail += "; replaced by new keys, no session is resumed";
  }
  keys->current_ = keys->make_key(now);
  keys->previous_.reset();
  keys->problem_ = unread;
  keys->keep();
  return keys;
}

std::shared_ptr<TicketKeys> TicketKeys::in_memory(Rng& rng, WallTime now) {
  std::shared_ptr<TicketKeys> keys(new TicketKeys({}, rng));
  keys->current_ = keys->make_key(now);
  return keys;
}

TicketKeys::~TicketKeys() {
  crypto::wipe(current_.secret);
  if (previous_) crypto::wipe(previous_->secret);
}

TicketKey TicketKeys::make_key(WallTime now) {
  TicketKey key;
  rng_.fill(key.id);
  rng_.fill(key.secret);
  key.made = now;
  return key;
}

Bytes TicketKeys::seal(ByteView state, WallTime now) {
  const std::lock_guard lock(mutex_);
  rotate_if_due(now);
  crypto::GcmNonce nonce;
  rng_.fill(nonce);
  const Bytes sealed = crypto::aes256_gcm_seal(current_.secret, nonce, current_.id, state);
  Bytes ticket(current_.id.size() + nonce.size() + sealed.size());
  auto at = std::ranges::copy(current_.id, ticket.begin()).out;
  at = std::ranges::copy(nonce, at).out;
  std::ranges::copy(sealed, at);
  return ticket;
}

tl::expected<Bytes, ResumptionRefused> TicketKeys::unseal(ByteView ticket) const {
  ByteReader in(ticket);
  const ByteView id = in.bytes(current_.id.size());
  crypto::GcmNonce nonce;
  const ByteView raw_nonce = in.bytes(nonce.size());
  if (!in.ok()) return tl::unexpected(ResumptionRefused::malformed);
  std::ranges::copy(raw_nonce, nonce.begin());

  const std::lock_guard lock(mutex_);
  const TicketKey* key = nullptr;
  if (std::ranges::equal(id, current_.id)) key = &current_;
  if (previous_ && std::ranges::equal(id, previous_->id)) key = &*previous_;
  if (key == nullptr) return tl::unexpected(ResumptionRefused::unknown_key);
  std::optional<Bytes> state = crypto::aes256_gcm_open(key->secret, nonce, id, in.rest());
  if (!state) return tl::unexpected(ResumptionRefused::forged);
  return std::move(*state);
}

std::optional<Error> TicketKeys::unwritable() const {
  const std::lock_guard lock(mutex_);
  return unwritable_;
}

std::optional<Error> TicketKeys::take_problem() {
  const std::lock_guard lock(mutex_);
  return std::exchange(problem_, std::nullopt);
}

// A clock that was set far back counts as due too: a key must not live on until time has caught up.
void TicketKeys::rotate_if_due(WallTime now) {
  const auto age = now - current_.made;
  if (age < kTicketKeyRotation && age > -kTicketKeyRotation) return;
  if (previous_) crypto::wipe(previous_->secret);
  previous_ = current_;
  current_ = make_key(now);
  keep();
}

void TicketKeys::keep() {
  const auto saved = save();
  unwritable_ = saved ? std::nullopt : std::optional(Error{Reason::state_unwritable, saved.error().detail});
  if (unwritable_) problem_ = unwritable_;
}

Result<void> TicketKeys::save() const {
  if (file_.empty()) return {};
  Bytes content;
  content.reserve(kMaxFileBytes);  // so that growing leaves no copy of the secrets behind
  ByteWriter out(content);
  out.text(kMagic);
  out.u8(previous_ ? 2 : 1);
  const auto write_key = [&out](const TicketKey& key) {
    out.bytes(key.id);
    out.bytes(key.secret);
    out.u64(static_cast<std::uint64_t>(key.made.time_since_epoch().count()));
  };
  write_key(current_);
  if (previous_) write_key(*previous_);
  Result<void> saved = replace_private_file(file_, content);
  crypto::wipe(content);
  return saved;
}

bool TicketKeys::parse(ByteView content) {
  ByteReader in(content);
  if (as_text(in.bytes(kMagic.size())) != kMagic) return false;
  const std::uint8_t count = in.u8();
  if (count != 1 && count != 2) return false;
  const auto read_key = [&in](TicketKey& key) {
    const ByteView id = in.bytes(key.id.size());
    const ByteView secret = in.bytes(key.secret.size());
    key.made = WallTime(std::chrono::seconds(static_cast<std::int64_t>(in.u64() & INT64_MAX) % (INT64_MAX / 2)));
    if (!in.ok()) return;
    std::ranges::copy(id, key.id.begin());
    std::ranges::copy(secret, key.secret.begin());
  };
  read_key(current_);
  if (count == 2) read_key(previous_.emplace());
  return in.finished();
}

}  // namespace fairlead::tls
