#include "common/wire/join.h"

#include "common/wire/field_codec.h"

namespace fairlead::wire {
namespace {

constexpr std::size_t kHead = 3;  // length and kind
enum class Kind : std::uint8_t { request = 1, joined = 2, refused = 3, late_renewal = 4 };

template <class F>
void fields(F& f, typename F::template Ref<JoinRequest> r) {
  f.octets(r.token);
  f.octets(r.secret);
  f.text(r.name);
  f.blob(r.csr, kMaxCsr);
  f.text(r.software);
}

template <class F>
void fields(F& f, typename F::template Ref<LateRenewal> r) {
  f.blob(r.csr, kMaxCsr);
  f.text(r.software);
}

template <class F>
void fields(F& f, typename F::template Ref<Joined> j) {
  f.blobs(j.chain, kMaxJoinCertificates, kMaxJoinCertificate);
  f.blobs(j.bundle, kMaxJoinCertificates, kMaxJoinCertificate);
  f.text(j.trust_domain);
  f.text(j.cluster);
  f.text(j.name);
  f.list(j.rendezvous, kMaxJoinAddresses);
  f.text(j.rendezvous_id);
}

template <class F>
void fields(F& f, typename F::template Ref<JoinRefused> r) {
  f.reason_code(r.code);
  f.human_text(r.text);
}

// The kind of the message, when it is whole.
Parsed<Kind> parse_head(ByteView in, std::size_t most) {
  if (in.size() < 2) return NeedMore{2 - in.size()};
  ByteReader head(in);
  const std::size_t total = 2 + head.u16();
  if (total < kHead || total > most) return Malformed{Reason::join_malformed};
  if (in.size() < kHead) return NeedMore{kHead - in.size()};  // the kind may end it
  const std::uint8_t kind = head.u8();
  if (kind < static_cast<std::uint8_t>(Kind::request) || kind > static_cast<std::uint8_t>(Kind::late_renewal)) {
    return Malformed{Reason::join_malformed};
  }
  if (in.size() < total) return NeedMore{total - in.size()};
  return Done<Kind>{static_cast<Kind>(kind), total};
}

template <class T, class Out>
Parsed<Out> parse_body(ByteView message) {
  T value;
  FieldReader reader(message.subspan(kHead));
  fields(reader, value);
  if (!reader.ok()) return Malformed{Reason::join_malformed};
  return Done<Out>{std::move(value), message.size()};
}

template <class T>
void write(Kind kind, const T& value, std::size_t most, ByteWriter& out) {
  const std::size_t begin = out.size();
  out.u16(0);
  out.u8(static_cast<std::uint8_t>(kind));
  FieldWriter writer(out);
  fields(writer, value);
  const std::size_t total = out.size() - begin;
  CHECK(total <= most);
  out.patch_u16(begin, static_cast<std::uint16_t>(total - 2));
}

}  // namespace

Parsed<JoinQuestion> parse_join_question(ByteView in) {
  const Parsed<Kind> head = parse_head(in, kMaxJoinRequest);
  if (const auto* more = std::get_if<NeedMore>(&head)) return *more;
  const auto* done = std::get_if<Done<Kind>>(&head);
  if (done == nullptr) return Malformed{Reason::join_malformed};
  const ByteView message = in.first(done->consumed);
  if (done->value == Kind::request) return parse_body<JoinRequest, JoinQuestion>(message);
  if (done->value == Kind::late_renewal) return parse_body<LateRenewal, JoinQuestion>(message);
  return Malformed{Reason::join_malformed};
}

Parsed<JoinAnswer> parse_join_answer(ByteView in) {
  const Parsed<Kind> head = parse_head(in, kMaxJoinAnswer);
  if (const auto* more = std::get_if<NeedMore>(&head)) return *more;
  const auto* done = std::get_if<Done<Kind>>(&head);
  if (done == nullptr) return Malformed{Reason::join_malformed};
  const ByteView message = in.first(done->consumed);
  if (done->value == Kind::joined) return parse_body<Joined, JoinAnswer>(message);
  if (done->value == Kind::refused) return parse_body<JoinRefused, JoinAnswer>(message);
  return Malformed{Reason::join_malformed};
}

void write_join_question(const JoinQuestion& question, ByteWriter& out) {
  if (const auto* request = std::get_if<JoinRequest>(&question)) {
    write(Kind::request, *request, kMaxJoinRequest, out);
  } else {
    write(Kind::late_renewal, std::get<LateRenewal>(question), kMaxJoinRequest, out);
  }
}

void write_join_answer(const JoinAnswer& answer, ByteWriter& out) {
  if (const auto* joined = std::get_if<Joined>(&answer)) {
    write(Kind::joined, *joined, kMaxJoinAnswer, out);
  } else {
    write(Kind::refused, std::get<JoinRefused>(answer), kMaxJoinAnswer, out);
  }
}

}  // namespace fairlead::wire
