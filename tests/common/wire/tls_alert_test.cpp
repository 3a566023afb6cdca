#include "common/wire/tls_alert.h"

#include "common/wire/server_hello.h"
#include "tests/support/codec_checks.h"

namespace fairlead::wire {
namespace {

using namespace fairlead::test;

TEST_CASE("an alert is one record, fatal, and what a client takes for one") {
  CHECK(tls_alert(kUnrecognizedName) == from_hex("15 03 03 00 02 02 70"));
  CHECK(tls_alert(kInternalError) == from_hex("15 03 03 00 02 02 50"));
  CHECK(tls_alert(kAccessDenied) == from_hex("15 03 03 00 02 02 31"));
  CHECK(check_message<ServerFirst>(tls_alert(kUnrecognizedName), parse_server_first) == ServerFirst::alert);
}

}  // namespace
}  // namespace fairlead::wire
