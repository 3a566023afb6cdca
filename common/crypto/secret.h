#pragma once
// Handling of secrets: comparing without a timing trace, and wiping that the compiler cannot remove.
#include "common/base/bytes.h"

namespace fairlead::crypto {

// True when both hold the same bytes; the time depends on the sizes alone.
bool equal_constant_time(ByteView a, ByteView b);

void wipe(MutableBytes secret);

}  // namespace fairlead::crypto
