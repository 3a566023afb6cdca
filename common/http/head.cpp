#include "common/http/head.h"

#include <algorithm>
#include <optional>
#include <variant>

namespace fairlead::http {
namespace {

using wire::Done;
using wire::Malformed;
using wire::NeedMore;
using wire::Parsed;

constexpr std::string_view kVersion = "HTTP/1.";
constexpr std::size_t kVersionSize = kVersion.size() + 1;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

enum class LineEnd : std::uint8_t { crlf, lf_too };

// One line after the other, without their ends. What is not there yet and what is wrong ends the walk.
class Lines {
 public:
  Lines(ByteView in, std::size_t most, LineEnd allowed)
      : text_(as_text(in.first(std::min(in.size(), most)))), most_(most), allowed_(allowed) {}

  // Nullopt: see stop().
  std::optional<std::string_view> next() {
    const std::string_view rest = text_.substr(at_);
    const auto end = rest.find_first_of(std::string_view("\r\n"));
    if (end == std::string_view::npos || (rest[end] == '\r' && end + 1 == rest.size())) {
      if (text_.size() == most_) stop_ = Malformed{Reason::http_too_large};
      return std::nullopt;
    }
    const bool bare = rest[end] == '\n' ? allowed_ == LineEnd::crlf : rest[end + 1] != '\n';
    if (bare) return refuse(Reason::http_ambiguous);
    at_ += end + (rest[end] == '\n' ? 1 : 2);
    return rest.substr(0, end);
  }
  std::optional<std::string_view> refuse(Reason reason) {
    stop_ = Malformed{reason};
    return std::nullopt;
  }
  std::string_view text() const { return text_; }
  std::size_t consumed() const { return at_; }
  template <class T>
  Parsed<T> stop() const {
    if (stop_) return *stop_;
    return NeedMore{1};
  }

 private:
  const std::string_view text_;
  const std::size_t most_;
  const LineEnd allowed_;
  std::size_t at_ = 0;
  std::optional<Malformed> stop_;
};

// RFC 9112 §5.1, §5.2: nothing stands between a name and its colon, and no line is folded.
std::optional<Reason> read_field(std::string_view line, Fields& fields) {
  if (line.starts_with(' ') || line.starts_with('\t')) return Reason::http_ambiguous;
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return Reason::http_malformed;
  const std::string_view name = line.substr(0, colon);
  if (name.ends_with(' ') || name.ends_with('\t')) return Reason::http_ambiguous;
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_token(name) || !is_field_value(value)) return Reason::http_malformed;
  if (fields.size() == kMaxFields) return Reason::http_too_large;
  fields.push_back({name, value});
  return std::nullopt;
}

// True at the blank line.
bool read_fields(Lines& lines, Fields& fields) {
  while (const auto line = lines.next()) {
    if (line->empty()) return true;
    if (const auto wrong = read_field(*line, fields)) return lines.refuse(*wrong).has_value();
  }
  return false;
}

// What is no HTTP at all is known by its first bytes, whether or not a line ever ends.
bool method_begins(std::string_view text) {
  const std::string_view method = text.substr(0, text.find(' '));
  return method.size() <= kMaxMethod && std::ranges::all_of(method, is_token_byte) && !text.starts_with(' ');
}

// RFC 9112 §3: method SP target SP version, one space each.
std::optional<Reason> read_request_line(std::string_view line, RequestHead& head) {
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last) return Reason::http_malformed;
  const std::string_view version = line.substr(last + 1);
  head.method = line.substr(0, first);
  head.target = line.substr(first + 1, last - first - 1);
  const auto allowed = [](char c) { return c > 0x20 && c < 0x7f && c != '#'; };
  if (head.target.empty() || !std::ranges::all_of(head.target, allowed)) return Reason::http_malformed;
  const bool is_version = version.size() == kVersionSize && version.starts_with("HTTP/") && is_digit(version[5]) &&
                          version[6] == '.' && is_digit(version[7]);
  if (!is_version) return Reason::http_malformed;
  if (version != "HTTP/1.0" && version != "HTTP/1.1") return Reason::http_unserved;
  head.minor = version.back() - '0';
  return std::nullopt;
}

// RFC 9112 §4: version SP three digits SP reason.
bool read_status_line(std::string_view line, ResponseHead& head) {
  constexpr std::size_t kStatusAt = kVersionSize + 1;
  constexpr std::size_t kStatusEnd = kStatusAt + 3;
  if (line.size() < kStatusEnd || (line[kVersionSize - 1] != '0' && line[kVersionSize - 1] != '1')) return false;
  const std::string_view digits = line.substr(kStatusAt, 3);
  if (line[kVersionSize] != ' ' || !std::ranges::all_of(digits, is_digit)) return false;
  if (digits[0] == '0') return false;
  if (line.size() > kStatusEnd && line[kStatusEnd] != ' ') return false;
  head.minor = line[kVersionSize - 1] - '0';
  head.status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
  head.reason = line.substr(std::min(kStatusEnd + 1, line.size()));
  return is_field_value(head.reason);
}

}  // namespace

Parsed<RequestHead> parse_request_head(ByteView in) {
  Lines lines(in, kMaxHead, LineEnd::crlf);
  if (!method_begins(lines.text())) return Malformed{Reason::http_malformed};
  const auto start = lines.next();
  if (!start) return lines.stop<RequestHead>();
  RequestHead head;
  if (const auto wrong = read_request_line(*start, head)) return Malformed{*wrong};
  if (!read_fields(lines, head.fields)) return lines.stop<RequestHead>();
  return Done<RequestHead>{std::move(head), lines.consumed()};
}

Parsed<ResponseHead> parse_response_head(ByteView in) {
  Lines lines(in, kMaxHead, LineEnd::lf_too);
  const std::size_t begun = std::min(lines.text().size(), kVersion.size());
  if (lines.text().substr(0, begun) != kVersion.substr(0, begun)) return Malformed{Reason::http_malformed};
  const auto start = lines.next();
  if (!start) return lines.stop<ResponseHead>();
  ResponseHead head;
  if (!read_status_line(*start, head)) return Malformed{Reason::http_malformed};
  if (!read_fields(lines, head.fields)) return lines.stop<ResponseHead>();
  return Done<ResponseHead>{std::move(head), lines.consumed()};
}

Parsed<Fields> parse_trailers(ByteView in) {
  Lines lines(in, kMaxTrailers, LineEnd::crlf);
  Fields fields;
  if (!read_fields(lines, fields)) return lines.stop<Fields>();
  return Done<Fields>{std::move(fields), lines.consumed()};
}

}  // namespace fairlead::http
