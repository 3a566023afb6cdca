#pragma once
// Asks all workers at once for their live relays and gives what has come by a deadline: nobody waits for anybody. Lives
// on one loop; answers come from other threads by post(). Owned by who asks, who may let go of it at any time.
#include <functional>
#include <memory>
#include <vector>

#include "common/core/timer_queue.h"
#include "common/net/loop.h"
#include "rendezvous/record/relay_summary.h"
#include "rendezvous/registry/listing.h"

namespace fairlead::rendezvous {

class RelayGather {
 public:
  using Rows = Listing<RelaySummary>;  // of one worker: some, and how many it has
  // Called on the loop; says its answer once, on any thread, or never.
  using Ask = std::function<void(std::function<void(Rows)> answer)>;
  using Done = std::function<void(Listing<RelaySummary>)>;

  // `done` is called once, from start() or later, with at most `limit` rows. It may destroy this.
  RelayGather(net::Loop& loop, std::size_t limit, Done done);
  void start(const std::vector<Ask>& workers, Duration patience);

 private:
  void on_answer(Rows rows);
  void finish();

  net::Loop& loop_;
  const std::size_t limit_;
  Done done_;
  Listing<RelaySummary> gathered_;
  std::size_t missing_ = 0;
  std::shared_ptr<RelayGather*> self_ = std::make_shared<RelayGather*>(this);  // gone with it
  core::TimerEntry timer_;
};

}  // namespace fairlead::rendezvous
