#include "agent/calling/local_port.h"

#include <unistd.h>

#include <vector>

#include "tests/common/net/rig.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

namespace fairlead::agent {
namespace {

struct Rig {
  explicit Rig(const std::string& where = "0") { open(read_listen_address(where).value()); }
  void open(const ListenAddress& address) { open(address, LocalPort::listen(address).value()); }
  void open(const ListenAddress& address, net::Fd fd) {
    port.emplace(
        worker.poller, address, std::move(fd), net::SocketBuffers{}, [this] { return taken.size() < room; },
        [this](net::Fd accepted, std::string from) {
          taken.push_back(std::move(accepted));
          callers.push_back(std::move(from));
        });
  }
  net::Fd dial() const { return net::connect_tcp(*SocketAddress::parse(port->address())).value(); }
  bool took(std::size_t count) {
    return worker.until([&] { return taken.size() == count; });
  }

  net::test::Worker worker;
  std::size_t room = 100;
  std::vector<net::Fd> taken;
  std::vector<std::string> callers;
  std::optional<LocalPort> port;
};

TEST_CASE("whoever connects is handed on, silent or not, and named") {
  Rig rig;
  const net::Fd caller = rig.dial();
  REQUIRE(rig.took(1));
  CHECK(rig.callers[0] == net::local_address(caller.get())->to_string());
}

TEST_CASE("where there is no room they wait, until somebody says that there is") {
  Rig rig;
  rig.room = 1;
  const net::Fd first = rig.dial();
  const net::Fd second = rig.dial();
  REQUIRE(rig.took(1));
  rig.worker.settle();
  CHECK(rig.taken.size() == 1);
  rig.room = 2;
  rig.port->look_again();
  CHECK(rig.took(2));
}

TEST_CASE("more than one turn's worth is taken") {
  Rig rig;
  rig.room = 1000;
  std::vector<net::Fd> callers;
  for (int i = 0; i < 150; ++i) callers.push_back(rig.dial());
  CHECK(rig.took(150));
}

TEST_CASE("a socket that another port takes over loses nobody") {
  Rig rig;
  rig.room = 0;
  const net::Fd waiting = rig.dial();
  const std::string at = rig.port->address();
  net::Fd socket = rig.port->release_socket();
  rig.open(*SocketAddress::parse(at), std::move(socket));
  rig.room = 1;
  rig.port->look_again();
  CHECK(rig.took(1));
  CHECK(rig.port->address() == at);
}

TEST_CASE("closed, it takes nobody, and its unix socket is gone") {
  const test::TempDir dir;
  const std::string path = dir.path() / "x.sock";
  Rig rig("unix:" + path);
  const auto caller = net::connect_unix(path);
  REQUIRE(caller.has_value());
  REQUIRE(rig.took(1));
  CHECK(rig.callers[0] == "unix:" + path);
  rig.port->close();
  CHECK(::access(path.c_str(), F_OK) != 0);
  rig.port->look_again();
  rig.port->close();
  CHECK(LocalPort::listen(UnixPath{"/nonexistent/x.sock"}).error().reason == Reason::io_failed);
}

}  // namespace
}  // namespace fairlead::agent
