#include "agent/exposing/running_agent.h"

#include <fmt/core.h>

#include "common/net/control_socket.h"

namespace fairlead::agent {
namespace {

constexpr Duration kPatience = 10s;

std::string first_line(const std::string& body) {
  return body.substr(0, body.find('\n'));
}

// "policy_denied: no policy ...": a code that this program does not know stays in the detail.
Error read_why(const std::string& line) {
  constexpr std::string_view kBetween = ": ";
  const auto end = line.find(kBetween);
  const auto reason = find_reason(std::string_view(line).substr(0, end));
  if (!reason) return {Reason::session_ended, line};
  return {*reason, end == std::string::npos ? "" : line.substr(end + kBetween.size())};
}

Result<wire::HttpResponse> ask(const std::string& socket, const std::string& page) {
  return net::query_control(socket, page, kPatience);
}

}  // namespace

Result<RunningAgent> RunningAgent::find(std::string socket) {
  const auto answer = ask(socket, std::string(kConfigurationPage));
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status != net::kWellStatus) {
    return fail(Reason::config_invalid, socket + ": the agent that runs is of an older version; restart it");
  }
  return RunningAgent(std::move(socket), first_line(answer->body));
}

Result<void> RunningAgent::reload() const {
  const auto answer = ask(socket_, std::string(kReloadPage));
  if (!answer) return tl::unexpected(answer.error());
  if (answer->status != net::kWellStatus) return fail(Reason::config_invalid, first_line(answer->body));
  return {};
}

Result<RunningAgent::Service> RunningAgent::service(const std::string& name, config::AnswerFormat format) const {
  const std::string_view wanted = format == config::AnswerFormat::json ? "json" : "text";
  auto answer = ask(socket_, fmt::format("{}?name={}&format={}", kServicePage, wire::percent_encode(name), wanted));
  if (!answer) return tl::unexpected(answer.error());
  using Standing = Service::Standing;
  switch (answer->status) {
    case net::kWellStatus:
      return Service{.standing = Standing::reached, .text = std::move(answer->body)};
    case kRefusedStatus:
      return Service{.standing = Standing::refused, .why = read_why(first_line(answer->body))};
    case kNoSuchStatus:
      return Service{.standing = Standing::unknown,
                     .why = {Reason::unknown_service, "the agent read its file without it"}};
    default:
      return Service{.standing = Standing::pending, .why = read_why(first_line(answer->body))};
  }
}

}  // namespace fairlead::agent
