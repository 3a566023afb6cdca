#include "rendezvous/record/access_lines.h"

#include "common/base/log.h"

namespace fairlead::rendezvous {

AccessLines::AccessLines(Mode mode) : mode_(mode), rates_(reason_count()) {}

bool AccessLines::wants(Reason reason) const {
  const Mode mode = mode_.load(std::memory_order_relaxed);
  return mode == Mode::all || (mode == Mode::failures && reason != Reason::completed);
}

void AccessLines::write(const AccessRecord& record, TimePoint now) {
  if (!wants(record.reason)) return;
  Rate& rate = rates_[static_cast<std::size_t>(record.reason)];
  const auto second = std::chrono::floor<std::chrono::seconds>(now.time_since_epoch()).count();
  if (rate.second.exchange(second, std::memory_order_relaxed) != second) rate.lines = 0;
  if (rate.lines.fetch_add(1, std::memory_order_relaxed) >= kLinesPerSecond) {
    rate.left_out.fetch_add(1, std::memory_order_relaxed);
    return;
  }
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(record.lasted).count();
  log(record.reason == Reason::completed ? Level::info : Level::warn, "connection",
      {{"conn", record.conn},
       {"service", record.service},
       {"endpoint", record.endpoint},
       {"agent", record.agent},
       {"peer", record.peer},
       {"reason", reason_code(record.reason)},
       {"detail", record.detail},
       {"bytes_in", record.bytes_in},
       {"bytes_out", record.bytes_out},
       {"ms", ms},
       {"left_out", rate.left_out.exchange(0, std::memory_order_relaxed)}});
}

}  // namespace fairlead::rendezvous
