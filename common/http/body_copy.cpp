#include "common/http/body_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "common/base/byte_writer.h"

namespace fairlead::http {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

// RFC 9112 §7.1: hex digits, then extensions or nothing; no white space, no sign, no prefix.
std::optional<std::uint64_t> parse_chunk_size(std::string_view line) {
  const std::string_view digits = line.substr(0, line.find(';'));
  if (digits.empty() || digits.size() > kMaxChunkDigits) return std::nullopt;
  std::uint64_t size = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (!is_field_value(line.substr(digits.size()))) return std::nullopt;
  return size;
}

}  // namespace

BodyCopy::BodyCopy(Framing framing, TrailerRule trailer) : framing_(framing), trailer_(trailer), state_(State::plain) {
  if (framing.kind == Framing::Kind::none) state_ = State::done;
  if (framing.kind == Framing::Kind::chunked) state_ = State::size_line;
  if (framing.kind == Framing::Kind::length) left_ = framing.length;
}

bool BodyCopy::end_of_stream() {
  if (framing_.kind == Framing::Kind::until_end) state_ = State::done;
  return done();
}

Result<std::size_t> BodyCopy::copy(ByteView in, Bytes& out) {
  std::size_t taken = 0;
  while (taken < in.size() && !done()) {
    const ByteView rest = in.subspan(taken);
    Result<std::size_t> step = 0;
    switch (state_) {
      case State::plain:
        step = copy_plain(rest, out);
        break;
      case State::size_line:
        step = read_size(rest, out);
        break;
      case State::data:
        step = copy_data(rest, out);
        break;
      case State::data_end:
        step = read_data_end(rest);
        break;
      case State::trailers:
        step = read_trailers(rest, out);
        break;
      case State::done:
        break;
    }
    if (!step) return step;
    taken += *step;
  }
  return taken;
}

Result<std::size_t> BodyCopy::copy_plain(ByteView in, Bytes& out) {
  const bool counted = framing_.kind == Framing::Kind::length;
  const std::size_t take = counted ? static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size())) : in.size();
  ByteWriter(out).bytes(in.first(take));
  if (counted && (left_ -= take) == 0) state_ = State::done;
  return take;
}

Result<std::size_t> BodyCopy::read_size(ByteView in, Bytes& /*out*/) {
  for (std::size_t i = 0; i < in.size(); ++i) {
    held_.push_back(in[i]);
    const std::string_view line = as_text(held_);
    if (in[i] == '\n') {
      if (!line.ends_with(kLineEnd)) return fail(Reason::http_ambiguous, "a chunk's size ends in a bare LF");
      const auto size = parse_chunk_size(line.substr(0, line.size() - kLineEnd.size()));
      if (!size) return fail(Reason::http_ambiguous, "a chunk's size cannot be read");
      held_ = Bytes();
      left_ = *size;
      state_ = *size == 0 ? State::trailers : State::data;
      return i + 1;
    }
    if (held_.size() >= kMaxChunkLine) return fail(Reason::http_too_large, "a chunk's extensions");
  }
  return in.size();
}

// What is there becomes a chunk of its own.
std::size_t BodyCopy::copy_data(ByteView in, Bytes& out) {
  const auto take = static_cast<std::size_t>(std::min<std::uint64_t>(left_, in.size()));
  ByteWriter writer(out);
  writer.text(fmt::format("{:x}\r\n", take));
  writer.bytes(in.first(take));
  writer.text(kLineEnd);
  left_ -= take;
  if (left_ == 0) state_ = State::data_end;
  return take;
}

Result<std::size_t> BodyCopy::read_data_end(ByteView in) {
  const std::size_t take = std::min(in.size(), kLineEnd.size() - held_.size());
  ByteWriter(held_).bytes(in.first(take));
  if (!kLineEnd.starts_with(as_text(held_))) return fail(Reason::http_ambiguous, "a chunk is longer than its size");
  if (held_.size() < kLineEnd.size()) return take;
  held_ = Bytes();
  state_ = State::size_line;
  return take;
}

Result<std::size_t> BodyCopy::read_trailers(ByteView in, Bytes& out) {
  const std::size_t before = held_.size();
  const std::size_t room = std::min(in.size(), kMaxTrailers - before);
  ByteWriter(held_).bytes(in.first(room));
  const auto parsed = parse_trailers(held_);
  if (const auto* bad = std::get_if<wire::Malformed>(&parsed)) return fail(bad->reason, "its trailers");
  const auto* done = std::get_if<wire::Done<Fields>>(&parsed);
  if (done == nullptr) return room;
  ByteWriter writer(out);
  writer.text("0\r\n");
  for (const Field& field : done->value) {
    if (is_framing_name(field.name)) return fail(Reason::http_ambiguous, "a trailer decides of its length");
    if (trailer_(field.name)) writer.text(fmt::format("{}: {}\r\n", field.name, field.value));
  }
  writer.text(kLineEnd);
  state_ = State::done;
  const std::size_t taken = done->consumed - before;
  held_ = Bytes();
  return taken;
}

}  // namespace fairlead::http
