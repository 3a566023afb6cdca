#pragma once
// Keys that seal our session tickets (RFC 5077 §4): AES-256-GCM, a current and a previous one, in a file of mode 0600,
// so that agents resume after a restart of the rendezvous. Shared by all control threads; locked inside. Every seal
// with a due key rotates it and rewrites the file (temporary file, fsync, rename): twice a day.
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>

#include "common/base/bytes.h"
#include "common/base/random.h"
#include "common/base/result.h"
#include "common/base/time.h"
#include "common/crypto/aes_gcm.h"

namespace fairlead::tls {

inline constexpr std::chrono::hours kTicketKeyRotation{12};
inline constexpr std::chrono::hours kMaxTicketLifetime{24};

// Why a ticket that a client offered was not used; a full handshake follows.
enum class ResumptionRefused : std::uint8_t {
  none,
  malformed,    // not a ticket of ours
  unknown_key,  // sealed under a key that was rotated away, or by another server
  forged,       // the tag does not fit
  expired,      // the chain behind it has ended
  too_old,      // issued longer than kMaxTicketLifetime ago, or in the future
  ca_changed,   // the CA bundle is another one now
};
std::string_view resumption_refused_text(ResumptionRefused cause);

// One sealing key; `id` stands at the head of each ticket sealed under it.
struct TicketKey {
  std::array<std::uint8_t, 16> id{};
  crypto::AesKey secret{};
  WallTime made{};
};

class TicketKeys {
 public:
  // Reads `file`, or makes it when it does not exist. One that is damaged or not ours is replaced and told by
  // take_problem(); what cannot be written is as well, and the keys live in memory.
  // `rng` must outlive this and be usable from all threads that seal (crypto::SystemRng is).
  static std::shared_ptr<TicketKeys> open(const std::filesystem::path& file, Rng& rng, WallTime now);
  // Keys that live in memory alone.
  static std::shared_ptr<TicketKeys> in_memory(Rng& rng, WallTime now);
  ~TicketKeys();

  Bytes seal(ByteView state, WallTime now);
  // The cause is malformed, unknown_key or forged.
  tl::expected<Bytes, ResumptionRefused> unseal(ByteView ticket) const;

  // Why the file does not hold the keys; they work on in memory. state_unwritable.
  std::optional<Error> unwritable() const;
  // The same, or that the file was damaged, once.
  std::optional<Error> take_problem();

 private:
  TicketKeys(std::filesystem::path file, Rng& rng) : file_(std::move(file)), rng_(rng) {}
  TicketKey make_key(WallTime now);
  void rotate_if_due(WallTime now);
  void keep();
  Result<void> save() const;
  bool parse(ByteView in);

  const std::filesystem::path file_;  // empty: in memory
  Rng& rng_;
  mutable std::mutex mutex_;
  TicketKey current_;
  std::optional<TicketKey> previous_;
  std::optional<Error> unwritable_;
  std::optional<Error> problem_;
};

}  // namespace fairlead::tls
