#include "agent/http/answer_rewrite.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "common/base/byte_writer.h"

namespace fairlead::agent {
namespace {

using http::Field;
using http::Framing;
using http::ResponseHead;

constexpr int kSwitching = 101;
constexpr int kNoContent = 204;
constexpr int kUpgradeRequired = 426;

// Only to what was asked for (RFC 9110 §7.8).
bool may_switch(const ResponseHead& head, const ForwardedRequest& request) {
  const auto chosen = http::list_members(head.fields, "upgrade");
  return !chosen.empty() && std::ranges::all_of(chosen, [&request](std::string_view protocol) {
    return std::ranges::any_of(request.upgrades,
                               [protocol](const std::string& asked) { return http::same_word(asked, protocol); });
  });
}

// Where nothing follows, a length tells what would: of an answer to HEAD, of 304 (RFC 9110 §8.6).
void write_framing(const ResponseHead& head, const ForwardedRequest& request, const Framing& framing, ByteWriter& out) {
  if (head.status < 200 || head.status == kNoContent) return;
  const http::Found length = http::find_field(head.fields, "content-length");
  if (framing.kind == Framing::Kind::length) {
    out.text(fmt::format("content-length: {}\r\n", framing.length));
  } else if (framing.kind == Framing::Kind::none && length.count > 0) {
    out.text(fmt::format("content-length: {}\r\n", length.value));
  } else if (http::find_field(head.fields, "transfer-encoding").count > 0 && request.minor == 1) {
    out.text("transfer-encoding: chunked\r\n");
  }
}

}  // namespace

Result<ForwardedAnswer> rewrite_answer(const ResponseHead& head, const ForwardedRequest& request, BodySent sent) {
  const auto framing = http::response_framing(head, request.method, request.minor);
  if (!framing) return tl::unexpected(framing.error());
  ForwardedAnswer out{.head = {}, .framing = *framing};
  out.switches = head.status == kSwitching;
  out.interim = head.status < 200 && !out.switches;
  if (out.switches && !may_switch(head, request))
    return fail(Reason::http_malformed, "a switch that was not asked for");
  // A caller who waits for 100 may or may not send its body after a final answer: nobody can tell what comes next.
  const bool unclear = request.expects_continue && sent == BodySent::not_begun && !out.interim;
  out.persists = request.persists && http::persists(head.minor, head.fields) && !unclear &&
                 framing->kind != Framing::Kind::until_end;

  const auto options = http::list_members(head.fields, "connection");
  ByteWriter writer(out.head);
  writer.text(fmt::format("HTTP/1.1 {} {}\r\n", head.status, head.reason));
  for (const Field& field : head.fields) {
    if (!is_hop_by_hop(field.name, options)) writer.text(fmt::format("{}: {}\r\n", field.name, field.value));
  }
  write_framing(head, request, *framing, writer);
  std::vector<std::string_view> named;
  if (out.switches || head.status == kUpgradeRequired) {
    writer.text(fmt::format("upgrade: {}\r\n", fmt::join(http::list_members(head.fields, "upgrade"), ", ")));
    named.push_back("upgrade");
  }
  if (!out.persists && !out.interim && !out.switches) named.push_back("close");
  if (!named.empty()) writer.text(fmt::format("connection: {}\r\n", fmt::join(named, ", ")));
  writer.text("\r\n");
  return out;
}

}  // namespace fairlead::agent
