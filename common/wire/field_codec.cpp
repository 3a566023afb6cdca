#include "common/wire/field_codec.h"

#include <algorithm>

namespace fairlead::wire {
namespace {

constexpr std::size_t kMostText = 255;  // what one length byte can say
constexpr std::size_t kMostReasonCode = 40;
constexpr std::uint8_t kFamilyV4 = 4;
constexpr std::uint8_t kFamilyV6 = 6;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), is_control);
}

bool is_reason_code(std::string_view code) {
  return code.size() <= kMostReasonCode && std::all_of(code.begin(), code.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

// Cuts no UTF-8 sequence in half.
std::string_view fitting(std::string_view text) {
  if (text.size() <= kMostText) return text;
  std::size_t end = kMostText;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

}  // namespace

void FieldReader::text(std::string& value) {
  value = as_text(in_.bytes8());
  if (!is_plain(value)) valid_ = false;
}

void FieldReader::blob(Bytes& value, std::size_t most) {
  const ByteView bytes = in_.bytes16();
  if (bytes.size() > most) valid_ = false;
  if (ok()) value.assign(bytes.begin(), bytes.end());
}

void FieldReader::blobs(std::vector<Bytes>& values, std::size_t most, std::size_t most_each) {
  const std::size_t count = in_.u8();
  if (count > most) valid_ = false;
  for (std::size_t i = 0; i < count && ok(); ++i) blob(values.emplace_back(), most_each);
}

void FieldReader::reason_code(std::string& value) {
  value = as_text(in_.bytes8());
  if (!is_reason_code(value)) valid_ = false;
}

void FieldReader::address(SocketAddress& value) {
  switch (in_.u8()) {
    case kFamilyV4: {
      std::array<std::uint8_t, 4> ip{};
      octets(ip);
      value.ip = IpAddress::v4(ip);
      break;
    }
    case kFamilyV6: {
      std::array<std::uint8_t, 16> ip{};
      octets(ip);
      value.ip = IpAddress::v6(ip);
      break;
    }
    default:
      valid_ = false;
      return;
  }
  value.port = in_.u16();
}

void FieldWriter::text(const std::string& value) {
  CHECK(is_plain(value));
  out_.bytes8(as_bytes(value));
}

void FieldWriter::blob(const Bytes& value, std::size_t most) {
  CHECK(value.size() <= most);
  out_.bytes16(value);
}

void FieldWriter::blobs(const std::vector<Bytes>& values, std::size_t most, std::size_t most_each) {
  CHECK(values.size() <= most && most <= 0xff);
  out_.u8(static_cast<std::uint8_t>(values.size()));
  for (const Bytes& value : values) blob(value, most_each);
}

void FieldWriter::human_text(const std::string& value) {
  std::string plain(fitting(value));
  std::replace_if(plain.begin(), plain.end(), is_control, ' ');
  out_.bytes8(as_bytes(plain));
}

void FieldWriter::reason_code(const std::string& value) {
  CHECK(is_reason_code(value));
  out_.bytes8(as_bytes(value));
}

void FieldWriter::address(const SocketAddress& value) {
  out_.u8(value.ip.is_v4() ? kFamilyV4 : kFamilyV6);
  out_.bytes(value.ip.bytes());
  out_.u16(value.port);
}

}  // namespace fairlead::wire
