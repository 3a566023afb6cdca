#include "common/config/fields.h"

#include <doctest/doctest.h>

#include <string>

#include "common/config/identity.h"

using namespace fairlead;
using namespace fairlead::config;

namespace {

struct Reading {
  explicit Reading(const std::string& text, const std::string& file = "/etc/f.toml")
      : value(parse_toml(text, file).value()),
        report(UnknownKeys::refuse, [](const std::string&) { return std::optional<std::string>(); }),
        root(value, file, "", report) {}

  std::string error() const { return report.failed() ? report.error().detail : ""; }

  Value value;
  Report report;
  Section root;
};

// What reading `k = [ITEM]` complains about.
template <class T>
std::string error_of(const std::string& item, std::optional<T> (*read)(Section&, const Text&)) {
  Reading in("k = ['" + item + "']\n");
  read_each(in.root, "k", "", read);
  return in.error();
}

}  // namespace

TEST_CASE("names") {
  for (const char* good : {"a", "a.b", "web.default.svc.cluster.local", "1a.2b", "xn--bcher-kva.example", "1.2.3.d4"}) {
    CAPTURE(good);
    CHECK(is_dns_name(good));
  }
  for (const std::string& bad :
       {std::string(), std::string("."), std::string("a."), std::string(".a"), std::string("a..b"), std::string("A"),
        std::string("a_b"), std::string("-a"), std::string("a-"), std::string("1.2.3.4"), std::string("*.a"),
        std::string("a b"), std::string(64, 'a'), std::string("a:1"), "a." + std::string(252, 'b')}) {
    CAPTURE(bad);
    CHECK_FALSE(is_dns_name(bad));
  }
  CHECK(is_host("RV.Example.com."));
  CHECK(is_host("192.0.2.1"));
  CHECK(is_host("2001:db8::1"));
  for (const char* looked_up : {"my_web", "_dmarc.example.com", "My_Web.lan."}) CHECK(is_host(looked_up));
  for (const char* bad : {"-_a", "a_.b.1", "my web", "a..b", ""}) CHECK_FALSE(is_host(bad));
  CHECK_FALSE(is_host("300.1.1.1"));
  CHECK_FALSE(is_host("[::1]"));
}

TEST_CASE("hosts with ports") {
  CHECK(parse_host_port("rv.example.com:15443") == HostPort{"rv.example.com", 15443});
  CHECK(parse_host_port("my_web:8443") == HostPort{"my_web", 8443});
  CHECK(parse_host_port("[::1]:1") == HostPort{"::1", 1});
  for (const char* bad : {"", "host", ":1", "host:", "host:0", "host:65536", "host:-1", "::1:443", "[::1]",
                          "http://h:1", "a b:1", "h:1 ", "300.1.1.1:1", "[host]:1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_host_port(bad));
    CHECK(
        error_of(bad, &read_host_port).starts_with("/etc/f.toml:1: k[1]: \"" + std::string(bad) + "\" is not a host"));
  }
}

TEST_CASE("fields that do not fit are refused by key and line") {
  CHECK(error_of("10.0.0.0/33", &read_cidr) ==
        "/etc/f.toml:1: k[1]: \"10.0.0.0/33\" is not an address block; allowed: ADDRESS or ADDRESS/BITS");
  CHECK(error_of("host/8", &read_cidr).find("is not an address block") != std::string::npos);
  CHECK(error_of("a_b", &read_dns_name).find("is not a name; allowed: a DNS name") != std::string::npos);
  CHECK(error_of("A", &read_label).find("is not a label; allowed: one label") != std::string::npos);
  CHECK(error_of("/run/x", &read_unix_path).find("is not a unix socket; allowed: \"unix:PATH\"") != std::string::npos);
  CHECK(error_of("unix:", &read_unix_path).find("is not a unix socket") != std::string::npos);
  CHECK(error_of("unix:/" + std::string(107, 'x'), &read_unix_path).find("108 bytes long") != std::string::npos);
  CHECK(error_of("unix:/" + std::string(106, 'x'), &read_unix_path).empty());
  const auto strict = +[](Section& s, const Text& t) { return read_address(s, t, PortZero::refused); };
  const auto loose = +[](Section& s, const Text& t) { return read_address(s, t, PortZero::allowed); };
  CHECK(error_of("0.0.0.0:0", strict).find("a port from 1 to 65535") != std::string::npos);
  CHECK(error_of("0.0.0.0:0", loose).empty());
  CHECK(error_of("host:1", loose).find("a port from 0 to 65535") != std::string::npos);
}

TEST_CASE("a list refuses what stands there twice, after normalising") {
  Reading in("k = ['a.b',\n 'A.B.']\n");
  read_each(in.root, "k", "", &read_dns_name);
  CHECK(in.error() == "/etc/f.toml:2: k[2]: stands here twice; allowed: each once");
}

TEST_CASE("relative paths begin at the folder of the file") {
  CHECK(relative_to("/etc/fairlead/f.toml", "a.crt") == "/etc/fairlead/a.crt");
  CHECK(relative_to("/etc/fairlead/f.toml", "../a.crt") == "/etc/a.crt");
  CHECK(relative_to("/etc/fairlead/f.toml", "/a.crt") == "/a.crt");
  CHECK(relative_to("f.toml", "a.crt") == "a.crt");
  Reading in("k = 'unix:x.sock'\n");
  CHECK(unix_path_or(in.root, "k", "/d") == "/etc/x.sock");
  CHECK(unix_path_or(in.root, "absent", "/d") == "/d");
}

TEST_CASE("identity wants all three files, and leaves other keys to its program") {
  Reading whole("cert = 'c'\nkey = 'k'\nca = '/a'\nmore = 1\n");
  CHECK(read_identity(whole.root) == IdentityConfig{"/etc/c", "/etc/k", "/a"});
  CHECK(whole.root.integer("more", {0, 1}, 0) == 1);
  Reading none("");
  read_identity(none.root);
  CHECK(none.error() == "/etc/f.toml:1: cert: is missing; allowed: the path of a file");
  Reading two("cert = 'c'\nca = 'a'\n");
  read_identity(two.root);
  CHECK(two.error() == "/etc/f.toml:1: key: is missing; allowed: the path of a file");
}

TEST_CASE("identity files must be there and readable") {
  const IdentityConfig gone{"/nonexistent/c", "/dev/null", "/"};
  CHECK(
      check_identity_files(gone, "f.toml").error().detail ==
      "f.toml: identity.cert: /nonexistent/c: No such file or directory; allowed: a PEM file that this user can read");
  CHECK(check_identity_files({"/proc/self/exe", "/", ""}, "f.toml")
            .error()
            .detail.find("identity.key: /: is not a regular") != std::string::npos);
  CHECK(check_identity_files({"/proc/self/exe", "/proc/self/exe", "/proc/self/exe"}, "f.toml"));
}
