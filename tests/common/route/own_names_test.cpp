#include "common/route/own_names.h"

#include "tests/support/doctest.h"

namespace fairlead::route {
namespace {

TEST_CASE("no name and IP literals end here, whatever names there are") {
  for (const OwnNames& own : {OwnNames(), OwnNames({"rv.example.com"}, {"mesh.example.com"})}) {
    for (const char* name : {"", "192.0.2.1", "2001:db8::1", "[2001:db8::1]"}) {
      CHECK(own.ends_here(name));
      CHECK_FALSE(own.is_own(name));
    }
    for (const char* name : {"web.home", "192.0.2", "192.0.2.1.example", "[web.home]", "[", "]", "mesh.example.com"}) {
      CHECK_FALSE(own.ends_here(name));
    }
  }
}

TEST_CASE("own names are kept as clients' names are compared") {
  const OwnNames own({"RV.Example.com.", "second"}, {"Mesh.Example.com."});
  CHECK(own.ends_here("rv.example.com"));
  CHECK(own.is_own("second"));
  CHECK_FALSE(own.ends_here("a.rv.example.com"));
  CHECK(own.domains() == std::vector<std::string>{"mesh.example.com"});
  CHECK_FALSE(OwnNames().ends_here("rv.example.com"));
}

}  // namespace
}  // namespace fairlead::route
