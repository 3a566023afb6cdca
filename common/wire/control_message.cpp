#include "common/wire/control_message.h"

#include "common/wire/field_codec.h"
#include "common/wire/join.h"

namespace fairlead::wire {
namespace {

template <class F>
void fields(F& f, typename F::template Ref<Hello> m) {
  f.number(m.version);
  f.number(m.features);
  f.human_text(m.software);
  f.text(m.endpoint);
  f.text(m.cluster);
  f.octets(m.boot_id);
  f.number(m.counter);
  f.number(m.pool_min);
  f.number(m.pool_max);
}

template <class F>
void fields(F& f, typename F::template Ref<Welcome> m) {
  f.number(m.version);
  f.number(m.features);
  f.octets(m.instance_id);
  f.octets(m.session_id);
  f.octets(m.key);
  f.list(m.data_addresses, kMaxListEntries);
  f.address(m.address_seen);
  f.number(m.server_time);
  f.number(m.ping_interval_ms);
  f.number(m.answer_timeout_ms);
  f.number(m.services_max);
  f.text(m.trust_domain);
  if (f.has_appended()) f.list(m.domains, kMaxListEntries);
}

template <class F>
void fields(F& f, typename F::template Ref<Register> m) {
  f.number(m.claim);
  f.text(m.service);
  f.text(m.host);
  f.number(m.port);
  f.list(m.sni, kMaxListEntries);
  f.list(m.subsets, kMaxListEntries);
}

template <class F>
void fields(F& f, typename F::template Ref<Registered> m) {
  f.number(m.claim);
  f.text(m.service);
  f.list(m.public_addresses, kMaxListEntries);
  f.list(m.sources, kMaxListEntries);
  f.number(m.pool_size);
  if (!f.has_appended()) return;
  f.list(m.refused_names, kMaxListEntries);
  f.list(m.refused_reasons, kMaxListEntries);
}

template <class F>
void fields(F& f, typename F::template Ref<Refused> m) {
  f.number(m.claim);
  f.reason_code(m.code);
  f.number(m.retry_after_s);
  f.human_text(m.detail);
}

template <class F>
void fields(F& f, typename F::template Ref<Unregister> m) {
  f.number(m.claim);
  f.reason_code(m.code);
}

template <class F>
void fields(F& f, typename F::template Ref<OpenChannels> m) {
  f.number(m.count);
}

template <class F>
void fields(F& f, typename F::template Ref<PoolSize> m) {
  f.number(m.size);
}

template <class F>
void fields(F& f, typename F::template Ref<Ping> m) {
  f.number(m.id);
}

template <class F>
void fields(F& f, typename F::template Ref<Pong> m) {
  f.number(m.id);
}

template <class F>
void fields(F& f, typename F::template Ref<Drain> m) {
  f.number(m.within_ms);
}

template <class F>
void fields(F& f, typename F::template Ref<EndpointCandidate> m) {
  f.number(m.candidate);
  f.address(m.address);
  f.reason_code(m.method);
}

template <class F>
void fields(F& f, typename F::template Ref<VerifyNonce> m) {
  f.number(m.candidate);
  f.octets(m.nonce);
}

template <class F>
void fields(F& f, typename F::template Ref<Verified> m) {
  f.number(m.candidate);
  f.reason_code(m.code);
}

template <class F>
void fields(F& f, typename F::template Ref<CandidateWithdrawn> m) {
  f.number(m.candidate);
  f.reason_code(m.code);
}

template <class F>
void fields(F& f, typename F::template Ref<RelayEnded> m) {
  f.octets(m.connection);
  f.reason_code(m.code);
}

template <class F>
void fields(F& f, typename F::template Ref<Renew> m) {
  f.blob(m.csr, kMaxCsr);
}

template <class F>
void fields(F& f, typename F::template Ref<Renewed> m) {
  f.reason_code(m.code);
  f.number(m.retry_after_s);
  f.blobs(m.chain, kMaxJoinCertificates, kMaxJoinCertificate);
  f.blobs(m.bundle, kMaxJoinCertificates, kMaxJoinCertificate);
}

std::size_t sendable_bytes(const std::vector<Bytes>& certificates) {
  if (certificates.size() > kMaxJoinCertificates) return kMaxControlMessage;
  std::size_t sum = 1;
  for (const Bytes& each : certificates) {
    sum += each.size() > kMaxJoinCertificate ? kMaxControlMessage : 2 + each.size();
  }
  return sum;
}

// Bytes behind the last field are a newer peer's fields: ignored.
template <class T>
std::optional<ControlMessage> parse_payload(ByteView payload) {
  T message{};
  FieldReader reader(payload);
  fields(reader, message);
  if (!reader.ok()) return std::nullopt;
  return ControlMessage(std::move(message));
}

using PayloadParser = std::optional<ControlMessage> (*)(ByteView);

// Null for a type that we do not know.
PayloadParser parser_of(std::uint16_t type) {
  switch (static_cast<MessageType>(type)) {
    case MessageType::hello:
      return parse_payload<Hello>;
    case MessageType::welcome:
      return parse_payload<Welcome>;
    case MessageType::register_service:
      return parse_payload<Register>;
    case MessageType::registered:
      return parse_payload<Registered>;
    case MessageType::refused:
      return parse_payload<Refused>;
    case MessageType::unregister:
      return parse_payload<Unregister>;
    case MessageType::open_channels:
      return parse_payload<OpenChannels>;
    case MessageType::pool_size:
      return parse_payload<PoolSize>;
    case MessageType::ping:
      return parse_payload<Ping>;
    case MessageType::pong:
      return parse_payload<Pong>;
    case MessageType::drain:
      return parse_payload<Drain>;
    case MessageType::endpoint_candidate:
      return parse_payload<EndpointCandidate>;
    case MessageType::verify_nonce:
      return parse_payload<VerifyNonce>;
    case MessageType::verified:
      return parse_payload<Verified>;
    case MessageType::candidate_withdrawn:
      return parse_payload<CandidateWithdrawn>;
    case MessageType::relay_ended:
      return parse_payload<RelayEnded>;
    case MessageType::renew:
      return parse_payload<Renew>;
    case MessageType::renewed:
      return parse_payload<Renewed>;
    case MessageType::server_list:
    case MessageType::config_push:
    case MessageType::lookup:
      break;
  }
  return nullptr;
}

// A session cannot go on when its peer does not understand one of these.
std::uint16_t wire_type(MessageType type, bool critical) {
  return static_cast<std::uint16_t>(static_cast<std::uint16_t>(type) | (critical ? kCriticalBit : 0));
}

struct TypeOf {
  std::uint16_t operator()(const Hello&) const { return wire_type(MessageType::hello, true); }
  std::uint16_t operator()(const Welcome&) const { return wire_type(MessageType::welcome, true); }
  std::uint16_t operator()(const Register&) const { return wire_type(MessageType::register_service, true); }
  std::uint16_t operator()(const Registered&) const { return wire_type(MessageType::registered, true); }
  std::uint16_t operator()(const Refused&) const { return wire_type(MessageType::refused, true); }
  std::uint16_t operator()(const Unregister&) const { return wire_type(MessageType::unregister, true); }
  std::uint16_t operator()(const OpenChannels&) const { return wire_type(MessageType::open_channels, true); }
  std::uint16_t operator()(const PoolSize&) const { return wire_type(MessageType::pool_size, false); }
  std::uint16_t operator()(const Ping&) const { return wire_type(MessageType::ping, true); }
  std::uint16_t operator()(const Pong&) const { return wire_type(MessageType::pong, true); }
  std::uint16_t operator()(const Drain&) const { return wire_type(MessageType::drain, false); }
  std::uint16_t operator()(const EndpointCandidate&) const { return wire_type(MessageType::endpoint_candidate, false); }
  std::uint16_t operator()(const VerifyNonce&) const { return wire_type(MessageType::verify_nonce, false); }
  std::uint16_t operator()(const Verified&) const { return wire_type(MessageType::verified, false); }
  std::uint16_t operator()(const CandidateWithdrawn&) const {
    return wire_type(MessageType::candidate_withdrawn, false);
  }
  std::uint16_t operator()(const RelayEnded&) const { return wire_type(MessageType::relay_ended, false); }
  std::uint16_t operator()(const Renew&) const { return wire_type(MessageType::renew, false); }
  std::uint16_t operator()(const Renewed&) const { return wire_type(MessageType::renewed, false); }
};

}  // namespace

Renewed renewal_refused(Reason reason, std::chrono::seconds retry_after) {
  return {std::string(reason_code(reason)), static_cast<std::uint32_t>(retry_after.count()), {}, {}};
}

bool is_sendable(const Renewed& answer) {
  const std::size_t fixed = kControlHead + 1 + answer.code.size() + sizeof(answer.retry_after_s);
  return fixed + sendable_bytes(answer.chain) + sendable_bytes(answer.bundle) <= kMaxControlMessage;
}

Parsed<ControlMessage> parse_control_message(ByteView in) {
  if (in.size() < kControlHead) return NeedMore{kControlHead - in.size()};
  ByteReader head(in);
  const std::uint16_t wire_number = head.u16();
  const std::uint32_t length = head.u32();
  if (length > kMaxControlMessage - kControlHead) return Malformed{Reason::protocol_error};

  const auto type = static_cast<std::uint16_t>(wire_number & ~kCriticalBit);
  const PayloadParser parse = parser_of(type);
  const bool critical = (wire_number & kCriticalBit) != 0;
  if (parse == nullptr && critical) return Malformed{Reason::protocol_error};

  const std::size_t total = kControlHead + length;
  if (in.size() < total) return NeedMore{total - in.size()};
  if (parse == nullptr) return Done<ControlMessage>{Skipped{type}, total};
  auto message = parse(in.subspan(kControlHead, length));
  if (!message) return Malformed{Reason::protocol_error};
  return Done<ControlMessage>{std::move(*message), total};
}

void write_control_message(const ControlMessage& message, ByteWriter& out) {
  std::visit(
      [&out](const auto& m) {
        if constexpr (std::is_same_v<std::decay_t<decltype(m)>, Skipped>) {
          CHECK(false);
        } else {
          const std::size_t start = out.size();
          out.u16(TypeOf{}(m));
          out.u32(0);
          FieldWriter writer(out);
          fields(writer, m);
          const std::size_t length = out.size() - start - kControlHead;
          CHECK(length <= kMaxControlMessage - kControlHead);
          out.patch_u32(start + 2, static_cast<std::uint32_t>(length));
        }
      },
      message);
}

}  // namespace fairlead::wire
