#include "agent/nat/announcements.h"
#include "agent/nat/pcp.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  using namespace fairlead::agent::nat;
  const ByteView in(data, size);
  parse_announcement(in, IpAddress(), kAnnouncementPort);
  const auto response = parse_pcp_response(in);
  if (!response) return 0;
  CHECK(size >= kPcpHeaderSize && size <= kPcpMaxMessage && size % 4 == 0);
  const auto failure = pcp_failure(*response);
  CHECK(failure || response->opcode == PcpOpcode::announce || response->mapping);
  CHECK(!failure || failure->detail.size() <= 200);
  return 0;
}
