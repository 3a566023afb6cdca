#include "rendezvous/admin/relay_gather.h"

namespace fairlead::rendezvous {

RelayGather::RelayGather(net::Loop& loop, std::size_t limit, Done done)
    : loop_(loop),
      limit_(limit),
      done_(std::move(done)),
      timer_([](void* self) { static_cast<RelayGather*>(self)->finish(); }, this) {}

void RelayGather::start(const std::vector<Ask>& workers, Duration patience) {
  missing_ = workers.size();
  if (missing_ == 0) return finish();
  loop_.timers().arm(timer_, loop_.now() + patience);
  for (const Ask& ask : workers) {
    ask([loop = &loop_, self = std::weak_ptr(self_)](Rows rows) {
      loop->post([self, rows = std::move(rows)]() mutable {
        if (const auto here = self.lock()) (*here)->on_answer(std::move(rows));
      });
    });
  }
}

void RelayGather::on_answer(Rows rows) {
  gathered_.matched += rows.matched;
  for (RelaySummary& each : rows.rows) {
    if (gathered_.rows.size() == limit_) break;
    gathered_.rows.push_back(std::move(each));
  }
  if (--missing_ == 0) finish();
}

void RelayGather::finish() {
  timer_.cancel();
  self_.reset();
  const Done done = std::move(done_);
  done(std::move(gathered_));
}

}  // namespace fairlead::rendezvous
