#include "common/config/kept_keys.h"

#include "tests/support/doctest.h"

namespace fairlead::config {
namespace {

TEST_CASE("a key that cannot be applied keeps its running value and is named, once") {
  KeptKeys kept;
  const int running_port = 443;
  int wanted_port = 8443;
  const std::string running_name = "nas1";
  std::string wanted_name = "nas1";
  kept.keep("server.port", running_port, wanted_port);
  kept.keep("server.name", running_name, wanted_name);
  kept.keep("server.port", running_port, wanted_port);  // equal by now
  CHECK(wanted_port == 443);
  CHECK(wanted_name == "nas1");
  CHECK(kept.take_names() == std::vector<std::string>{"server.port"});
}

TEST_CASE("names come in the order of the questions, and are taken out") {
  KeptKeys kept;
  const bool running = true;
  for (const char* key : {"z", "a", "m"}) {
    bool wanted = false;
    kept.keep(key, running, wanted);
  }
  CHECK(kept.take_names() == std::vector<std::string>{"z", "a", "m"});
  CHECK(kept.take_names().empty());
}

}  // namespace
}  // namespace fairlead::config
