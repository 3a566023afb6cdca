#pragma once
// CRC-32C (Castagnoli), as PROXY v2 headers carry it. RFC 9260 Appendix A (RFC 4960 Appendix B). Pure; any thread.
#include <cstdint>

#include "common/base/bytes.h"

namespace fairlead::wire {

std::uint32_t crc32c(ByteView in);

}  // namespace fairlead::wire
