#include "common/tls/hello_watch.h"

#include <algorithm>

#include "common/base/byte_reader.h"

namespace fairlead::tls {
namespace {

constexpr std::uint8_t kHandshakeRecord = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::uint8_t kServerHello = 2;
constexpr std::uint16_t kExtendedMasterSecret = 23;  // RFC 7627 §5.1
constexpr std::size_t kRecordHeader = 5;
// RFC 5246 §6.2.1. mbedtls takes no longer hello either.
constexpr std::size_t kMaxRecordPayload = 16384;
constexpr std::size_t kMaxMessage = 16384;
constexpr std::size_t kRandomBytes = 32;

bool has_extended_master_secret(ByteView body, std::uint8_t type) {
  ByteReader hello(body);
  hello.skip(2 + kRandomBytes);
  hello.bytes8();  // session id
  if (type == kClientHello) {
    hello.bytes16();  // cipher suites
    hello.bytes8();   // compression methods
  } else {
    hello.skip(2 + 1);
  }
  ByteReader extensions(hello.bytes16());
  while (hello.ok() && extensions.ok() && !extensions.empty()) {
    const std::uint16_t id = extensions.u16();
    extensions.bytes16();
    if (extensions.ok() && id == kExtendedMasterSecret) return true;
  }
  return false;
}

// Zero until the record's header is complete.
std::size_t payload_size(ByteView record) {
  ByteReader header(record);
  header.skip(3);
  return header.u16();
}

}  // namespace

HelloWatch::State HelloWatch::receive(ByteView in) {
  while (state_ == State::reading && !in.empty()) {
    const std::size_t whole = kRecordHeader + payload_size(record_);
    const std::size_t taken = std::min(in.size(), whole - record_.size());
    record_.insert(record_.end(), in.begin(), in.begin() + static_cast<std::ptrdiff_t>(taken));
    in = in.subspan(taken);
    if (record_.size() < kRecordHeader) break;
    const std::size_t payload = payload_size(record_);
    if (record_[0] != kHandshakeRecord || payload == 0 || payload > kMaxRecordPayload) {
      state_ = State::broken;
    } else if (record_.size() == kRecordHeader + payload) {
      state_ = on_record(ByteView(record_).subspan(kRecordHeader));
      record_.clear();
    }
  }
  if (state_ != State::reading) record_ = message_ = Bytes();
  return state_;
}

HelloWatch::State HelloWatch::on_record(ByteView payload) {
  message_.insert(message_.end(), payload.begin(), payload.end());
  ByteReader reader(message_);
  const std::uint8_t type = reader.u8();
  const std::uint32_t length = reader.u24();
  if (!reader.ok()) return State::reading;
  if ((type != kClientHello && type != kServerHello) || length > kMaxMessage) return State::broken;
  const ByteView body = reader.bytes(length);
  if (!reader.ok()) return State::reading;
  return has_extended_master_secret(body, type) ? State::present : State::absent;
}

}  // namespace fairlead::tls
