#include "agent/nat/uplinks.h"
#include "common/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead::agent::nat;
  NetworkDump dump;
  parse_netlink(fairlead::ByteView(data, size), dump);
  const auto uplinks = choose_uplinks(dump, {});
  CHECK(uplinks.size() <= kMaxUplinks);
  for (const Uplink& uplink : uplinks) CHECK(uplink.local.is_v4() == uplink.gateway.is_v4());
  return 0;
}
