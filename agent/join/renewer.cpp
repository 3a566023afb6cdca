#include "agent/join/renewer.h"

#include <algorithm>
#include <utility>

#include "agent/join/renewed_files.h"
#include "common/base/log.h"
#include "common/tls/certificate_request.h"
#include "common/tls/time_text.h"

namespace fairlead::agent {
namespace {

// As much of its life a certificate has behind it at most when it is given: servers let it begin before they sign it,
// and tell an answer again that was lost.
constexpr int kBegunPart = 5;

// The text of the key without the zero that closes it.
Result<Bytes> request_of(const tls::Credentials& own) {
  std::string_view pem = as_text(own.key_pem());
  if (pem.ends_with('\0')) pem.remove_suffix(1);
  return tls::write_certificate_request(pem);
}

}  // namespace

Renewer::Renewer(AgentTools& tools, Lines lines, std::function<void()> on_renewed)
    : tools_(tools),
      lines_(std::move(lines)),
      on_renewed_(std::move(on_renewed)),
      timer_([](void* self) { static_cast<Renewer*>(self)->look(); }, this) {}

void Renewer::use(std::shared_ptr<const tls::Credentials> own) {
  const bool on = tools_.config.renewal == Renewal::automatic;
  if (own_ == own && on == plan_.has_value()) return;
  if (own_ != own) given_at_ = taking_ ? std::optional(host_time().boottime) : std::nullopt;
  own_ = std::move(own);
  stop();
  failures_.over();
  problem_.reset();
  if (!on) return;
  plan_.emplace(own_->not_before(), own_->not_after(), tools_.rng);
  look();
}

void Renewer::stop() {
  timer_.cancel();
  plan_.reset();
  asked_ = nullptr;
  tried_.clear();
  ended_ = false;
}

void Renewer::on_lines_changed() {
  if (!plan_) return;
  if (asked_ != nullptr && line_is_gone()) return failed({Reason::connection_lost, "while it was asked"}, std::nullopt);
  look();
}

bool Renewer::line_is_gone() const {
  const auto lines = lines_();
  return std::ranges::find(lines, asked_) == lines.end() || !asked_->may_renew();
}

void Renewer::on_ended() {
  if (!plan_ || std::exchange(ended_, true)) return;
  look();
}

// A clock that cannot be right is none to judge by (resource/device_clock.h), and beyond the end none can. One that is
// fast does not age a certificate that was made for us a while ago: there would be no end of renewals.
WallTime Renewer::time() const {
  WallTime here = tools_.wall_now();
  if (given_at_) {
    const Duration begun = (own_->not_after() - own_->not_before()) / kBegunPart;
    const auto most = std::chrono::floor<std::chrono::seconds>(begun + (host_time().boottime - *given_at_));
    here = std::min(here, own_->not_before() + most);
  }
  return ended_ ? std::max(here, own_->not_after()) : here;
}

void Renewer::look() {
  switch (plan_->due(time(), now())) {
    case RenewalPlan::Due::nothing:
      return arm();
    case RenewalPlan::Due::ask:
      return ask();
    case RenewalPlan::Due::give_up:
      return failed({Reason::renewal_unanswered, ""}, std::nullopt);
  }
}

void Renewer::arm() {
  tools_.loop.timers().arm(timer_, plan_->next_look(time(), now()));
}

RenewalLine* Renewer::next_line() const {
  for (RenewalLine* each : lines_()) {
    if (each->may_renew() && !tried_.contains(each)) return each;
  }
  return nullptr;
}

// Without a session to ask over, the next one that opens is the time.
void Renewer::ask() {
  timer_.cancel();
  asked_ = next_line();
  if (asked_ == nullptr) return tried_.clear();
  if (auto ready = check_replaceable(tools_.config.identity); !ready) return failed(ready.error(), std::nullopt);
  auto csr = request_of(*own_);
  if (!csr) return failed(csr.error(), std::nullopt);
  plan_->on_asked(now());
  arm();
  asked_->ask_renewal(std::move(*csr));
}

void Renewer::on_answer(const RenewalLine& line, const wire::Renewed& answer) {
  if (!plan_ || &line != asked_) return;
  if (!answer.code.empty()) {
    const auto reason = find_reason(answer.code);
    const Error why = reason ? Error{*reason, ""} : Error{Reason::protocol_error, answer.code};
    return failed(why, std::chrono::seconds(answer.retry_after_s));
  }
  const auto renewed = keep_renewed(tools_.config.identity, *own_, answer);
  if (!renewed) return failed(renewed.error(), std::nullopt);
  log(Level::info, "certificate renewed",
      {{"id", (*renewed)->spiffe_id()},
       {"not_after", tls::time_text((*renewed)->not_after())},
       {"rendezvous", line.server().to_string()}});
  const auto before = own_;
  taking_ = true;
  on_renewed_();
  taking_ = false;
  if (plan_ && own_ == before) failed({Reason::renewal_unusable, "it could not be loaded"}, std::nullopt);
}

void Renewer::failed(const Error& why, std::optional<Duration> retry_after) {
  const std::string server = asked_->server().to_string();
  tools_.counters.refused.add(why.reason);
  tried_.insert(asked_);
  if (next_line() != nullptr) {
    log_failure(why, server, Duration(0));
    return ask();
  }
  asked_ = nullptr;
  tried_.clear();
  if (why.reason != Reason::device_unknown && why.reason != Reason::signer_none) {
    problem_ = Error{why.reason, server + (why.detail.empty() ? "" : ": " + why.detail)};
  }
  const Duration wait = plan_->on_failed(retry_after, time(), now(), tools_.rng);
  log_failure(why, server, wait);
  arm();
}

void Renewer::log_failure(const Error& why, const std::string& server, Duration wait) {
  if (!failures_.is_news(server + std::string(reason_code(why.reason)), now())) return;
  log(Level::warn, "the certificate was not renewed",
      {{"rendezvous", server},
       {"reason", reason_code(why.reason)},
       {"detail", why.detail},
       {"not_after", tls::time_text(own_->not_after())},
       {"retry_ms", std::chrono::duration_cast<std::chrono::milliseconds>(wait).count()},
       {"unlogged", failures_.take_silent()}});
}

}  // namespace fairlead::agent
