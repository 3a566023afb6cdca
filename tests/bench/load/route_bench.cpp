// The routing table by itself: what a lookup costs when it holds N services, what publishing a change does, and how
// much memory a service takes.
//   route_bench 100000
//     {"lookup_ns":.., "publish_us": of one changed service, "batch_us": of kBatch of them, "bytes_per_service":..}
// Names are asked for in a random order, as clients do: what is not in the processor's cache is part of the figure.
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "common/base/check.h"
#include "common/crypto/system_rng.h"
#include "common/route/name_index.h"

namespace fairlead::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kBatch = 100;  // what a storm brings within one publication
constexpr std::uint64_t kLookups = 2'000'000;
constexpr std::size_t kNames = 65536;  // asked for, at most
constexpr int kPublications = 50;

double nanoseconds_since(Clock::time_point begin) {
  return static_cast<double>(std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - begin).count());
}

route::EndpointPtr make_service(std::uint64_t number) {
  auto endpoint = std::make_shared<route::Endpoint>();
  endpoint->service = "a" + std::to_string(number / 100) + "s" + std::to_string(number % 100) + ".load";
  endpoint->name = "a" + std::to_string(number / 100);
  endpoint->spiffe_id = "spiffe://mesh.test/agent/load/fleet";
  endpoint->port = 443;
  endpoint->load = std::make_shared<route::EndpointLoad>();
  return endpoint;
}

double median_publication(route::NameIndex& index, std::vector<route::EndpointPtr>& services, std::size_t changes,
                          Rng& rng) {
  std::vector<double> took;
  for (int i = 0; i < kPublications; ++i) {
    for (std::size_t j = 0; j < std::min(changes, services.size()); ++j) {
      route::EndpointPtr& one = services[rng.below(services.size())];
      index.remove(one, TimePoint(), route::Departure::left);
      index.add(one);
    }
    const auto begin = Clock::now();
    CHECK(index.publish() != nullptr);
    took.push_back(nanoseconds_since(begin) / 1e3);
  }
  std::nth_element(took.begin(), took.begin() + kPublications / 2, took.end());
  return took[kPublications / 2];
}

int run(std::uint64_t count) {
  crypto::SystemRng rng;
  const std::size_t before = ::mallinfo2().uordblks;
  route::NameIndex index{route::OwnNames({"rv1.test"}, {})};
  std::vector<route::EndpointPtr> services;
  services.reserve(count);
  for (std::uint64_t i = 0; i < count; ++i) index.add(services.emplace_back(make_service(i)));
  auto snapshot = index.publish();
  const std::size_t bytes = ::mallinfo2().uordblks - before;

  std::vector<std::string> names;
  for (std::size_t i = 0; i < kNames; ++i) names.push_back(services[rng.below(count)]->service);
  const std::vector<std::string> alpn;
  std::uint64_t found = 0;
  const auto begin = Clock::now();
  for (std::uint64_t i = 0; i < kLookups; ++i) found += snapshot->route(names[i % kNames], alpn).candidates().size();
  const double lookup = nanoseconds_since(begin) / static_cast<double>(kLookups);
  CHECK(found == kLookups);

  const double one = median_publication(index, services, 1, rng);
  const double batch = median_publication(index, services, kBatch, rng);
  std::printf("{\"lookup_ns\": %.1f, \"publish_us\": %.1f, \"batch_us\": %.1f, \"bytes_per_service\": %.0f}\n", lookup,
              one, batch, static_cast<double>(bytes) / static_cast<double>(count));
  return 0;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  const std::uint64_t count = argc == 2 ? std::strtoull(argv[1], nullptr, 10) : 0;
  if (count > 0) return fairlead::bench::run(count);
  std::fputs("route_bench SERVICES\n", stderr);
  return 2;
}
