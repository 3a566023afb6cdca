#include "rendezvous/setting/descriptor_budget.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace fairlead::rendezvous {
namespace {

constexpr std::size_t kProcess =
    64;  // standard streams, admin socket and its callers, locks, watches, files, spare ones
constexpr std::size_t kPerLoop = 6;           // two epoll sets, an event, signals
constexpr std::size_t kLeastLeft = 64;        // below it nobody could be served
constexpr std::size_t kMostRefusals = 1024;   // of each worker, while their last words are on their way
constexpr std::size_t kMostPipes = 128;       // of each worker: relays copy without one
constexpr std::size_t kConfiguredSmall = 8;   // a small limit that is configured: an eighth of what is left at most
constexpr std::size_t kConfiguredLarge = 16;  // a large one leaves a sixteenth

// Deals from what is left.
class Dealer {
 public:
  struct Large {
    const char* key;
    std::size_t* limit;
    std::size_t each;
    std::size_t weight;
  };

  Dealer(std::size_t open_files, DescriptorBudget& out) : open_files_(open_files), out_(out) {
    left_ = open_files - out.fixed;
    usable_ = left_;
  }

  // At most `usable / part`, or an eighth of what is left where it is configured.
  void small(const char* key, std::size_t& limit, std::size_t otherwise, std::size_t part) {
    const bool configured = limit != otherwise;
    give(key, limit, std::max<std::size_t>(1, configured ? left_ / kConfiguredSmall : usable_ / part), configured);
  }
  // Not a key: for each worker.
  std::size_t per_worker(const char* name, std::size_t most, std::size_t each, std::size_t part, std::size_t workers) {
    const std::size_t units = std::clamp<std::size_t>(usable_ / part / each / workers, 1, most);
    note(name, units * workers, each);
    return units;
  }
  // The configured ones: as they are, or all cut by the same part.
  void large(const std::vector<Large>& configured) {
    const std::size_t most = left_ - left_ / kConfiguredLarge;
    std::size_t asked = 0;
    for (const Large& item : configured) asked += *item.limit * item.each;
    for (const Large& item : configured) {
      const double part = asked <= most ? 1.0 : static_cast<double>(most) / static_cast<double>(asked);
      const auto units = static_cast<std::size_t>(static_cast<double>(*item.limit) * part);
      give(item.key, *item.limit, std::max<std::size_t>(1, units), true, item.each);
    }
  }
  // Those that are 0, by weight.
  void divide(const std::vector<Large>& rest) {
    std::size_t weights = 0;
    for (const Large& item : rest) weights += item.weight;
    const std::size_t whole = left_;
    for (const Large& item : rest) {
      *item.limit = std::max<std::size_t>(1, whole * item.weight / weights / item.each);
      note(item.key, *item.limit, item.each);
    }
  }

 private:
  void give(const char* key, std::size_t& limit, std::size_t most, bool configured, std::size_t each = 1) {
    if (limit > most) {
      if (configured) {
        out_.cut.push_back(
            fmt::format("limits.{}: {} does not fit into {} open files beside the other limits; it is {}", key, limit,
                        open_files_, most));
      }
      limit = most;
    }
    note(key, limit, each);
  }
  void note(const char* name, std::size_t units, std::size_t each) {
    out_.shares.push_back({name, units, each});
    left_ -= std::min(left_, units * each);
  }

  std::size_t open_files_;
  DescriptorBudget& out_;
  std::size_t usable_ = 0;
  std::size_t left_ = 0;
};

}  // namespace

Result<DescriptorBudget> deal_descriptors(const Limits& wanted, const DescriptorNeeds& needs) {
  DescriptorBudget out{.limits = wanted};
  out.open_files = needs.open_files;
  out.workers = needs.workers;
  out.fixed = kProcess + kPerLoop * (1 + 2 * needs.workers) + needs.listeners * (1 + needs.workers);
  if (out.fixed + kLeastLeft > needs.open_files) {
    return fail(Reason::io_failed,
                fmt::format("{} workers on {} listeners need more than {} open files; lower server.workers, or raise "
                            "the limit (LimitNOFILE, ulimit -n)",
                            needs.workers, needs.listeners, needs.open_files));
  }
  const Limits usual;
  Limits& limits = out.limits;
  Dealer dealer(needs.open_files, out);
  out.farewells_per_worker = dealer.per_worker("refusals", kMostRefusals, 1, 32, needs.workers);
  out.pipes_per_worker = dealer.per_worker("pipes", kMostPipes, 2, 32, needs.workers);
  dealer.small("verify_dials_max", limits.verify_dials_max, usual.verify_dials_max, 64);
  dealer.small("handshakes_max", limits.handshakes_max, usual.handshakes_max, 16);
  limits.waiting_places = std::min(limits.handshakes_waiting, usual.handshakes_waiting);
  dealer.small("handshakes_waiting", limits.waiting_places, usual.handshakes_waiting, 20);
  dealer.small("unclassified_max", limits.unclassified_max, usual.unclassified_max, 20);
  std::vector<Dealer::Large> configured;
  std::vector<Dealer::Large> rest;
  for (const Dealer::Large& item : std::array<Dealer::Large, 3>{{{"relays_max", &limits.relays_max, 2, 8},
                                                                 {"sessions_max", &limits.sessions_max, 1, 8},
                                                                 {"channels_max", &limits.channels_max, 1, 4}}}) {
    (*item.limit == 0 ? rest : configured).push_back(item);
  }
  dealer.large(configured);
  dealer.divide(rest);
  limits.handshakes_waiting = std::min(limits.handshakes_waiting, limits.waiting_places + limits.sessions_max);
  return out;
}

std::string describe(const DescriptorBudget& budget) {
  std::string out = fmt::format("fixed {}", budget.fixed);
  for (const DescriptorShare& share : budget.shares) {
    out += fmt::format(", {} {}", share.name, share.units);
    if (share.each > 1) out += fmt::format("x{}", share.each);
  }
  return out;
}

}  // namespace fairlead::rendezvous
