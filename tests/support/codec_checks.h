#pragma once
// The generic checks of every Shape A codec (style guide, section 7). Each call of a parser gets its bytes in a block
// of their own, so that the address sanitizer sees a read beyond the end.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "common/base/byte_writer.h"
#include "common/base/bytes.h"
#include "common/wire/parsed.h"
#include "tests/support/doctest.h"

namespace fairlead::test {

// Hex digits with spaces between bytes as one likes; what stands between `#` and the end of a line is a comment.
inline Bytes from_hex(std::string_view text) {
  const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10; };
  std::string digits;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#') i = std::min(text.find('\n', i), text.size() - 1);
    if (std::string_view("0123456789abcdefABCDEF").find(text[i]) != std::string_view::npos) digits += text[i];
  }
  if (digits.size() % 2 != 0) check_failed("whole bytes", __FILE__, __LINE__);  // also before doctest runs
  Bytes out;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(digit(digits[i]) << 4 | digit(digits[i + 1])));
  }
  return out;
}

inline Bytes from_text(std::string_view text) {
  const ByteView view = as_bytes(text);
  return {view.begin(), view.end()};
}

// The next place to look at in an input: every one in short inputs, and near the ends of long ones; some between.
inline std::size_t next_place(std::size_t n, std::size_t size) {
  constexpr std::size_t kShort = 2048;
  constexpr std::size_t kNearEnd = 200;
  constexpr std::size_t kBetween = 101;
  const bool every = size <= kShort || n < kNearEnd || n + kNearEnd >= size;
  return every ? n + 1 : std::min(n + size / kBetween, size - kNearEnd);
}

template <class Parse>
auto parse_first(ByteView in, std::size_t n, Parse parse) {
  const Bytes block(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(n));
  return parse(ByteView(block));
}

template <class T>
bool needs_more(const wire::Parsed<T>& parsed) {
  return std::holds_alternative<wire::NeedMore>(parsed);
}

template <class T>
bool same_answer(const wire::Parsed<T>& a, const wire::Parsed<T>& b) {
  if (a.index() != b.index()) return false;
  if (const auto* bad = std::get_if<wire::Malformed>(&a)) return bad->reason == std::get<wire::Malformed>(b).reason;
  if (const auto* done = std::get_if<wire::Done<T>>(&a)) {
    const auto& other = std::get<wire::Done<T>>(b);
    return done->consumed == other.consumed && done->value == other.value;
  }
  return true;
}

// The answer does not depend on how the bytes came: the first prefix that has one gives the answer of the whole, and
// `at_least` never claims more than the answer took.
template <class Parse>
void check_splits(ByteView in, Parse parse) {
  const auto whole = parse_first(in, in.size(), parse);
  std::size_t not_before = 0;
  for (std::size_t n = 0; n < in.size(); n = next_place(n, in.size())) {
    const auto answer = parse_first(in, n, parse);
    if (const auto* more = std::get_if<wire::NeedMore>(&answer)) {
      if (more->at_least == 0) FAIL_CHECK("wants nothing, after " << n << " bytes");
      not_before = std::max(not_before, n + more->at_least);
      continue;
    }
    if (n < not_before) FAIL_CHECK("answered after " << n << " bytes, announced for " << not_before);
    if (!same_answer(answer, whole)) FAIL_CHECK("another answer after " << n << " of " << in.size() << " bytes");
  }
  if (!needs_more(whole) && in.size() < not_before) FAIL_CHECK("answered at the end, announced for " << not_before);
}

// A whole message: every strict prefix asks for more, and bytes after the message change nothing.
template <class Parse>
void check_prefixes(ByteView message, Parse parse) {
  for (std::size_t n = 0; n < message.size(); n = next_place(n, message.size())) {
    if (!needs_more(parse_first(message, n, parse))) FAIL_CHECK("answered after " << n << " bytes");
  }
  Bytes longer(message.begin(), message.end());
  longer.push_back(0);
  if (!same_answer(parse_first(message, message.size(), parse), parse_first(longer, longer.size(), parse))) {
    FAIL_CHECK("a byte after the message changed the answer");
  }
}

// No flipped byte crashes the parser or makes it claim bytes that are not there.
template <class Parse>
void check_flips(ByteView message, Parse parse) {
  using Answer = decltype(parse(message));
  for (std::size_t at = 0; at < message.size(); at = next_place(at, message.size())) {
    for (const int mask : {0x01, 0x20, 0x80, 0xff}) {
      Bytes flipped(message.begin(), message.end());
      flipped[at] = static_cast<std::uint8_t>(flipped[at] ^ mask);
      const Answer answer = parse_first(flipped, flipped.size(), parse);
      const auto* done = std::get_if<1>(&answer);
      if (done != nullptr && done->consumed > message.size()) FAIL_CHECK("too much consumed, flipped byte " << at);
    }
  }
}

// All of the above for one good message; returns what it means.
template <class T, class Parse>
T check_message(ByteView message, Parse parse) {
  check_prefixes(message, parse);
  check_splits(message, parse);
  check_flips(message, parse);
  wire::Parsed<T> answer = parse_first(message, message.size(), parse);
  REQUIRE(std::holds_alternative<wire::Done<T>>(answer));
  auto& done = std::get<wire::Done<T>>(answer);
  CHECK(done.consumed == message.size());
  return std::move(done.value);
}

// parse(write(x)) == x. `write` takes a ByteWriter.
template <class T, class Parse, class Write>
void check_round_trip(const T& value, Parse parse, Write write) {
  Bytes out;
  ByteWriter writer(out);
  write(writer);
  const bool same = check_message<T>(out, parse) == value;
  CHECK_MESSAGE(same, "not what was written: " << to_hex(out));
}

// The reason why a bad input is refused, however it is split; nullopt: it is not.
template <class Parse>
std::optional<Reason> refused(ByteView in, Parse parse) {
  check_splits(in, parse);
  const auto answer = parse_first(in, in.size(), parse);
  const auto* bad = std::get_if<wire::Malformed>(&answer);
  return bad != nullptr ? std::optional(bad->reason) : std::nullopt;
}

// The number of bytes after which the answer is known.
template <class Parse>
std::size_t decided_after(ByteView in, Parse parse) {
  std::size_t n = 0;
  while (n < in.size() && needs_more(parse_first(in, n, parse))) ++n;
  return n;
}

}  // namespace fairlead::test

namespace doctest {
template <>
struct StringMaker<std::optional<fairlead::Reason>> {
  static String convert(const std::optional<fairlead::Reason>& reason) {
    return reason ? std::string(fairlead::reason_code(*reason)).c_str() : "not refused";
  }
};
template <>
struct StringMaker<fairlead::Reason> {
  static String convert(fairlead::Reason reason) { return std::string(fairlead::reason_code(reason)).c_str(); }
};
}  // namespace doctest
