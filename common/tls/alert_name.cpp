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

}  // namespace

std::string_view alert_name(std::uint8_t description) {
  switch (description) {
    case kCloseNotify:
      return "close_notify";
    case kUnexpectedMessage:
      return "unexpected_message";
    case kBadRecordMac:
      return "bad_record_mac";
    case kRecordOverflow:
      return "record_overflow";
    case kHandshakeFailure:
      return "handshake_failure";
    case kBadCertificate:
      return "bad_certificate";
    case kUnsupportedCertificate:
      return "unsupported_certificate";
    case kCertificateRevoked:
      return "certificate_revoked";
    case kCertificateExpired:
      return "certificate_expired";
    case kCertificateUnknown:
      return "certificate_unknown";
    case kIllegalParameter:
      return "illegal_parameter";
    case kUnknownCa:
      return "unknown_ca";
    case kAccessDenied:
      return "access_denied";
    case kDecodeError:
      return "decode_error";
    case kDecryptError:
      return "decrypt_error";
    case kProtocolVersion:
      return "protocol_version";
    case kInsufficientSecurity:
      return "insufficient_security";
    case kInternalError:
      return "internal_error";
    case kUserCanceled:
      return "user_canceled";
    case kNoRenegotiation:
      return "no_renegotiation";
    case kUnrecognizedName:
      return "unrecognized_name";
    case kCertificateRequired:
      return "certificate_required";
    case kNoApplicationProtocol:
      return "no_application_protocol";
    default:
      return "unassigned";
  }
}

std::uint8_t alert_for(Reason reason) {
  switch (reason) {
    // certificate_required (116) is of TLS 1.3; in 1.2 a missing certificate is a handshake_failure (RFC 5246 §7.4.6).
    case Reason::certificate_missing:
      return kHandshakeFailure;
    case Reason::certificate_untrusted:
      return kUnknownCa;
    case Reason::certificate_expired:
      return kCertificateExpired;
    case Reason::certificate_not_yet_valid:
      return kCertificateExpired;  // "expired or not currently valid"
    case Reason::certificate_identity:
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
