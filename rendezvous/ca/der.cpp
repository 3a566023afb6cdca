#include "rendezvous/ca/der.h"

#include "common/base/byte_reader.h"
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

struct Element {
  ByteView whole;
  ByteView content;
};

// The element that `in` begins with.
std::optional<Element> first_element(ByteView in) {
  ByteReader reader(in);
  reader.u8();
  std::size_t size = reader.u8();
  if (size == 0x81) {
    size = reader.u8();
  } else if (size == 0x82) {
    size = reader.u16();
  } else if (size > 0x7f) {
    return std::nullopt;
  }
  const std::size_t head = in.size() - reader.rest().size();
  if (!reader.ok() || size > reader.rest().size()) return std::nullopt;
  return Element{in.first(head + size), in.subspan(head, size)};
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
  return der_sequence(std::span<const ByteView>(elements.begin(), elements.size()));
}

Bytes der_sequence(std::span<const ByteView> elements) {
  Bytes content;
  for (const ByteView element : elements) append(content, element);
  return der_element(kSequence, content);
}

std::optional<std::vector<ByteView>> der_elements(ByteView constructed) {
  const auto outer = first_element(constructed);
  if (!outer || outer->whole.size() != constructed.size()) return std::nullopt;
  std::vector<ByteView> out;
  for (ByteView left = outer->content; !left.empty(); left = left.subspan(out.back().size())) {
    const auto element = first_element(left);
    if (!element) return std::nullopt;
    out.push_back(element->whole);
  }
  return out;
}

Bytes der_alternative_names(const tls::AlternativeNames& names) {
  Bytes content;
  for (const std::string& uri : names.uris) append(content, der_element(kUri, as_bytes(uri)));
  for (const std::string& dns : names.dns_names) append(content, der_element(kDnsName, as_bytes(dns)));
  for (const IpAddress& ip : names.ip_addresses) append(content, der_element(kIpAddress, ip.bytes()));
  return der_element(kSequence, content);
}

}  // namespace fairlead::rendezvous
