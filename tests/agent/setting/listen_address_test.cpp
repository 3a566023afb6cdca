#include "agent/setting/listen_address.h"

#include "tests/support/doctest.h"

namespace fairlead::agent {
namespace {

std::string read(std::string_view text) {
  const auto address = read_listen_address(text);
  return address ? to_string(*address) : "refused";
}

TEST_CASE("where to listen") {
  CHECK(read("") == "127.0.0.1:0");
  CHECK(read("9000") == "127.0.0.1:9000");
  CHECK(read("0") == "127.0.0.1:0");
  CHECK(read("0.0.0.0:9000") == "0.0.0.0:9000");
  CHECK(read("[::1]:9000") == "[::1]:9000");
  CHECK(read("localhost:9000") == "127.0.0.1:9000");
  CHECK(read("unix:web.sock") == "unix:web.sock");
  CHECK(read("unix:/run/web.sock") == "unix:/run/web.sock");
  CHECK(read("unix:/" + std::string(106, 'a')) == "unix:/" + std::string(106, 'a'));
}

TEST_CASE("who may come there") {
  for (const char* own : {"9000", "127.0.0.2:9000", "[::1]:9000", "unix:web.sock"}) {
    CHECK_FALSE(is_for_others(read_listen_address(own).value()));
  }
  for (const char* wide : {"0.0.0.0:9000", "[::]:9000", "192.168.1.2:9000"}) {
    CHECK(is_for_others(read_listen_address(wide).value()));
  }
}

TEST_CASE("what cannot be listened on is refused with what is allowed") {
  for (const std::string& text :
       {std::string("65536"), std::string("-1"), std::string("90x"), std::string("web:9000"), std::string("::1:9000"),
        std::string("127.0.0.1"), std::string("localhost:"), std::string("localhost:x"), std::string("unix:"),
        "unix:/" + std::string(107, 'a'), std::string(" 9000")}) {
    CAPTURE(text);
    CHECK(read(text) == "refused");
  }
  const Error error = read_listen_address("web:9000").error();
  CHECK(error.reason == Reason::config_invalid);
  CHECK(error.detail.starts_with("web:9000: "));
  CHECK(error.detail.find("unix:PATH") != std::string::npos);
}

}  // namespace
}  // namespace fairlead::agent
