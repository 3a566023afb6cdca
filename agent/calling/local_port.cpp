#include "agent/calling/local_port.h"

#include <unistd.h>

#include "common/base/log.h"

namespace fairlead::agent {
namespace {

constexpr int kAcceptsPerTurn = 64;  // then the connections that are already there get their turn
constexpr Duration kFullPause = 100ms;

ListenAddress bound_address(const ListenAddress& asked, const net::Fd& fd) {
  const auto* tcp = std::get_if<SocketAddress>(&asked);
  if (tcp == nullptr) return asked;
  return net::local_address(fd.get()).value_or(*tcp);
}

}  // namespace

Result<net::Fd> LocalPort::listen(const ListenAddress& address) {
  const auto* path = std::get_if<UnixPath>(&address);
  return path != nullptr ? net::listen_unix(path->path)
                         : net::listen_tcp(std::get<SocketAddress>(address), net::ReusePort::no);
}

LocalPort::LocalPort(net::Poller& poller, const ListenAddress& address, net::Fd fd, net::SocketBuffers buffers,
                     HasRoom has_room, OnAccept on_accept)
    : poller_(poller),
      address_(bound_address(address, fd)),
      has_room_(std::move(has_room)),
      on_accept_(std::move(on_accept)),
      resume_([](void* self) { static_cast<LocalPort*>(self)->accept_some(); }, this) {
  net::limit_buffers(fd.get(), buffers);  // whoever is accepted inherits them
  fd_ = net::PolledFd(poller_, std::move(fd), *this);
}

LocalPort::~LocalPort() {
  close();
}

void LocalPort::close() {
  if (!fd_.valid()) return;
  if (const auto* path = std::get_if<UnixPath>(&address_)) ::unlink(path->path.c_str());
  release_socket();
}

net::Fd LocalPort::release_socket() {
  resume_.cancel();
  return fd_.release();
}

void LocalPort::look_again() {
  if (fd_.valid()) fd_.run_again();
}

void LocalPort::on_ready(net::Readiness ready) {
  if (ready.readable) accept_some();
}

void LocalPort::accept_some() {
  for (int i = 0; fd_.valid() && has_room_(); ++i) {
    if (i == kAcceptsPerTurn) return fd_.run_again();
    auto accepted = net::accept_connection(fd_.get());
    if (!accepted) {
      log(Level::warn, "cannot accept",
          {{"reason", reason_code(accepted.error().reason)}, {"detail", accepted.error().detail}});
      return poller_.loop().timers().arm(resume_, poller_.loop().now() + kFullPause);
    }
    if (!*accepted) return;
    const bool tcp = std::holds_alternative<SocketAddress>(address_);
    on_accept_(std::move((*accepted)->fd), tcp ? (*accepted)->peer.to_string() : to_string(address_));
  }
}

}  // namespace fairlead::agent
