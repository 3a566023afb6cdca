#include "agent/http/request_rewrite.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "agent/http/identity_fields.h"
#include "common/base/byte_writer.h"
#include "common/http/target.h"

namespace fairlead::agent {
namespace {

using http::Field;
using http::Framing;
using http::RequestHead;
using Words = std::vector<std::string_view>;

Result<void> judge_target(const RequestHead& head) {
  switch (http::target_form(head.method, head.target)) {
    case http::TargetForm::origin:
    case http::TargetForm::asterisk:
      return {};
    case http::TargetForm::absolute:
      return fail(Reason::http_ambiguous, "its target names a host beside Host");
    case http::TargetForm::authority:
      return fail(Reason::http_unserved, "CONNECT");
    case http::TargetForm::wrong:
      break;
  }
  return fail(Reason::http_malformed, "its target is none");
}

// RFC 9112 §3.2.
Result<void> judge_host(const RequestHead& head) {
  const http::Found host = http::find_field(head.fields, "host");
  if (host.count > 1) return fail(Reason::http_ambiguous, "several Host fields");
  if (host.count == 0 && head.minor == 0) return {};
  if (host.count == 0) return fail(Reason::http_malformed, "no Host field");
  if (!http::is_authority(host.value)) return fail(Reason::http_malformed, "its Host is none");
  return {};
}

// A field that is taken away by name could be the one by which we measured.
Result<void> judge_connection(const Words& options) {
  for (const std::string_view option : options) {
    if (!http::is_token(option)) return fail(Reason::http_malformed, "its Connection field");
    if (http::is_framing_name(option) || http::same_word(option, "host")) {
      return fail(Reason::http_ambiguous, fmt::format("its Connection field names {}", option));
    }
  }
  return {};
}

Result<bool> read_expectation(const RequestHead& head) {
  const http::Found expect = http::find_field(head.fields, "expect");
  if (expect.count == 0) return false;
  if (expect.count > 1 || !http::same_word(expect.value, "100-continue")) {
    return fail(Reason::http_unserved, "an expectation other than 100-continue");
  }
  return head.minor == 1;
}

// What could carry requests that nobody looks at: HTTP itself, and TLS with HTTP in it.
bool is_http_again(std::string_view protocol) {
  return http::starts_with_word(protocol, "h2") || http::starts_with_word(protocol, "h3") ||
         http::starts_with_word(protocol, "http") || http::starts_with_word(protocol, "tls");
}

std::vector<std::string> upgrades_of(const RequestHead& head, const Words& options, const Framing& framing) {
  std::vector<std::string> out;
  if (head.minor == 0 || framing.kind != Framing::Kind::none || !http::has_member(options, "upgrade")) return out;
  for (const std::string_view protocol : http::list_members(head.fields, "upgrade")) {
    const auto allowed = [](char c) { return http::is_token_byte(c) || c == '/'; };
    if (std::ranges::all_of(protocol, allowed) && !is_http_again(protocol)) out.emplace_back(protocol);
  }
  return out;
}

// A body is odd here, and some servers leave it unread and take it for the next request.
bool leaves_bodies_unread(std::string_view method) {
  return method == "GET" || method == "HEAD" || method == "DELETE" || method == "TRACE";
}

void write_fields(const RequestHead& head, const Words& options, ByteWriter& out) {
  for (const Field& field : head.fields) {
    if (is_hop_by_hop(field.name, options) || speaks_of_caller(field.name)) continue;
    out.text(fmt::format("{}: {}\r\n", field.name, field.value));
  }
}

void write_framing(const Framing& framing, ByteWriter& out) {
  if (framing.kind == Framing::Kind::chunked) out.text("transfer-encoding: chunked\r\n");
  if (framing.kind == Framing::Kind::length) out.text(fmt::format("content-length: {}\r\n", framing.length));
}

// What this connection is to become, and whether it takes trailers.
void write_connection(const RequestHead& head, const ForwardedRequest& request, const Words& options, ByteWriter& out) {
  Words named;
  if (http::has_member(options, "te") && http::same_word(http::find_field(head.fields, "te").value, "trailers")) {
    out.text("te: trailers\r\n");
    named.push_back("te");
  }
  if (!request.upgrades.empty()) {
    out.text(fmt::format("upgrade: {}\r\n", fmt::join(request.upgrades, ", ")));
    named.push_back("upgrade");
  }
  if (!request.persists) named.push_back("close");
  if (!named.empty()) out.text(fmt::format("connection: {}\r\n", fmt::join(named, ", ")));
}

}  // namespace

bool is_hop_by_hop(std::string_view name, const Words& connection_options) {
  constexpr std::string_view kHop[] = {"connection", "keep-alive", "proxy-connection", "proxy-authorization",
                                       "te",         "upgrade",    "http2-settings"};
  return http::is_framing_name(name) || http::has_member(connection_options, name) ||
         std::ranges::any_of(kHop, [name](std::string_view hop) { return http::same_word(hop, name); });
}

Result<ForwardedRequest> rewrite_request(const RequestHead& head, std::string_view identity) {
  const Words options = http::list_members(head.fields, "connection");
  if (auto good = judge_target(head); !good) return tl::unexpected(good.error());
  if (auto good = judge_host(head); !good) return tl::unexpected(good.error());
  if (auto good = judge_connection(options); !good) return tl::unexpected(good.error());
  const auto framing = http::request_framing(head);
  if (!framing) return tl::unexpected(framing.error());
  const auto expects = read_expectation(head);
  if (!expects) return tl::unexpected(expects.error());

  ForwardedRequest out{.head = {},
                       .framing = *framing,
                       .method = std::string(head.method),
                       .minor = head.minor,
                       .persists = http::persists(head.minor, head.fields),
                       .expects_continue = *expects,
                       .upgrades = upgrades_of(head, options, *framing)};
  if (framing->kind != Framing::Kind::none && leaves_bodies_unread(head.method)) out.persists = false;
  ByteWriter writer(out.head);
  writer.text(fmt::format("{} {} HTTP/1.{}\r\n", head.method, head.target, head.minor));
  write_fields(head, options, writer);
  writer.text(identity);
  const http::Found host = http::find_field(head.fields, "host");
  if (host.count > 0) writer.text(fmt::format("x-forwarded-host: {}\r\n", host.value));
  write_framing(*framing, writer);
  write_connection(head, out, options, writer);
  writer.text("\r\n");
  return out;
}

}  // namespace fairlead::agent
