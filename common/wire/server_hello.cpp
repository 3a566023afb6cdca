#include "common/wire/server_hello.h"

#include <algorithm>
#include <array>
#include <optional>

#include "common/base/byte_reader.h"
#include "common/wire/tls_handshake.h"

namespace fairlead::wire {
namespace {

constexpr HandshakeRules kRules{
    .type = 2,  // server_hello
    .highest_minor = 4,
    .after = AfterMessage::anything,
    .limit = kMaxServerFirst,
    .not_tls = Reason::service_not_tls,
    .malformed = Reason::service_not_tls,
    .too_long = Reason::service_not_tls,
};
constexpr std::uint8_t kContentAlert = 21;
constexpr std::size_t kAlertRecord = kTlsRecordHeader + 2;
constexpr std::uint16_t kTls12 = 0x0303;
constexpr std::uint16_t kTls13 = 0x0304;
constexpr std::uint16_t kSupportedVersions = 43;
constexpr std::size_t kRandom = 32;
constexpr std::size_t kMaxSessionId = 32;

struct SuiteRange {
  std::uint16_t first;
  std::uint16_t last;
};

// By the IANA registry "TLS Cipher Suites"; ascending.
constexpr std::array kWeakSuites{
    SuiteRange{0x0000, 0x0003},  // NULL_WITH_NULL, RSA_WITH_NULL_*, RSA_EXPORT_WITH_RC4_40 (RFC 5246, RFC 4346)
    SuiteRange{0x0006, 0x0006},  // RSA_EXPORT_WITH_RC2_CBC_40 (RFC 4346)
    SuiteRange{0x0008, 0x0008},  // RSA_EXPORT_WITH_DES40 (RFC 4346)
    SuiteRange{0x000B, 0x000B},  // DH_DSS_EXPORT_WITH_DES40 (RFC 4346)
    SuiteRange{0x000E, 0x000E},  // DH_RSA_EXPORT_WITH_DES40 (RFC 4346)
    SuiteRange{0x0011, 0x0011},  // DHE_DSS_EXPORT_WITH_DES40 (RFC 4346)
    SuiteRange{0x0014, 0x0014},  // DHE_RSA_EXPORT_WITH_DES40 (RFC 4346)
    SuiteRange{0x0017, 0x001C},  // DH_anon_* (RFC 5246, RFC 4346), FORTEZZA_KEA_WITH_NULL (SSL 3.0, RFC 6101)
    SuiteRange{0x0026, 0x002E},  // KRB5_EXPORT_* (RFC 2712), *PSK_WITH_NULL_SHA (RFC 4785)
    SuiteRange{0x0034, 0x0034},  // DH_anon_WITH_AES_128_CBC_SHA (RFC 5246)
    SuiteRange{0x003A, 0x003B},  // DH_anon_WITH_AES_256_CBC_SHA, RSA_WITH_NULL_SHA256 (RFC 5246)
    SuiteRange{0x0046, 0x0046},  // DH_anon_WITH_CAMELLIA_128_CBC_SHA (RFC 5932)
    SuiteRange{0x0060, 0x0065},  // *_EXPORT1024_* (draft-ietf-tls-56-bit-ciphersuites; reserved by IANA)
    SuiteRange{0x006C, 0x006D},  // DH_anon_WITH_AES_*_CBC_SHA256 (RFC 5246)
    SuiteRange{0x0082, 0x0083},  // GOSTR3410*_WITH_NULL_GOSTR3411 (draft-chudov-cryptopro-cptls; unassigned by IANA)
    SuiteRange{0x0089, 0x0089},  // DH_anon_WITH_CAMELLIA_256_CBC_SHA (RFC 5932)
    SuiteRange{0x009B, 0x009B},  // DH_anon_WITH_SEED_CBC_SHA (RFC 4162)
    SuiteRange{0x00A6, 0x00A7},  // DH_anon_WITH_AES_*_GCM (RFC 5288)
    SuiteRange{0x00B0, 0x00B1},  // PSK_WITH_NULL_SHA256, _SHA384 (RFC 5487)
    SuiteRange{0x00B4, 0x00B5},  // DHE_PSK_WITH_NULL_* (RFC 5487)
    SuiteRange{0x00B8, 0x00B9},  // RSA_PSK_WITH_NULL_* (RFC 5487)
    SuiteRange{0x00BF, 0x00BF},  // DH_anon_WITH_CAMELLIA_128_CBC_SHA256 (RFC 5932)
    SuiteRange{0x00C5, 0x00C5},  // DH_anon_WITH_CAMELLIA_256_CBC_SHA256 (RFC 5932)
    SuiteRange{0xC001, 0xC001},  // ECDH_ECDSA_WITH_NULL_SHA (RFC 8422)
    SuiteRange{0xC006, 0xC006},  // ECDHE_ECDSA_WITH_NULL_SHA (RFC 8422)
    SuiteRange{0xC00B, 0xC00B},  // ECDH_RSA_WITH_NULL_SHA (RFC 8422)
    SuiteRange{0xC010, 0xC010},  // ECDHE_RSA_WITH_NULL_SHA (RFC 8422)
    SuiteRange{0xC015, 0xC019},  // ECDH_anon_* (RFC 8422)
    SuiteRange{0xC039, 0xC03B},  // ECDHE_PSK_WITH_NULL_* (RFC 5489)
    SuiteRange{0xC046, 0xC047},  // DH_anon_WITH_ARIA_*_CBC (RFC 6209)
    SuiteRange{0xC05A, 0xC05B},  // DH_anon_WITH_ARIA_*_GCM (RFC 6209)
    SuiteRange{0xC084, 0xC085},  // DH_anon_WITH_CAMELLIA_*_GCM (RFC 6367)
    SuiteRange{0xC0B4, 0xC0B5},  // SHA256_SHA256, SHA384_SHA384: TLS 1.3 with integrity only (RFC 9150)
    SuiteRange{0xFF87, 0xFF87},  // GOST2012-NULL-GOST12 (OpenSSL's, in the private range)
};

// RFC 8446 §6 and the IANA registry "TLS Alerts".
bool alert_known(std::uint8_t description) {
  constexpr std::array<std::uint8_t, 36> kKnown{0,   10,  20,  21,  22,  30,  40,  41,  42,  43,  44,  45,
                                                46,  47,  48,  49,  50,  51,  60,  70,  71,  80,  86,  90,
                                                100, 109, 110, 111, 112, 113, 114, 115, 116, 117, 120, 121};
  return std::binary_search(kKnown.begin(), kKnown.end(), description);
}

enum class Alert { final, warning };

// RFC 8446 §6, RFC 5246 §7.2: an alert in clear is a record of two bytes.
Parsed<Alert> parse_alert(ByteView in) {
  constexpr std::uint8_t kWarning = 1;
  constexpr std::uint8_t kFatal = 2;
  constexpr std::uint8_t kCloseNotify = 0;
  constexpr std::array<std::uint8_t, 2> kPrefix{kContentAlert, 3};
  constexpr std::uint8_t kHighestMinor = 4;
  const std::size_t compared = std::min(in.size(), kPrefix.size());
  if (!std::equal(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(compared), kPrefix.begin()) ||
      (in.size() > 2 && in[2] > kHighestMinor)) {
    return Malformed{Reason::service_not_tls};
  }
  if (in.size() < 3) return NeedMore{1};
  if (in.size() < kTlsRecordHeader) return NeedMore{kTlsRecordHeader - in.size()};
  ByteReader reader(in.subspan(3));
  if (reader.u16() != 2) return Malformed{Reason::service_not_tls};
  if (in.size() < kAlertRecord) return NeedMore{kAlertRecord - in.size()};
  const std::uint8_t level = reader.u8();
  const std::uint8_t description = reader.u8();
  if ((level != kWarning && level != kFatal) || !alert_known(description)) return Malformed{Reason::service_not_tls};
  const bool last = level == kFatal || description == kCloseNotify;
  return Done<Alert>{last ? Alert::final : Alert::warning, kAlertRecord};
}

// The version that the extensions choose; nullopt when they are broken, 0 when they choose none (RFC 8446 §4.2.1).
std::optional<std::uint16_t> selected_version(ByteView block) {
  std::uint16_t version = 0;
  ByteReader reader(block);
  while (!reader.empty()) {
    const std::uint16_t type = reader.u16();
    ByteReader content(reader.bytes16());
    if (!reader.ok()) return std::nullopt;
    if (type != kSupportedVersions) continue;
    if (version != 0) return std::nullopt;
    version = content.u16();
    if (!content.finished() || version == 0) return std::nullopt;
  }
  return version;
}

// RFC 8446 §4.1.3; the reason to refuse, or nullopt.
std::optional<Reason> hello_fault(ByteView body) {
  ByteReader reader(body);
  const std::uint16_t legacy_version = reader.u16();
  reader.skip(kRandom);
  const ByteView session_id = reader.bytes8();
  const std::uint16_t suite = reader.u16();
  reader.skip(1);  // compression
  if (!reader.ok() || legacy_version > kTls12 || session_id.size() > kMaxSessionId) return Reason::service_not_tls;
  const ByteView extensions = reader.empty() ? ByteView() : reader.bytes16();
  const auto version = selected_version(extensions);
  if (!reader.finished() || !version) return Reason::service_not_tls;
  if (legacy_version < kTls12 || is_weak_suite(suite)) return Reason::service_weak_tls;
  // Whatever is chosen by extension must be TLS 1.3 or later; older drafts (0x7fxx) are nobody's to vouch for.
  if (*version != 0 && (*version < kTls13 || *version >> 8 != 3)) return Reason::service_weak_tls;
  return std::nullopt;
}

}  // namespace

bool is_weak_suite(std::uint16_t suite) {
  return std::any_of(kWeakSuites.begin(), kWeakSuites.end(),
                     [suite](const SuiteRange& range) { return range.first <= suite && suite <= range.last; });
}

bool is_server_greeting(ByteView in) {
  const std::string_view words = as_text(in);
  for (const std::string_view greeting : {"SSH-", "220 ", "220-", "+OK ", "* OK"}) {
    if (words.starts_with(greeting)) return true;
  }
  return in.size() > 4 && in[2] == 0 && in[3] == 0 && in[4] == 10;
}

Parsed<ServerFirst> parse_server_first(ByteView in) {
  std::size_t skipped = 0;
  for (std::size_t warnings = 0; in.size() > skipped && in[skipped] == kContentAlert; ++warnings) {
    if (warnings == kMaxServerWarnings) return Malformed{Reason::service_not_tls};
    const Parsed<Alert> alert = parse_alert(in.subspan(skipped));
    if (const auto* more = std::get_if<NeedMore>(&alert)) return *more;
    if (const auto* bad = std::get_if<Malformed>(&alert)) return *bad;
    skipped += kAlertRecord;
    if (std::get<Done<Alert>>(alert).value == Alert::final) return Done<ServerFirst>{ServerFirst::alert, skipped};
  }
  const Parsed<Bytes> message = collect_handshake(in.subspan(skipped), kRules);
  if (const auto* more = std::get_if<NeedMore>(&message)) return *more;
  if (const auto* bad = std::get_if<Malformed>(&message)) return *bad;
  const auto& done = std::get<Done<Bytes>>(message);
  if (const auto fault = hello_fault(done.value)) return Malformed{*fault};
  return Done<ServerFirst>{ServerFirst::server_hello, skipped + done.consumed};
}

}  // namespace fairlead::wire
