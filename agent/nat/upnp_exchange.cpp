#include "agent/nat/upnp_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <vector>

#include "agent/nat/igd_description.h"
#include "agent/nat/printable.h"
#include "agent/nat/ssdp.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::string_view kEnd = "end";  // the last line: a message without it was cut off
constexpr std::size_t kMaxDetail = 200;
constexpr std::size_t kMaxInterface = 15;  // IFNAMSIZ - 1
constexpr std::size_t kMaxDescriptionText = 31;
constexpr std::size_t kMaxVersion = 16;
constexpr std::int64_t kMaxLifetime = 0xffffffff;

constexpr std::string_view kActions[] = {"look", "map", "unmap"};

std::optional<std::int64_t> to_number(std::string_view text, std::int64_t most) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > most) return std::nullopt;
  return value;
}

// Lines of "key value", read by key. Remembers whether all that was asked for was there and good.
class Lines {
 public:
  explicit Lines(std::string_view text) : ok_(text.size() <= kMaxUpnpMessage && split(text)) {}

  bool ok() const { return ok_; }
  bool has(std::string_view key) const { return find(key) != nullptr; }

  std::string text(std::string_view key, std::size_t most) {
    const std::string_view* value = find(key);
    if (value == nullptr || value->size() > most) {
      ok_ = ok_ && value == nullptr;
      return {};
    }
    return std::string(*value);
  }
  std::int64_t number(std::string_view key, std::int64_t most) {
    const std::string_view* value = find(key);
    const auto parsed = value != nullptr ? to_number(*value, most) : std::nullopt;
    ok_ = ok_ && parsed.has_value();
    return parsed.value_or(0);
  }
  std::uint16_t port(std::string_view key) { return static_cast<std::uint16_t>(number(key, 0xffff)); }
  IpAddress address(std::string_view key) {
    const std::string_view* value = find(key);
    const auto parsed = value != nullptr ? IpAddress::parse(*value) : std::nullopt;
    ok_ = ok_ && parsed.has_value();
    return parsed.value_or(IpAddress());
  }
  void refuse() { ok_ = false; }

 private:
  struct Line {
    std::string_view key, value;
  };

  bool split(std::string_view rest) {
    while (true) {
      const auto end = rest.find('\n');
      if (end == std::string_view::npos) return false;
      const std::string_view line = rest.substr(0, end);
      rest.remove_prefix(end + 1);
      if (line == kEnd) return rest.empty();
      if (!std::ranges::all_of(line, [](char c) { return c >= ' ' && c <= '~'; })) return false;
      const auto space = line.find(' ');
      if (space == std::string_view::npos || find(line.substr(0, space)) != nullptr) return false;
      lines_.push_back({line.substr(0, space), line.substr(space + 1)});
    }
  }

  const std::string_view* find(std::string_view key) const {
    const auto at = std::ranges::find(lines_, key, &Line::key);
    return at != lines_.end() ? &at->value : nullptr;
  }

  std::vector<Line> lines_;
  bool ok_;
};

void add(std::string& out, std::string_view key, std::string_view value) {
  if (!value.empty()) out += fmt::format("{} {}\n", key, printable(value, kMaxUrl));
}

void add(std::string& out, std::string_view key, std::int64_t value) {
  out += fmt::format("{} {}\n", key, value);
}

std::optional<GatewayFailure> failure_of(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(GatewayFailure::broken); ++i) {
    if (failure_name(static_cast<GatewayFailure>(i)) == name) return static_cast<GatewayFailure>(i);
  }
  return std::nullopt;
}

std::string location_of(Lines& in) {
  std::string location = in.text("location", kMaxUrl);
  if (!location.empty() && !parse_http_url(location)) in.refuse();
  return location;
}

}  // namespace

std::string write_upnp_request(const UpnpRequest& request) {
  std::string out;
  add(out, "action", kActions[static_cast<std::size_t>(request.action)]);
  add(out, "interface", request.uplink.interface);
  add(out, "index", request.uplink.index);
  add(out, "local", request.uplink.local.to_string());
  add(out, "gateway", request.uplink.gateway.to_string());
  add(out, "patience_ms", request.patience.count());
  add(out, "location", request.location);
  if (request.action != UpnpAction::look) {
    add(out, "internal_port", request.internal_port);
    add(out, "external_port", request.external_port);
    add(out, "lifetime", request.lifetime.count());
    add(out, "description", request.description);
    if (request.pinhole) add(out, "pinhole", *request.pinhole);
    add(out, "remembered", request.remembered ? 1 : 0);
  }
  return out + std::string(kEnd) + "\n";
}

std::optional<UpnpRequest> parse_upnp_request(std::string_view text) {
  Lines in(text);
  if (!in.ok()) return std::nullopt;
  const std::string action = in.text("action", kMaxVersion);
  const auto* const found = std::ranges::find(kActions, std::string_view(action));
  if (found == std::end(kActions)) return std::nullopt;
  UpnpRequest out{.action = static_cast<UpnpAction>(found - std::begin(kActions))};
  out.uplink = {.interface = in.text("interface", kMaxInterface),
                .index = static_cast<unsigned>(in.number("index", 0x7fffffff)),
                .local = in.address("local"),
                .gateway = in.address("gateway")};
  out.patience = std::chrono::milliseconds(in.number("patience_ms", kMaxUpnpPatience.count()));
  out.location = location_of(in);
  if (out.action != UpnpAction::look) {
    out.internal_port = in.port("internal_port");
    out.external_port = in.port("external_port");
    out.lifetime = std::chrono::seconds(in.number("lifetime", kMaxLifetime));
    out.description = in.text("description", kMaxDescriptionText);
    if (in.has("pinhole")) out.pinhole = in.port("pinhole");
    out.remembered = in.number("remembered", 1) == 1;
  }
  if (!in.ok() || out.uplink.local.is_v4() != out.uplink.gateway.is_v4()) return std::nullopt;
  return out;
}

std::string write_upnp_answer(const UpnpAnswer& answer) {
  std::string out;
  add(out, "result", answer.error ? failure_name(answer.error->failure) : "ok");
  if (answer.error) add(out, "detail", printable(answer.error->detail, kMaxDetail));
  add(out, "location", answer.location);
  add(out, "version", answer.facts.version);
  add(out, "model", answer.facts.model);
  if (answer.facts.external) add(out, "external", answer.facts.external->to_string());
  add(out, "external_port", answer.external_port);
  add(out, "lifetime", answer.lifetime.count());
  if (answer.pinhole) add(out, "pinhole", *answer.pinhole);
  return out + std::string(kEnd) + "\n";
}

std::optional<UpnpAnswer> parse_upnp_answer(std::string_view text) {
  Lines in(text);
  if (!in.ok()) return std::nullopt;
  UpnpAnswer out;
  if (const std::string result = in.text("result", kMaxVersion); result != "ok") {
    const auto failure = failure_of(result);
    if (!failure) return std::nullopt;
    out.error = GatewayError{*failure, in.text("detail", kMaxDetail)};
  }
  out.location = location_of(in);
  out.facts.version = in.text("version", kMaxVersion);
  out.facts.model = in.text("model", kMaxModel);
  if (in.has("external")) out.facts.external = in.address("external");
  out.external_port = in.port("external_port");
  out.lifetime = std::chrono::seconds(in.number("lifetime", kMaxLifetime));
  if (in.has("pinhole")) out.pinhole = in.port("pinhole");
  if (!in.ok()) return std::nullopt;
  return out;
}

}  // namespace fairlead::agent::nat
