#pragma once
// Appends big-endian integers and bytes to a buffer that the caller owns.
#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/check.h"

namespace fairlead {

class ByteWriter {
 public:
  explicit ByteWriter(Bytes& out) : out_(out) {}

  void u8(std::uint8_t value) { out_.push_back(value); }
  void u16(std::uint16_t value) { integer(value, 2); }
  void u32(std::uint32_t value) { integer(value, 4); }
  void u64(std::uint64_t value) { integer(value, 8); }
  void bytes(ByteView in) { out_.insert(out_.end(), in.begin(), in.end()); }
  void text(std::string_view in) { bytes(as_bytes(in)); }
  // Length-prefixed; a longer input is our own bug.
  void bytes8(ByteView in) {
    CHECK(in.size() <= 0xff);
    u8(static_cast<std::uint8_t>(in.size()));
    bytes(in);
  }
  void bytes16(ByteView in) {
    CHECK(in.size() <= 0xffff);
    u16(static_cast<std::uint16_t>(in.size()));
    bytes(in);
  }

  std::size_t size() const { return out_.size(); }
  // Fills in a length that was not known when its place was written.
  void patch_u16(std::size_t at, std::uint16_t value) {
    out_[at] = static_cast<std::uint8_t>(value >> 8);
    out_[at + 1] = static_cast<std::uint8_t>(value);
  }
  void patch_u32(std::size_t at, std::uint32_t value) {
    patch_u16(at, static_cast<std::uint16_t>(value >> 16));
    patch_u16(at + 2, static_cast<std::uint16_t>(value));
  }

 private:
  void integer(std::uint64_t value, int n) {
    for (int shift = 8 * (n - 1); shift >= 0; shift -= 8) out_.push_back(static_cast<std::uint8_t>(value >> shift));
  }

  Bytes& out_;
};

}  // namespace fairlead
