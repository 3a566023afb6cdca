#include "common/core/takeover.h"

namespace fairlead::core {

Takeover decide_takeover(const SessionGeneration& held, const SessionGeneration& newcomer) {
  if (held.boot_id != newcomer.boot_id) return Takeover::probe_old;
  return newcomer.counter > held.counter ? Takeover::replace : Takeover::refuse_stale;
}

}  // namespace fairlead::core
