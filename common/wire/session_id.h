#pragma once
// Which ids a session may have. A ticket carries the id as it came at the begin of a connection that a server made the
// agent dial: an id that holds a line or a word of text could be an instruction to another program there. The agent
// refuses such ids, and a rendezvous draws none. Pure; any thread.
#include "common/base/random.h"
#include "common/wire/ids.h"

namespace fairlead::wire {

// Of random ids one in 30 is not.
bool is_harmless(const SessionId& id);
SessionId draw_session_id(Rng& rng);  // a harmless one

}  // namespace fairlead::wire
