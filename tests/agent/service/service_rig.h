#pragma once
// A worker with what connections to services need, and a service on loopback that a test plays itself.
#include <optional>

#include "agent/service/service_connection.h"
#include "tests/common/net/rig.h"

namespace fairlead::agent::test {

using net::test::read_now;

struct ServiceRig {
  explicit ServiceRig(int backlog = 16) {
    listener = std::move(*net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no));
    ::listen(listener.get(), backlog);
    address = *net::local_address(listener.get());
  }

  ServiceTools tools() {
    return {{worker.poller, worker.pipes, worker.farewells}, addresses, names, health, loops, terminations};
  }
  Target target() const { return HostPort{address.ip.to_string(), address.port}; }
  // Nobody listens there.
  static Target closed_target() { return ServiceRig().target(); }
  net::Fd accept() {
    net::Fd fd;
    CHECK(worker.until([&] {
      auto got = net::accept_connection(listener.get());
      if (got && *got) fd = std::move((*got)->fd);
      return fd.valid();
    }));
    return fd;
  }
  Bytes read(const net::Fd& fd, std::size_t size) {
    Bytes heard;
    CHECK(worker.until([&] {
      const Bytes more = read_now(fd.get());
      heard.insert(heard.end(), more.begin(), more.end());
      return heard.size() >= size;
    }));
    return heard;
  }
  bool ends_of(const net::Fd& fd) {
    return worker.until([&] {
      read_now(fd.get());
      return net::test::read_outcome(fd.get()).has_value();
    });
  }

  net::test::Worker worker;
  core::AddressMemory addresses;
  net::Names names{worker.loop};
  TargetHealth health;
  LoopGuard loops;
  Terminations terminations;
  net::Fd listener;
  SocketAddress address;
};

}  // namespace fairlead::agent::test
