#include "common/tls/alert_name.h"

namespace fairlead::tls {
namespace {

enum Alert : std::uint8_t {
  kCloseNotify = 0,
  kUnexpectedMessage = 10,
  kBadRecordMac = 20,
  kRecordOverflow = 22,
  kHandshakeFailure = 40,
  kBadCertificate = 42,
  kUnsupportedCertificate = 43,
  kCertificateRevoked = 44,
  kCertificateExpired = 45,
  kCertificateUnknown = 46,
  kIllegalParameter = 47,
  kUnknownCa = 48,
  kAccessDenied = 49,
  kDecodeError = 50,
  kDecryptError = 51,
  kProtocolVersion = 70,
  kInsufficientSecurity = 71,
  kInternalError = 80,
  kUserCanceled = 90,
  kNoRenegotiation = 100,
  kUnrecognizedName = 112,
  kCertificateRequired = 116,
  kNoApplicationProtocol = 120,
};

struct Named {
  Alert alert;
  std::string_view name;
};

constexpr Named kNames[] = {
    {kCloseNotify, "close_notify"},
    {kUnexpectedMessage, "unexpected_message"},
    {kBadRecordMac, "bad_record_mac"},
    {kRecordOverflow, "record_overflow"},
    {kHandshakeFailure, "handshake_failure"},
    {kBadCertificate, "bad_certificate"},
    {kUnsupportedCertificate, "unsupported_certificate"},
    {kCertificateRevoked, "certificate_revoked"},
    {kCertificateExpired, "certificate_expired"},
    {kCertificateUnknown, "certificate_unknown"},
    {kIllegalParameter, "illegal_parameter"},
    {kUnknownCa, "unknown_ca"},
    {kAccessDenied, "access_denied"},
    {kDecodeError, "decode_error"},
    {kDecryptError, "decrypt_error"},
    {kProtocolVersion, "protocol_version"},
    {kInsufficientSecurity, "insufficient_security"},
    {kInternalError, "internal_error"},
    {kUserCanceled, "user_canceled"},
    {kNoRenegotiation, "no_renegotiation"},
    {kUnrecognizedName, "unrecognized_name"},
    {kCertificateRequired, "certificate_required"},
    {kNoApplicationProtocol, "no_application_protocol"},
};

}  // namespace

std::string_view alert_name(std::uint8_t description) {
  for (const Named& each : kNames) {
    if (each.alert == description) return each.name;
  }
  return "unassigned";
}

std::uint8_t alert_for(Reason reason) {
  switch (reason) {
    // certificate_required (116) is of TLS 1.3; in 1.2 a missing certificate is a handshake_failure (RFC 5246 §7.4.6).
    case Reason::certificate_missing:
      return kHandshakeFailure;
    case Reason::certificate_untrusted:
    case Reason::ca_mismatch:
      return kUnknownCa;
    case Reason::certificate_expired:
      return kCertificateExpired;
    case Reason::certificate_not_yet_valid:
      return kCertificateExpired;  // "expired or not currently valid"
    case Reason::certificate_identity:
    case Reason::caller_denied:
    case Reason::identity_too_long:
      return kAccessDenied;
    case Reason::certificate_name:
      return kBadCertificate;
    case Reason::certificate_purpose:
      return kUnsupportedCertificate;
    default:
      return kHandshakeFailure;
  }
}

}  // namespace fairlead::tls
