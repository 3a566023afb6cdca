#pragma once
// One description of a message's fields serves both directions: FieldReader and FieldWriter have the same members, and
//   template <class F> void fields(F& f, typename F::template Ref<Hello> m) { f.number(m.version); f.text(m.software);
//   }
// parses or writes, so the two cannot disagree. Used by the codecs of our own protocol; integers big-endian, strings
// with one length byte and without control characters (they end in logs), blobs with two, lists with one count byte.
// Any thread.
#include <array>
#include <concepts>
#include <string>
#include <vector>

#include "common/base/byte_reader.h"
#include "common/base/byte_writer.h"
#include "common/base/ip.h"

namespace fairlead::wire {

class FieldReader {
 public:
  template <class T>
  using Ref = T&;
  explicit FieldReader(ByteView in) : in_(in) {}

  // False once a field was cut off or out of its limits; what was read after that is empty.
  bool ok() const { return valid_ && in_.ok(); }

  // Whether the sender's version knows the field that was appended after its time.
  bool has_appended() const { return !in_.empty(); }
  void number(std::uint8_t& value) { value = in_.u8(); }
  void number(std::uint16_t& value) { value = in_.u16(); }
  void number(std::uint32_t& value) { value = in_.u32(); }
  void number(std::uint64_t& value) { value = in_.u64(); }
  void number(std::int64_t& value) { value = static_cast<std::int64_t>(in_.u64()); }
  template <std::size_t N>
  void octets(std::array<std::uint8_t, N>& value) {
    const ByteView bytes = in_.bytes(N);
    if (in_.ok()) std::copy(bytes.begin(), bytes.end(), value.begin());
  }
  void text(std::string& value);
  void blob(Bytes& value, std::size_t most);
  void blobs(std::vector<Bytes>& values, std::size_t most, std::size_t most_each);
  void human_text(std::string& value) { text(value); }
  void reason_code(std::string& value);
  void address(SocketAddress& value);
  void entry(std::string& value) { text(value); }
  void entry(SocketAddress& value) { address(value); }
  template <class T>
  void list(std::vector<T>& values, std::size_t most) {
    const std::size_t count = in_.u8();
    if (count > most) valid_ = false;
    for (std::size_t i = 0; i < count && ok(); ++i) entry(values.emplace_back());
  }

 private:
  ByteReader in_;
  bool valid_ = true;
};

// A value beyond its limits is our own bug (CHECK), but for human_text, which is made to fit.
class FieldWriter {
 public:
  template <class T>
  using Ref = const T&;
  explicit FieldWriter(ByteWriter& out) : out_(out) {}

  bool has_appended() const { return true; }
  void number(std::uint8_t value) { out_.u8(value); }
  void number(std::uint16_t value) { out_.u16(value); }
  void number(std::uint32_t value) { out_.u32(value); }
  void number(std::uint64_t value) { out_.u64(value); }
  void number(std::int64_t value) { out_.u64(static_cast<std::uint64_t>(value)); }
  template <std::size_t N>
  void octets(const std::array<std::uint8_t, N>& value) {
    out_.bytes(value);
  }
  void text(const std::string& value);
  void blob(const Bytes& value, std::size_t most);
  void blobs(const std::vector<Bytes>& values, std::size_t most, std::size_t most_each);
  void human_text(const std::string& value);
  void reason_code(const std::string& value);
  void address(const SocketAddress& value);
  void entry(const std::string& value) { text(value); }
  void entry(const SocketAddress& value) { address(value); }
  template <class T>
  void list(const std::vector<T>& values, std::size_t most) {
    CHECK(values.size() <= most && most <= 0xff);
    out_.u8(static_cast<std::uint8_t>(values.size()));
    for (const T& value : values) entry(value);
  }

 private:
  ByteWriter& out_;
};

}  // namespace fairlead::wire
