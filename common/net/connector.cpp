#include "common/net/connector.h"

#include "common/base/check.h"

namespace fairlead::net {
namespace {

// A refusal comes from the host itself; silence tells less, and "no way there" may be this host's own lack of a family.
int weight(Reason reason) {
  switch (reason) {
    case Reason::connect_refused:
      return 3;
    case Reason::connect_timeout:
      return 2;
    case Reason::connect_unreachable:
      return 1;
    default:
      return 0;
  }
}

}  // namespace

struct Connector::Attempt final : PollTarget {
  Attempt(Connector& connector, const SocketAddress& to, Fd connecting)
      : owner(connector), address(to), fd(connector.poller_, std::move(connecting), *this) {}

  void on_ready(Readiness ready) override {
    if (!ready.writable && !ready.hung_up) return;
    const auto failed = ready.hung_up ? connect_result(fd.get()) : std::nullopt;
    if (!failed) return owner.on_connected(*this);
    fd.reset();
    owner.on_failed(address, *failed);
    owner.begin_due();
  }

  Connector& owner;
  const SocketAddress address;
  PolledFd fd;
};

Connector::Connector(Poller& poller, ConnectOptions options, core::AddressMemory* memory, OnDone on_done)
    : poller_(poller),
      options_(options),
      memory_(memory),
      on_done_(std::move(on_done)),
      deadline_([](void* self) { static_cast<Connector*>(self)->on_deadline(); }, this),
      next_([](void* self) { static_cast<Connector*>(self)->on_next(); }, this) {}

Connector::~Connector() = default;

void Connector::start(const std::vector<SocketAddress>& addresses, Duration limit) {
  const bool ordered = addresses.size() < 2;
  race_ = core::ConnectRace(ordered              ? addresses
                            : memory_ != nullptr ? memory_->order(addresses, now())
                                                 : core::AddressMemory().order(addresses, now()));
  run(limit);
}

void Connector::start_unix(std::string path, Duration limit) {
  path_ = std::move(path);
  race_ = core::ConnectRace({SocketAddress{}});
  run(limit);
}

void Connector::run(Duration limit) {
  CHECK(on_done_ && attempts_.empty());
  poller_.loop().timers().arm(deadline_, now() + limit);
  begin_due();
}

void Connector::begin_due() {
  while (const auto address = race_.take_due(now())) begin(*address);
  // The end is told from the loop: a failure may be known within start().
  if (race_.lost()) return poller_.loop().timers().arm(next_, now());
  if (const auto due = race_.deadline()) poller_.loop().timers().arm(next_, *due);
}

void Connector::begin(const SocketAddress& address) {
  auto fd = dial(address);
  if (!fd) return on_failed(address, fd.error());
  if (!*fd) return race_.on_busy(address, now());
  attempts_.push_back(std::make_unique<Attempt>(*this, address, std::move(**fd)));
}

Result<std::optional<Fd>> Connector::dial(const SocketAddress& address) const {
  if (path_.empty()) {
    auto fd = connect_tcp(address, options_);
    if (!fd) return tl::unexpected(fd.error());
    return std::optional(std::move(*fd));
  }
  auto fd = connect_unix(path_);
  if (fd && *fd) limit_buffers((*fd)->get(), options_.buffers);
  return fd;
}

void Connector::on_connected(Attempt& winner) {
  if (memory_ != nullptr) {
    // Those that began earlier would only delay the next connection, too.
    for (const auto& each : attempts_) {
      if (each.get() != &winner && each->fd.valid()) memory_->failed(each->address, now());
    }
    memory_->worked(winner.address);
  }
  finish(Connection{std::move(winner.fd), winner.address});
}

void Connector::on_failed(const SocketAddress& address, const Error& error) {
  if (memory_ != nullptr) memory_->failed(address, now());
  if (!failure_ || weight(error.reason) > weight(failure_->reason)) {
    failure_ = {error.reason, (path_.empty() ? address.to_string() : path_) + ": " + error.detail};
  }
  race_.on_failed(now());
}

void Connector::on_next() {
  if (race_.lost()) return finish(tl::unexpected(failure_.value_or(Error{Reason::connect_unreachable, "no address"})));
  begin_due();
}

void Connector::on_deadline() {
  if (memory_ != nullptr) {
    for (const auto& each : attempts_) {
      if (each->fd.valid()) memory_->failed(each->address, now());
    }
  }
  const bool busy = !path_.empty() && attempts_.empty();
  finish(fail(Reason::connect_timeout, busy ? path_ + ": its backlog stayed full" : "the connect was not answered"));
}

void Connector::finish(Result<Connection> result) {
  deadline_.cancel();
  next_.cancel();
  for (const auto& each : attempts_) each->fd.reset();
  const OnDone done = std::exchange(on_done_, nullptr);
  done(std::move(result));
}

}  // namespace fairlead::net
