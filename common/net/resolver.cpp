#include "common/net/resolver.h"

namespace fairlead::net {

Resolver::Resolver(Names& names)
    : names_(names), timer_([](void* self) { static_cast<Resolver*>(self)->on_timer(); }, this) {}

Resolver::~Resolver() {
  cancel();
}

void Resolver::cancel() {
  if (std::exchange(waiting_, false)) names_.forget(target_.host, *this);
  timer_.cancel();
  found_.reset();
  answer_ = nullptr;
}

void Resolver::resolve(const HostPort& target, Answer answer) {
  cancel();
  target_ = target;
  answer_ = std::move(answer);
  if (const auto literal = IpAddress::parse(target.host)) return found({.addresses = {*literal}, .failure = ""});
  if (const auto known = names_.ask(target_.host, *this)) return found(*known);
  waiting_ = true;
  if (names_.stale(target_.host) == nullptr) return;
  names_.loop_.timers().arm(timer_, names_.loop_.now() + kPatience);
}

void Resolver::found(const core::NameAnswer& answer) {
  waiting_ = false;
  found_ = answer;
  names_.loop_.timers().arm(timer_, names_.loop_.now());
}

void Resolver::on_timer() {
  if (!found_) {
    const core::NameAnswer* old = names_.stale(target_.host);
    if (old == nullptr) return;  // it has become too old meanwhile
    if (std::exchange(waiting_, false)) names_.forget(target_.host, *this);
    found_ = *old;
  }
  tell(*std::exchange(found_, std::nullopt));
}

void Resolver::tell(const core::NameAnswer& answer) {
  const Answer told = std::exchange(answer_, nullptr);
  if (answer.addresses.empty()) return told(fail(Reason::resolve_failed, target_.host + ": " + answer.failure));
  std::vector<SocketAddress> addresses;
  for (const IpAddress& each : answer.addresses) addresses.push_back({each, target_.port});
  told(std::move(addresses));
}

}  // namespace fairlead::net
