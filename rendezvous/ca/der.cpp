#include "rendezvous/ca/der.h"

#include "common/base/byte_writer.h"
#include "common/base/check.h"

namespace fairlead::rendezvous {
namespace {

constexpr std::uint8_t kSequence = 0x30;
constexpr std::uint8_t kDnsName = 0x82;
constexpr std::uint8_t kUri = 0x86;
constexpr std::uint8_t kIpAddress = 0x87;

void append(Bytes& out, ByteView in) {
  out.insert(out.end(), in.begin(), in.end());
}

}  // namespace

Bytes der_element(std::uint8_t tag, ByteView content) {
  CHECK(content.size() <= 0xffff);
  const auto size = static_cast<std::uint16_t>(content.size());
  Bytes out;
  ByteWriter writer(out);
  writer.u8(tag);
  if (size > 0xff) {
    writer.u8(0x82);
    writer.u16(size);
  } else {
    if (size > 0x7f) writer.u8(0x81);
    writer.u8(static_cast<std::uint8_t>(size));
  }
  writer.bytes(content);
  return out;
}

Bytes der_sequence(std::initializer_list<ByteView> elements) {
  Bytes content;
  for (const ByteView element : elements) append(content, element);
  return der_element(kSequence, content);
}

Bytes der_alternative_names(const tls::AlternativeNames& names) {
  Bytes content;
  for (const std::string& uri : names.uris) append(content, der_element(kUri, as_bytes(uri)));
  for (const std::string& dns : names.dns_names) append(content, der_element(kDnsName, as_bytes(dns)));
  for (const IpAddress& ip : names.ip_addresses) append(content, der_element(kIpAddress, ip.bytes()));
  return der_element(kSequence, content);
}

}  // namespace fairlead::rendezvous
