#include <deque>
#include <map>

#include "common/base/random.h"
#include "common/route/name_table.h"
#include "tests/support/doctest.h"

namespace fairlead::route {
namespace {

NameEntryPtr entry(const std::string& name, const std::string& service = "") {
  return std::make_shared<const NameEntry>(NameEntry{name, service, {}, {}, {}});
}

using Oracle = std::map<std::string, std::string>;  // name -> service

void check_same(const NameTable& table, const Oracle& oracle, std::size_t names) {
  for (std::size_t i = 0; i < names; ++i) {
    const std::string name = "n" + std::to_string(i);
    const NameEntryPtr* found = table.find(name);
    const auto wanted = oracle.find(name);
    REQUIRE((found != nullptr) == (wanted != oracle.end()));
    if (found == nullptr) continue;
    REQUIRE((*found)->name == name);
    REQUIRE((*found)->service == wanted->second);
  }
  Oracle visited;
  table.for_each([&](const NameEntryPtr& each) { REQUIRE(visited.emplace(each->name, each->service).second); });
  REQUIRE(visited == oracle);
  REQUIRE(table.size() == oracle.size());
}

TEST_CASE("an empty table knows nothing and lets nothing be removed") {
  NameTable table;
  CHECK(table.find("web.home") == nullptr);
  CHECK(table.find("") == nullptr);
  table.remove("web.home");
  CHECK(table.find("web.home") == nullptr);
}

TEST_CASE("an entry takes the place of one with the same name") {
  NameTable table;
  table.put(entry("web.home", "old"));
  table.put(entry("web.home", "new"));
  REQUIRE(table.find("web.home") != nullptr);
  CHECK((*table.find("web.home"))->service == "new");
  table.remove("web.home");
  CHECK(table.find("web.home") == nullptr);
}

TEST_CASE("what was frozen stays as it was, whatever changes later") {
  constexpr std::size_t kNames = 3000;
  constexpr std::size_t kKept = 5;
  SeededRng rng(7);
  NameTable table;
  Oracle oracle;
  std::deque<std::pair<NameTable, Oracle>> frozen;
  for (std::size_t step = 0; step < 20'000; ++step) {
    const std::string name = "n" + std::to_string(rng.below(kNames));
    if (rng.below(3) == 0) {
      table.remove(name);
      oracle.erase(name);
    } else {
      oracle[name] = std::to_string(step);
      table.put(entry(name, oracle[name]));
    }
    if (step % 1000 != 999) continue;
    check_same(table, oracle, kNames);
    frozen.emplace_back(table.freeze(), oracle);
    if (frozen.size() > kKept) frozen.pop_front();
    for (const auto& [old, was] : frozen) check_same(old, was, kNames);
  }
  for (std::size_t i = 0; i < kNames; ++i) table.remove("n" + std::to_string(i));
  check_same(table, {}, kNames);
  for (const auto& [old, was] : frozen) check_same(old, was, kNames);
}

TEST_CASE("a frozen copy may be changed by itself") {
  NameTable table;
  for (int i = 0; i < 100; ++i) table.put(entry("n" + std::to_string(i), "both"));
  NameTable other = table.freeze();
  other.put(entry("n1", "other"));
  table.put(entry("n2", "table"));
  CHECK((*table.find("n1"))->service == "both");
  CHECK((*table.find("n2"))->service == "table");
  CHECK((*other.find("n1"))->service == "other");
  CHECK((*other.find("n2"))->service == "both");
}

TEST_CASE("a table that is not shared copies nothing, and one that is only what it must") {
  NameTable table;
  for (int i = 0; i < 5000; ++i) table.put(entry("n" + std::to_string(i)));
  CHECK(table.branches_copied() == 0);
  const NameTable before = table.freeze();
  table.put(entry("n1"));
  const auto once = table.branches_copied();
  CHECK(once >= 1);
  CHECK(once <= 4);
  table.put(entry("n1"));
  CHECK(table.branches_copied() == once);
  table.remove("not there");
  CHECK(table.branches_copied() == once);
}

}  // namespace
}  // namespace fairlead::route
