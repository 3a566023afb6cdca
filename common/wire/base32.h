#pragma once
// Base32 (RFC 4648 §6) in lower case and without padding: bytes in a word that a person can read out and a double click
// selects whole. One spelling for each value: anything else is not read. Pure; any thread.
#include <optional>
#include <string>
#include <string_view>

#include "common/base/bytes.h"

namespace fairlead::wire {

std::string to_base32(ByteView bytes);
// Nothing for other letters, an impossible length, or bits behind the last byte.
std::optional<Bytes> from_base32(std::string_view text);

}  // namespace fairlead::wire
