#include "rendezvous/relay/end_ledger.h"

namespace fairlead::rendezvous {

EndLedger::EndLedger(net::Loop& loop, Counters& counters, AccessLines& access_log)
    : loop_(loop),
      counters_(counters),
      access_log_(access_log),
      timer_([](void* self) { static_cast<EndLedger*>(self)->on_timer(); }, this) {}

EndLedger::~EndLedger() {
  while (auto held = held_.take_any()) record(std::move(*held));
}

void EndLedger::hold(Held held) {
  if (const auto word = held.carrier->take_word(held.connection, loop_.now())) {  // it came before the end
    held.line.reason = core::agreed(held.line.reason, word);
    return record(std::move(held));
  }
  held_.push(std::move(held), loop_.now());
  on_timer();
}

void EndLedger::record(Held held) {
  held.line.reason = core::agreed(held.line.reason, held.carrier->take_word(held.connection, loop_.now()));
  counters_.closed.add(held.line.reason);
  if (access_log_.wants(held.line.reason)) access_log_.write(held.line);
}

void EndLedger::on_timer() {
  while (auto held = held_.take_due(loop_.now())) record(std::move(*held));
  if (const auto due = held_.deadline()) loop_.timers().arm(timer_, *due);
}

}  // namespace fairlead::rendezvous
