#include "tests/sim/attacker.h"

namespace fairlead::sim {

constexpr unsigned kChangedPercent = 3;
constexpr std::size_t kMostRecorded = 64;

namespace {

void record(std::vector<Bytes>& into, const Bytes& bytes, Rng& rng) {
  if (into.size() < kMostRecorded) {
    into.push_back(bytes);
  } else {
    into[rng.below(into.size())] = bytes;
  }
}

}  // namespace

const Bytes* Attacker::any_of(const std::vector<Bytes>& recorded) {
  return recorded.empty() ? nullptr : &recorded[context_.rng.below(recorded.size())];
}

void Attacker::change(Bytes& bytes, std::size_t within, const std::vector<Bytes>& recorded) {
  if (!active_ || !context_.chance(kChangedPercent)) return;
  const Bytes* const other = any_of(recorded);
  if (other != nullptr && context_.chance(50)) {
    bytes = *other;
  } else {
    bytes[context_.rng.below(within)] ^= static_cast<std::uint8_t>(1U << context_.rng.below(8));
  }
}

void Attacker::on_path(Connection& connection, Side from, Bytes& bytes) {
  if (&connection.host == &host_) return;
  if (from == Side::server) {
    record(headers_, bytes, context_.rng);
    change(bytes, bytes.size(), headers_);
  } else if (bytes[0] == 0xf1) {
    record(tickets_, bytes, context_.rng);
    change(bytes, bytes.size(), tickets_);
  } else {
    // An answer; the payload behind it is the inner TLS's to protect.
    const std::size_t answer = 3 + (bytes[1] << 8 | bytes[2]);
    record(answers_, Bytes(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(answer)), context_.rng);
    change(bytes, answer, answers_);
  }
}

void Attacker::intrude() {
  if (!active_) return;
  const std::vector<Bytes>* const kinds[] = {&tickets_, &tickets_, &headers_, &answers_};
  const Bytes* const chosen = any_of(*kinds[context_.rng.below(4)]);
  if (chosen == nullptr) return;
  Bytes first = *chosen;
  if (context_.chance(30)) first[context_.rng.below(first.size())] ^= 1;
  context_.network.dial(host_, Purpose::data, [this, first](const ConnectionPtr& connection) {
    if (!connection) return;
    own_.push_back(connection);
    connection->attach(Side::agent, {[this, connection = connection.get()](ByteView) {
                                       if (const Bytes* const answer = any_of(answers_)) {
                                         connection->send(Side::agent, *answer);
                                       }
                                     },
                                     [] {}});
    connection->send(Side::agent, first);
  });
}

void Attacker::retire() {
  active_ = false;
  for (const auto& connection : own_) connection->reset();
  own_.clear();
}

}  // namespace fairlead::sim
