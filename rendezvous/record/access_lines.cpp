#include "rendezvous/record/access_lines.h"

#include "common/base/log.h"

namespace fairlead::rendezvous {

bool AccessLines::wants(Reason reason) const {
  const Mode mode = mode_.load(std::memory_order_relaxed);
  const bool ordinary = reason == Reason::completed || is_client_leave(reason);
  return mode == Mode::all || (mode == Mode::failures && !ordinary);
}

void AccessLines::write(const AccessRecord& record) const {
  if (!wants(record.reason)) return;
  const auto say = mode_.load(std::memory_order_relaxed) == Mode::all ? &log_always : &log;
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(record.lasted).count();
  const bool ordinary = record.reason == Reason::completed || is_client_leave(record.reason);
  say(ordinary ? Level::info : Level::warn, "connection",
      {{"conn", record.conn},
       {"service", record.service},
       {"endpoint", record.endpoint},
       {"agent", record.agent},
       {"peer", record.peer},
       {"reason", reason_code(record.reason)},
       {"detail", record.detail},
       {"bytes_in", record.bytes_in},
       {"bytes_out", record.bytes_out},
       {"ms", ms}});
}

}  // namespace fairlead::rendezvous
