#include "common/http/framing.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace fairlead::http {
namespace {

constexpr std::size_t kMaxDigits = 18;  // of a length; every 64-bit reader holds that

std::optional<std::uint64_t> parse_length(std::string_view text) {
  if (text.empty() || text.size() > kMaxDigits) return std::nullopt;
  std::uint64_t length = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return length;
}

enum class Repeats : std::uint8_t { refused, equal_ones };

bool all_equal(const Fields& fields, std::string_view name, std::string_view value) {
  return std::ranges::all_of(fields,
                             [&](const Field& field) { return !same_word(field.name, name) || field.value == value; });
}

// What the fields say, whatever the message is.
Result<Framing> announced(int minor, const Fields& fields, Repeats repeats) {
  const Found length = find_field(fields, "content-length");
  const Found coding = find_field(fields, "transfer-encoding");
  if (length.count > 0 && coding.count > 0) return fail(Reason::http_ambiguous, "a length and chunks");
  const bool repeated = repeats == Repeats::refused || !all_equal(fields, "content-length", length.value);
  if (coding.count > 1 || (length.count > 1 && repeated)) {
    return fail(Reason::http_ambiguous, "its length stands there twice");
  }
  if (coding.count == 1) {
    if (minor == 0) return fail(Reason::http_ambiguous, "chunks in HTTP/1.0");
    if (!same_word(coding.value, "chunked"))
      return fail(Reason::http_ambiguous, "a transfer coding that is not chunked");
    return Framing{Framing::Kind::chunked, 0};
  }
  if (length.count == 0) return Framing{};
  const auto bytes = parse_length(length.value);
  if (!bytes) return fail(Reason::http_ambiguous, "a length that is not a number");
  if (*bytes == 0) return Framing{};
  return Framing{Framing::Kind::length, *bytes};
}

// A name that only some readers take for a framing field.
bool is_almost_framing(std::string_view name) {
  return is_framing_name(name) && name.find('_') != std::string_view::npos;
}

}  // namespace

bool is_framing_name(std::string_view name) {
  for (const std::string_view known : {"content-length", "transfer-encoding"}) {
    if (name.size() != known.size()) continue;
    bool same = true;
    for (std::size_t i = 0; same && i < known.size(); ++i) {
      same = known[i] == '-' ? name[i] == '-' || name[i] == '_' : same_word(name.substr(i, 1), known.substr(i, 1));
    }
    if (same) return true;
  }
  return false;
}

Result<Framing> request_framing(const RequestHead& head) {
  for (const Field& field : head.fields) {
    if (is_almost_framing(field.name)) return fail(Reason::http_ambiguous, "a name that may mean its length");
  }
  return announced(head.minor, head.fields, Repeats::refused);
}

// RFC 9112 §6.3: what has no body has none whatever its fields say.
Result<Framing> response_framing(const ResponseHead& head, std::string_view method, int request_minor) {
  const auto said = announced(head.minor, head.fields, Repeats::equal_ones);
  if (!said) return said;
  if (method == "HEAD" || head.status < 200 || head.status == 204 || head.status == 304) return Framing{};
  if (said->kind == Framing::Kind::chunked && request_minor == 0) {
    return fail(Reason::http_ambiguous, "chunks for a caller of HTTP/1.0");
  }
  if (said->kind == Framing::Kind::none && find_field(head.fields, "content-length").count == 0) {
    return Framing{Framing::Kind::until_end, 0};
  }
  return said;
}

bool persists(int minor, const Fields& fields) {
  return minor == 1 && !has_member(list_members(fields, "connection"), "close");
}

}  // namespace fairlead::http
