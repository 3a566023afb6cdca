// What a report costs the registry's loop, and what is done elsewhere, with N agents of one service each.
//   report_bench 10000
//     {"on_loop_us": taking the view, "elsewhere_us": rows and text of `status agents`, all of them, "summary_us": rows
//      and problems of `status`, "change_us": a registration while a view is held}
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "common/base/check.h"
#include "rendezvous/admin/collect.h"
#include "rendezvous/admin/problems.h"
#include "rendezvous/registry/registry.h"
#include "tests/rendezvous/relay/toy_carrier.h"

namespace fairlead::bench {
namespace {

using namespace rendezvous;
using Clock = std::chrono::steady_clock;
constexpr int kRounds = 25;

template <class Work>
double median_us(Work work) {
  std::vector<double> took;
  for (int i = 0; i < kRounds; ++i) {
    const auto begin = Clock::now();
    work();
    took.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begin).count());
  }
  std::nth_element(took.begin(), took.begin() + kRounds / 2, took.end());
  return took[kRounds / 2];
}

std::shared_ptr<Carrier> enter(Registry& registry, std::size_t number) {
  SessionClaim claim;
  claim.spiffe_id = "spiffe://td/agent/load/a" + std::to_string(number);
  claim.session = std::make_shared<ToyCarrier>();
  CHECK(std::holds_alternative<Admitted>(registry.admit(claim, {})));
  CHECK(registry.register_service(*claim.session, {1, "web", "", 443, {}, {}}, {}));
  return claim.session;
}

int run(std::size_t agents) {
  Registry registry(Policy({}, "td"), OwnNames());
  std::vector<std::shared_ptr<Carrier>> sessions;
  for (std::size_t i = 0; i < agents; ++i) sessions.push_back(enter(registry, i));

  RegistryView view = registry.view();
  const double on_loop = median_us([&] { view = registry.view(); });
  const double elsewhere = median_us([&] {
    StatusReport report;
    report.agents = collect_agents(view, {.limit = agents});
    CHECK(render_agents(report, AnswerForm::json).size() > agents);
  });
  const double summary = median_us([&] {
    StatusReport report;
    CHECK(collect_peaks(view).services == 1);
    report.problems = find_problems(report, view, {});
    CHECK(!render_summary(report, AnswerForm::json).empty());
  });
  std::size_t next = 0;
  const double change = median_us([&] {
    view = registry.view();
    CHECK(registry.register_service(*sessions[next++ % agents], {1, "web", "", 444, {}, {}}, {}));
  });
  std::printf("{\"on_loop_us\": %.2f, \"elsewhere_us\": %.0f, \"summary_us\": %.0f, \"change_us\": %.1f}\n", on_loop,
              elsewhere, summary, change);
  return 0;
}

}  // namespace
}  // namespace fairlead::bench

int main(int argc, char** argv) {
  const std::uint64_t agents = argc == 2 ? std::strtoull(argv[1], nullptr, 10) : 0;
  if (agents > 0) return fairlead::bench::run(agents);
  std::fputs("report_bench AGENTS\n", stderr);
  return 2;
}
