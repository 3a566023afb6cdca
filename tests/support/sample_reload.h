#pragma once
// Walks a sample configuration as reloads, one changed key at a time: a change is either in effect or is named for a
// restart. For both programs, whose Config and plan_reload() it finds by the type that `parse` gives.
#include <map>
#include <set>
#include <string>

#include "tests/support/doctest.h"
#include "tests/support/sample_keys.h"

namespace fairlead::test {

template <class Config>
void check_reload_of_the_same(const Config& config) {
  const auto reload = plan_reload(config, config);
  CHECK(reload.config == config);
  CHECK(reload.for_restart.empty());
}

// Another value for every key, but for those that have one value only.
using OtherValues = std::map<std::string, std::string>;
using FixedKeys = std::set<std::string>;

template <class Parse>
void check_reload_of_each_key(const std::string& text, const OtherValues& others, const FixedKeys& fixed, Parse parse) {
  const auto running = parse(text);
  auto keys = sample_keys(text);
  std::erase_if(keys, [&](const SampleKey& key) { return fixed.contains(key.name); });
  REQUIRE(keys.size() == others.size());
  for (const SampleKey& key : keys) {
    CAPTURE(key.name);
    REQUIRE(others.contains(key.name));
    const auto wanted = parse(with_value(text, key, others.at(key.name)));
    CHECK_FALSE(wanted == running);
    const auto reload = plan_reload(running, wanted);
    if (reload.for_restart.empty()) {
      CHECK(reload.config == wanted);
      continue;
    }
    CHECK(reload.config == running);
    REQUIRE(reload.for_restart.size() == 1);
    CHECK(reload.for_restart[0].find(key.name.substr(0, key.name.find('.'))) != std::string::npos);
  }
}

}  // namespace fairlead::test
