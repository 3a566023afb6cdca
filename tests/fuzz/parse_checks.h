#pragma once
// What holds for every parser and any input; a violation aborts, which is how a fuzzer learns of it.
#include <cstddef>
#include <initializer_list>
#include <variant>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/wire/parsed.h"

namespace fairlead::fuzz {

// Returns the answer after checking that it stays within the input and that a prefix never answers differently.
template <class T>
wire::Parsed<T> parse_checked(wire::Parsed<T> (*parse)(ByteView), ByteView in) {
  wire::Parsed<T> whole = parse(in);
  const auto* done = std::get_if<wire::Done<T>>(&whole);
  CHECK(done == nullptr || done->consumed <= in.size());
  const std::size_t last = in.empty() ? 0 : in.size() - 1;
  for (const std::size_t n : {in.size() / 4, in.size() / 2, last}) {
    const wire::Parsed<T> early = parse(in.first(n));
    if (const auto* more = std::get_if<wire::NeedMore>(&early)) {
      CHECK(more->at_least > 0);
      CHECK(std::holds_alternative<wire::NeedMore>(whole) || n + more->at_least <= in.size());
      continue;
    }
    CHECK(early.index() == whole.index());
    if (const auto* bad = std::get_if<wire::Malformed>(&early)) {
      CHECK(bad->reason == std::get<wire::Malformed>(whole).reason);
    } else {
      CHECK(std::get<wire::Done<T>>(early).consumed == done->consumed);
      CHECK(std::get<wire::Done<T>>(early).value == done->value);
    }
  }
  return whole;
}

}  // namespace fairlead::fuzz
