#include "common/net/descriptor_table.h"

#include <fstream>
#include <string>

#include "tests/support/doctest.h"

namespace fairlead::net {
namespace {

// What the kernel has room for, proc(5).
std::size_t table_size() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    std::size_t size = 0;
    if (word == "FDSize:" && status >> size) return size;
  }
  return 0;
}

TEST_CASE("a table that has grown keeps its size, and no descriptor is left in it") {
  grow_descriptor_table(0);
  const std::size_t before = table_size();
  REQUIRE(before >= 64);
  grow_descriptor_table(before + 1);
  CHECK(table_size() > before);
  const std::size_t grown = table_size();
  grow_descriptor_table(10);
  CHECK(table_size() == grown);
}

}  // namespace
}  // namespace fairlead::net
