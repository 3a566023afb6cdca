#include "common/core/fair_order.h"

#include <algorithm>
#include <vector>

#include "common/base/random.h"
#include "tests/support/doctest.h"

namespace fairlead::core {
namespace {

using Ticket = FairOrder::Ticket;

IpAddress v4(unsigned last) {
  return IpAddress::v4({192, 0, 2, static_cast<std::uint8_t>(last)});
}

IpAddress v6(unsigned site, unsigned net, unsigned host) {
  std::array<std::uint8_t, 16> bytes{0x20, 0x01, 0x0d, 0xb8};
  bytes[5] = static_cast<std::uint8_t>(site);
  bytes[6] = static_cast<std::uint8_t>(net >> 8);
  bytes[7] = static_cast<std::uint8_t>(net);
  bytes[15] = static_cast<std::uint8_t>(host);
  return IpAddress::v6(bytes);
}

TEST_CASE("sources take turns, and of one source the newest is served") {
  FairOrder order;
  const Ticket a1 = order.add(v4(1));
  const Ticket a2 = order.add(v4(1));
  const Ticket a3 = order.add(v4(1));
  const Ticket b1 = order.add(v4(2));
  CHECK(order.take_next() == a3);
  CHECK(order.take_next() == b1);
  CHECK(order.take_next() == a2);
  CHECK(order.take_next() == a1);
  CHECK(order.take_next() == std::nullopt);
}

TEST_CASE("one that waits is served after at most one of every other source") {
  FairOrder order;
  for (int i = 0; i < 1000; ++i) order.add(v4(1));
  const Ticket honest = order.add(v4(2));
  for (unsigned site = 0; site < 5; ++site) order.add(v6(site, 0, 1));
  std::size_t before = 0;
  while (order.take_next() != honest) ++before;
  CHECK(before <= 1);
}

TEST_CASE("sources that come again and again do not overtake who waits") {
  FairOrder order;
  order.add(v4(1));
  const Ticket waits = order.add(v4(2));
  std::size_t before = 0;
  for (unsigned i = 3; order.take_next() != waits; ++i) {
    order.add(v4(i));
    ++before;
  }
  CHECK(before == 1);
}

TEST_CASE("who passes comes after all others") {
  FairOrder order;
  const Ticket a = order.add(v4(1));
  const Ticket b = order.add(v4(2));
  order.pass(*order.next());
  CHECK(order.next() == b);
  order.pass(b);
  CHECK(order.next() == a);
  CHECK(order.size() == 2);
}

TEST_CASE("a site full of networks has one turn of the world, and a network one of its site") {
  FairOrder order;
  for (unsigned net = 0; net < 1000; ++net) order.add(v6(1, net, 1));
  const Ticket other_site = order.add(v6(2, 0, 1));
  const Ticket same_site = order.add(v6(1, 0x7000, 1));
  std::vector<Ticket> first;
  for (int i = 0; i < 12; ++i) first.push_back(*order.take_next());
  CHECK(std::find(first.begin(), first.begin() + 2, other_site) != first.begin() + 2);
  CHECK(std::find(first.begin(), first.end(), same_site) != first.end());
}

TEST_CASE("the oldest of the fullest source is shed") {
  FairOrder order;
  const Ticket honest = order.add(v4(1));
  std::vector<Ticket> flood;
  for (unsigned i = 0; i < 10; ++i) flood.push_back(order.add(v6(1, 1, i)));
  for (unsigned i = 0; i < 9; ++i) {
    CHECK(order.oldest_of_fullest() == flood[i]);
    order.remove(flood[i]);
  }
  CHECK(order.oldest_of_fullest() == honest);  // of equals who came first
}

TEST_CASE("a site with one connection from each of many networks is full, too") {
  FairOrder order;
  order.add(v4(1));
  std::vector<Ticket> flood;
  for (unsigned net = 0; net < 100; ++net) flood.push_back(order.add(v6(1, net << 8, 1)));
  CHECK(order.oldest_of_fullest() == flood.front());
  CHECK(order.oldest_of(SourceLevels(v6(1, 5, 1)).widest()) == flood.front());
  CHECK(order.oldest_of(SourceKey::of(v6(1, 5 << 8, 1))) == flood[5]);
}

// The policy said again, slowly.
class Naive {
 public:
  struct Entry {
    Ticket ticket;
    IpAddress source;
  };
  std::vector<Entry> entries;

  void remove(Ticket ticket) {
    std::erase_if(entries, [&](const Entry& entry) { return entry.ticket == ticket; });
  }
  std::vector<Ticket> inside(const SourceKey& key) const {
    std::vector<Ticket> out;
    for (const Entry& entry : entries) {
      const SourceLevels levels(entry.source);
      if (std::find(levels.begin(), levels.end(), key) != levels.end()) out.push_back(entry.ticket);
    }
    return out;
  }
  std::optional<Ticket> oldest_of_fullest() const {
    std::optional<Ticket> best;
    double most = 0;
    for (const Entry& entry : entries) {
      for (const SourceKey& key : SourceLevels(entry.source)) {
        const auto all = inside(key);
        const double weight = static_cast<double>(all.size()) / static_cast<double>(key.factor());
        if (weight < most || (weight == most && best && *best <= all.front())) continue;
        most = weight;
        best = all.front();
      }
    }
    return best;
  }
};

IpAddress random_source(Rng& rng) {
  if (rng.below(2) == 0) return v4(static_cast<unsigned>(rng.below(4)));
  return v6(static_cast<unsigned>(rng.below(3)), static_cast<unsigned>(rng.below(3) * 255), 1);
}

TEST_CASE("whatever happens, it sheds as the policy says and forgets nobody") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    SeededRng rng(seed);
    FairOrder order;
    Naive naive;
    for (int step = 0; step < 300; ++step) {
      const auto what = rng.below(4);
      if (what < 2) {
        const IpAddress source = random_source(rng);
        naive.entries.push_back({order.add(source), source});
      } else if (what == 2 && !naive.entries.empty()) {
        const Ticket gone = naive.entries[rng.below(naive.entries.size())].ticket;
        order.remove(gone);
        naive.remove(gone);
      } else if (const auto next = order.take_next()) {
        const auto at = std::find_if(naive.entries.begin(), naive.entries.end(),
                                     [&](const Naive::Entry& entry) { return entry.ticket == *next; });
        REQUIRE(at != naive.entries.end());
        CHECK(naive.inside(SourceKey::of(at->source)).back() == *next);
        naive.remove(*next);
      }
      REQUIRE(order.size() == naive.entries.size());
      REQUIRE(order.oldest_of_fullest() == naive.oldest_of_fullest());
    }
    while (const auto next = order.take_next()) naive.remove(*next);
    CHECK(naive.entries.empty());
  }
}

TEST_CASE("while all of them wait, no source gets two turns more than another") {
  SeededRng rng(7);
  FairOrder order;
  std::map<Ticket, unsigned> from;
  std::map<unsigned, int> served;
  for (unsigned i = 0; i < 5; ++i) {
    for (std::uint64_t n = 0; n < 20 + rng.below(200); ++n) from[order.add(v4(i))] = i;
  }
  for (int i = 0; i < 100; ++i) ++served[from.at(*order.take_next())];
  for (unsigned i = 0; i < 5; ++i) CHECK(served[i] == 20);
}

}  // namespace
}  // namespace fairlead::core
