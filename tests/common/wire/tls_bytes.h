#pragma once
// Pieces of TLS messages for tests: each function returns the bytes of one thing, so that a test can break it.
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "common/base/byte_writer.h"
#include "common/base/bytes.h"

namespace fairlead::test {

inline Bytes join(std::initializer_list<Bytes> parts) {
  Bytes out;
  for (const Bytes& part : parts) out.insert(out.end(), part.begin(), part.end());
  return out;
}

inline Bytes vec8(const Bytes& content) {
  Bytes out;
  ByteWriter(out).bytes8(content);
  return out;
}
inline Bytes vec16(const Bytes& content) {
  Bytes out;
  ByteWriter(out).bytes16(content);
  return out;
}
inline Bytes u16(std::uint16_t value) {
  Bytes out;
  ByteWriter(out).u16(value);
  return out;
}

inline Bytes text(std::string_view content) {
  const ByteView view = as_bytes(content);
  return {view.begin(), view.end()};
}

inline Bytes record(std::uint8_t type, std::uint16_t version, const Bytes& fragment) {
  return join({{type}, u16(version), vec16(fragment)});
}
inline Bytes handshake_record(const Bytes& fragment) {
  return record(22, 0x0301, fragment);
}

// A message cut at the given places, each piece in a record of its own.
inline Bytes cut_records(const Bytes& message, std::vector<std::size_t> cuts) {
  Bytes out;
  std::size_t from = 0;
  cuts.push_back(message.size());
  for (const std::size_t to : cuts) {
    const auto at = [&](std::size_t n) { return message.begin() + static_cast<std::ptrdiff_t>(n); };
    out = join({out, handshake_record(Bytes(at(from), at(to)))});
    from = to;
  }
  return out;
}

inline Bytes handshake(std::uint8_t type, const Bytes& body) {
  return join(
      {{type, static_cast<std::uint8_t>(body.size() >> 16)}, u16(static_cast<std::uint16_t>(body.size())), body});
}

inline Bytes extension(std::uint16_t type, const Bytes& content) {
  return join({u16(type), vec16(content)});
}
inline Bytes host_name(std::string_view name) {
  return join({{0}, vec16(text(name))});
}
inline Bytes server_name(std::string_view name) {
  return extension(0, vec16(host_name(name)));
}

struct HelloParts {
  Bytes version{0x03, 0x03};
  Bytes random = Bytes(32, 0xAA);
  Bytes session_id = vec8(Bytes(32, 0xBB));
  Bytes suites = vec16({0x13, 0x01, 0xC0, 0x2B});
  Bytes compression = vec8({0});
  Bytes tail;  // extensions with their length, or nothing

  Bytes body() const { return join({version, random, session_id, suites, compression, tail}); }
  Bytes message() const { return handshake(1, body()); }
};

inline Bytes hello_with(const Bytes& extensions) {
  HelloParts parts;
  parts.tail = vec16(extensions);
  return parts.message();
}

}  // namespace fairlead::test
