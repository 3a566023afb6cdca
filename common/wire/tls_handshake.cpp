#include "common/wire/tls_handshake.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "common/base/byte_reader.h"

namespace fairlead::wire {
namespace {

constexpr std::uint8_t kContentHandshake = 22;
constexpr std::uint8_t kMajorVersion = 3;
constexpr std::size_t kVersionEnd = 3;     // a header's type and version: each of these bytes may be the wrong one
constexpr std::size_t kMessageHeader = 4;  // type and 24-bit length

// What is known of the message; it grows by the part of each record that has arrived.
struct Message {
  std::vector<ByteView> parts;
  std::size_t have = 0;
  std::size_t need = kMessageHeader;  // grows once the header is there

  void add(ByteView part) {
    parts.push_back(part);
    have += part.size();
  }
  Bytes first(std::size_t n) const {
    Bytes out;
    out.reserve(n);
    for (const ByteView part : parts) {
      const ByteView taken = part.first(std::min(part.size(), n - out.size()));
      out.insert(out.end(), taken.begin(), taken.end());
    }
    return out;
  }
};

// Judges as many bytes of a record header as there are.
std::optional<Reason> header_fault(ByteView in, const HandshakeRules& rules, Reason not_handshake) {
  if (in.size() > 0 && in[0] != kContentHandshake) return not_handshake;
  if (in.size() > 1 && in[1] != kMajorVersion) return not_handshake;
  if (in.size() > 2 && in[2] > rules.highest_minor) return not_handshake;
  return std::nullopt;
}

// Judges what has been collected, and learns the message's length.
std::optional<Reason> message_fault(Message& message, const HandshakeRules& rules) {
  if (message.have == 0) return std::nullopt;
  const Bytes header = message.first(std::min(message.have, kMessageHeader));
  ByteReader reader(header);
  if (reader.u8() != rules.type) return rules.malformed;
  if (header.size() < kMessageHeader) return std::nullopt;
  message.need = kMessageHeader + reader.u24();
  if (message.need > rules.limit) return rules.too_long;
  return std::nullopt;
}

Parsed<Bytes> finish(const Message& message, std::size_t consumed) {
  Bytes whole = message.first(message.need);
  whole.erase(whole.begin(), whole.begin() + kMessageHeader);
  return Done<Bytes>{std::move(whole), consumed};
}

}  // namespace

Parsed<Bytes> collect_handshake(ByteView in, const HandshakeRules& rules) {
  Message message;
  std::size_t offset = 0;
  for (std::size_t record = 0; record < kMaxHandshakeRecords; ++record) {
    if (offset + kTlsRecordHeader >= rules.limit) return Malformed{rules.too_long};
    const ByteView rest = in.subspan(offset);
    if (const auto fault = header_fault(rest, rules, record == 0 ? rules.not_tls : rules.malformed)) {
      return Malformed{*fault};
    }
    if (rest.size() < kVersionEnd) return NeedMore{1};
    if (rest.size() < kTlsRecordHeader) return NeedMore{kTlsRecordHeader - rest.size()};
    ByteReader reader(rest.subspan(kVersionEnd));
    const std::size_t length = reader.u16();
    if (length == 0 || length > kMaxTlsPlaintext) return Malformed{rules.malformed};

    const std::size_t before = message.have;
    const std::size_t arrived = std::min(length, reader.rest().size());
    message.add(reader.rest().first(arrived));
    if (before < kMessageHeader) {
      if (const auto fault = message_fault(message, rules)) return Malformed{*fault};
    }

    const bool header_known = message.have >= kMessageHeader;
    if (header_known && rules.after == AfterMessage::nothing && before + length > message.need) {
      return Malformed{rules.malformed};
    }
    const std::size_t used = std::min(length, message.need - before);
    const std::size_t end = offset + kTlsRecordHeader + used;
    if (end > rules.limit) return Malformed{rules.too_long};
    if (header_known && message.have >= message.need) return finish(message, end);
    if (arrived < length) {
      const std::size_t wanted = message.have == 0 ? 1 : message.need - message.have;
      return NeedMore{std::min(length - arrived, wanted)};
    }
    offset += kTlsRecordHeader + length;
  }
  return Malformed{rules.malformed};
}

}  // namespace fairlead::wire
