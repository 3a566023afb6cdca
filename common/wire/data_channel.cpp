#include "common/wire/data_channel.h"

#include <algorithm>

#include "common/wire/field_codec.h"
#include "common/wire/first_bytes.h"

namespace fairlead::wire {
namespace {

constexpr std::size_t kMacSize = std::tuple_size_v<Mac>;

template <class F>
void fields(F& f, typename F::template Ref<Ticket> t) {
  f.octets(t.session);
  f.number(t.counter);
}

template <class F>
void fields(F& f, typename F::template Ref<ChannelHeader> h) {
  f.octets(h.session);
  f.number(h.counter);
  f.octets(h.nonce);
  f.octets(h.connection);
  f.address(h.caller);
  f.text(h.service);
  f.text(h.sni);
  f.number(h.hello_length);
  f.octets(h.hello_sha256);
}

constexpr auto kAccepted = static_cast<std::uint8_t>(Verdict::accepted);
constexpr auto kRefused = static_cast<std::uint8_t>(Verdict::refused);

// A refusal says why, an acceptance has nothing to say.
bool consistent(std::uint8_t verdict, const std::string& code) {
  return (verdict == kAccepted && code.empty()) || (verdict == kRefused && !code.empty());
}

bool parse_fields(FieldReader& f, ChannelHeader& header) {
  fields(f, header);
  return f.ok() && header.hello_length <= kMaxChannelHello;
}

bool parse_fields(FieldReader& f, ChannelAnswer& answer) {
  std::uint8_t verdict = 0;
  f.number(verdict);
  f.reason_code(answer.code);
  answer.verdict = static_cast<Verdict>(verdict);
  return f.ok() && consistent(verdict, answer.code);
}

Mac mac_of(ByteView bytes) {
  Mac mac{};
  std::copy(bytes.begin(), bytes.end(), mac.begin());
  return mac;
}

// Header and answer: u8 version | u16 length | fields | MAC.
template <class T>
Parsed<Signed<T>> parse_frame(ByteView in, std::size_t most, Reason malformed) {
  if (in.empty()) return NeedMore{1};
  if (in[0] != kDataChannelVersion) return Malformed{malformed};
  if (in.size() < kFrameHead) return NeedMore{kFrameHead - in.size()};
  ByteReader head(in);
  head.u8();
  const std::size_t total = kFrameHead + head.u16();
  if (total > most || total < kFrameHead + kMacSize) return Malformed{malformed};
  if (in.size() < total) return NeedMore{total - in.size()};

  const ByteView covered = in.first(total - kMacSize);
  Signed<T> out{T{}, covered, mac_of(in.subspan(covered.size(), kMacSize))};
  FieldReader reader(covered.subspan(kFrameHead));
  if (!parse_fields(reader, out.fields)) return Malformed{malformed};
  return Done<Signed<T>>{std::move(out), total};
}

// Begins a frame and returns where its length stands.
std::size_t begin_frame(ByteWriter& out) {
  out.u8(kDataChannelVersion);
  const std::size_t at = out.size();
  out.u16(0);
  return at;
}

void end_frame(ByteWriter& out, std::size_t length_at, std::size_t most) {
  const std::size_t length = out.size() - length_at - 2 + kMacSize;
  CHECK(kFrameHead + length <= most);
  out.patch_u16(length_at, static_cast<std::uint16_t>(length));
}

}  // namespace

Parsed<Signed<Ticket>> parse_ticket(ByteView in) {
  const std::size_t seen = std::min(in.size(), kTicketMagic.size());
  if (!std::equal(in.begin(), in.begin() + static_cast<std::ptrdiff_t>(seen), kTicketMagic.begin())) {
    return Malformed{Reason::ticket_malformed};
  }
  if (in.size() <= kTicketMagic.size()) return NeedMore{1};
  if (in[kTicketMagic.size()] != kDataChannelVersion) return Malformed{Reason::ticket_malformed};
  if (in.size() < kTicketSize) return NeedMore{kTicketSize - in.size()};

  const ByteView covered = in.first(kTicketSize - kMacSize);
  Signed<Ticket> out{Ticket{}, covered, mac_of(in.subspan(covered.size(), kMacSize))};
  FieldReader reader(covered.subspan(kTicketMagic.size() + 1));
  fields(reader, out.fields);
  return Done<Signed<Ticket>>{out, kTicketSize};
}

Parsed<Signed<ChannelHeader>> parse_channel_header(ByteView in) {
  return parse_frame<ChannelHeader>(in, kMaxHeader, Reason::header_malformed);
}

Parsed<Signed<ChannelAnswer>> parse_channel_answer(ByteView in) {
  return parse_frame<ChannelAnswer>(in, kMaxAnswer, Reason::answer_malformed);
}

void write_ticket(const Ticket& ticket, ByteWriter& out) {
  out.bytes(kTicketMagic);
  out.u8(kDataChannelVersion);
  FieldWriter writer(out);
  fields(writer, ticket);
}

void write_channel_header(const ChannelHeader& header, ByteWriter& out) {
  CHECK(header.hello_length <= kMaxChannelHello);
  const std::size_t length_at = begin_frame(out);
  FieldWriter writer(out);
  fields(writer, header);
  end_frame(out, length_at, kMaxHeader);
}

void write_channel_answer(const ChannelAnswer& answer, ByteWriter& out) {
  const auto verdict = static_cast<std::uint8_t>(answer.verdict);
  CHECK(consistent(verdict, answer.code));
  const std::size_t length_at = begin_frame(out);
  FieldWriter writer(out);
  writer.number(verdict);
  writer.reason_code(answer.code);
  end_frame(out, length_at, kMaxAnswer);
}

}  // namespace fairlead::wire
