#pragma once
// Big-endian reader over a view. It fails once and stays failed: read a group of fields, then ask ok().
// After a failure every read returns zero or an empty view. Views point into the input.
#include <cstdint>

#include "common/base/bytes.h"

namespace fairlead {

class ByteReader {
 public:
  explicit ByteReader(ByteView in) : in_(in) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u24() { return static_cast<std::uint32_t>(integer(3)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() { return integer(8); }
  ByteView bytes(std::size_t n) {
    if (!ok_ || in_.size() < n) {
      ok_ = false;
      return {};
    }
    const ByteView out = in_.first(n);
    in_ = in_.subspan(n);
    return out;
  }
  void skip(std::size_t n) { bytes(n); }
  // A length-prefixed view, as TLS and our own messages use them.
  ByteView bytes8() { return bytes(u8()); }
  ByteView bytes16() { return bytes(u16()); }

  bool ok() const { return ok_; }
  bool empty() const { return in_.empty(); }
  // True when everything was read and nothing failed: the usual last check of a strict parser.
  bool finished() const { return ok_ && in_.empty(); }
  ByteView rest() const { return in_; }

 private:
  std::uint64_t integer(std::size_t n) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes(n)) value = value << 8 | byte;
    return value;
  }

  ByteView in_;
  bool ok_ = true;
};

}  // namespace fairlead
