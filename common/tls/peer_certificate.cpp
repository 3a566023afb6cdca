#include "common/tls/peer_certificate.h"

#include <fmt/format.h>
#include <mbedtls/asn1.h>
#include <mbedtls/oid.h>
#include <mbedtls/x509_crt.h>

#include <algorithm>

#include "common/base/pattern.h"
#include "common/tls/mbedtls_compat.h"
#include "common/tls/spiffe_id.h"

namespace fairlead::tls {
namespace {

constexpr std::uint8_t kSubjectAltName[] = {0x55, 0x1d, 0x11};  // 2.5.29.17
// GeneralName, RFC 5280 §4.2.1.6: implicit context-specific tags.
constexpr std::uint8_t kDnsName = 0x82;
constexpr std::uint8_t kUri = 0x86;
constexpr std::uint8_t kIpAddress = 0x87;
constexpr std::uint8_t kSequence = MBEDTLS_ASN1_CONSTRUCTED | MBEDTLS_ASN1_SEQUENCE;

struct Element {
  std::uint8_t tag = 0;
  ByteView content;
};

// Walks the elements of a DER sequence's content. Fails once and stays failed, as ByteReader does.
class DerReader {
 public:
  explicit DerReader(ByteView in) : in_(in) {}

  bool more() const { return ok_ && !in_.empty(); }
  bool ok() const { return ok_; }
  Element next() {
    std::size_t size = 0;
    // The library's function takes a mutable pointer and does not write through it.
    auto* at = const_cast<unsigned char*>(in_.data()) + 1;
    if (!more() || mbedtls_asn1_get_len(&at, in_.data() + in_.size(), &size) != 0) {
      ok_ = false;
      return {};
    }
    const Element element{in_[0], ByteView(at, size)};
    in_ = in_.subspan(static_cast<std::size_t>(at - in_.data()) + size);
    return element;
  }
  ByteView next(std::uint8_t tag) {
    const Element element = next();
    if (element.tag != tag) ok_ = false;
    return ok_ ? element.content : ByteView();
  }

 private:
  ByteView in_;
  bool ok_ = true;
};

// The content of the subjectAltName's GeneralNames; empty when there is none.
Result<ByteView> find_alt_names(const mbedtls_x509_crt& leaf) {
  if (leaf.v3_ext.p == nullptr) return ByteView();
  DerReader outer(ByteView(leaf.v3_ext.p, leaf.v3_ext.len));
  DerReader extensions(outer.next(kSequence));
  while (outer.ok() && extensions.more()) {
    DerReader extension(extensions.next(kSequence));
    const ByteView id = extension.next(MBEDTLS_ASN1_OID);
    Element value = extension.next();
    if (value.tag == MBEDTLS_ASN1_BOOLEAN) value = extension.next();
    if (!extension.ok()) break;
    if (!std::ranges::equal(id, kSubjectAltName)) continue;
    DerReader names(value.content);
    const ByteView content = names.next(kSequence);
    if (!names.ok()) break;
    return content;
  }
  if (!outer.ok() || !extensions.ok() || extensions.more())
    return fail(Reason::certificate_identity, "its extensions cannot be read");
  return ByteView();
}

void add_ip(ByteView raw, std::vector<IpAddress>& out) {
  if (raw.size() == 4) {
    std::array<std::uint8_t, 4> bytes;
    std::ranges::copy(raw, bytes.begin());
    out.push_back(IpAddress::v4(bytes));
  } else if (raw.size() == 16) {
    std::array<std::uint8_t, 16> bytes;
    std::ranges::copy(raw, bytes.begin());
    out.push_back(IpAddress::v6(bytes));
  }
}

std::string common_name_of(const mbedtls_x509_crt& leaf) {
  const auto* found = mbedtls_asn1_find_named_data(const_cast<mbedtls_x509_name*>(&leaf.subject), MBEDTLS_OID_AT_CN,
                                                   MBEDTLS_OID_SIZE(MBEDTLS_OID_AT_CN));
  if (found == nullptr || found->val.len > kMaxCommonName) return "";
  if (found->val.tag != MBEDTLS_ASN1_UTF8_STRING && found->val.tag != MBEDTLS_ASN1_PRINTABLE_STRING) return "";
  const ByteView text(found->val.p, found->val.len);
  const bool printable = std::ranges::all_of(text, [](std::uint8_t c) { return c >= 0x20 && c != 0x7f; });
  return printable ? std::string(as_text(text)) : "";
}

bool name_fits(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return pattern == host;
  const std::size_t dot = host.find('.');
  return dot != std::string_view::npos && dot > 0 && pattern.substr(1) == host.substr(dot);
}

}  // namespace

Result<AlternativeNames> read_alternative_names(const mbedtls_x509_crt& certificate) {
  const Result<ByteView> content = find_alt_names(certificate);
  if (!content) return tl::unexpected(content.error());
  AlternativeNames names;
  std::size_t count = 0;
  DerReader reader(*content);
  while (reader.more()) {
    const Element name = reader.next();
    if (++count > kMaxSanNames) return fail(Reason::certificate_identity, "it has too many names");
    if (name.tag == kDnsName) names.dns_names.push_back(normalize_name(as_text(name.content)));
    if (name.tag == kIpAddress) add_ip(name.content, names.ip_addresses);
    if (name.tag == kUri) names.uris.emplace_back(as_text(name.content));
  }
  if (!reader.ok()) return fail(Reason::certificate_identity, "its subjectAltName cannot be read");
  return names;
}

Result<AlternativeNames> read_alternative_names(ByteView der) {
  OwnedCertificates parsed;
  if (mbedtls_x509_crt_parse_der(parsed.get(), der.data(), der.size()) != 0)
    return fail(Reason::certificate_identity, "the certificate cannot be read");
  return read_alternative_names(*parsed.get());
}

Result<PeerIdentity> read_identity(const mbedtls_x509_crt& leaf) {
  Result<AlternativeNames> names = read_alternative_names(leaf);
  if (!names) return tl::unexpected(names.error());
  if (names->uris.size() != 1)
    return fail(Reason::certificate_identity,
                fmt::format("it has {} URI names; exactly one, a SPIFFE id, is needed", names->uris.size()));
  if (!is_spiffe_id(names->uris[0])) return fail(Reason::certificate_identity, "its URI name is not a valid SPIFFE id");
  if (leaf.MBEDTLS_PRIVATE(ca_istrue) != 0)
    return fail(Reason::certificate_identity, "it is a CA certificate, not a workload's");
  return PeerIdentity{std::move(names->uris[0]),   to_wall_time(leaf.valid_to),    crypto::sha256(der_of(leaf)),
                      std::move(names->dns_names), std::move(names->ip_addresses), common_name_of(leaf)};
}

bool may_act_as(const mbedtls_x509_crt& leaf, PeerRole role) {
  const bool server = role == PeerRole::server;
  const char* oid = server ? MBEDTLS_OID_SERVER_AUTH : MBEDTLS_OID_CLIENT_AUTH;
  const std::size_t size =
      server ? MBEDTLS_OID_SIZE(MBEDTLS_OID_SERVER_AUTH) : MBEDTLS_OID_SIZE(MBEDTLS_OID_CLIENT_AUTH);
  return mbedtls_x509_crt_check_key_usage(&leaf, MBEDTLS_X509_KU_DIGITAL_SIGNATURE) == 0 &&
         mbedtls_x509_crt_check_extended_key_usage(&leaf, oid, size) == 0;
}

bool names_host(const PeerIdentity& identity, std::string_view host) {
  if (const auto literal = IpAddress::parse(host)) return std::ranges::count(identity.ip_addresses, *literal) != 0;
  const std::string name = normalize_name(host);
  return std::ranges::any_of(identity.dns_names, [&](const std::string& pattern) { return name_fits(pattern, name); });
}

}  // namespace fairlead::tls
