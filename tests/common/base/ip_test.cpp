#include "common/base/ip.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <unordered_set>

#include "tests/support/doctest.h"

namespace fairlead {
namespace {

using namespace std::string_literals;

template <class T>
std::string round_trip(std::string_view text) {
  const auto parsed = T::parse(text);
  return parsed ? parsed->to_string() : "refused";
}

TEST_CASE("addresses are read and written in canonical form") {
  CHECK(round_trip<IpAddress>("192.0.2.1") == "192.0.2.1");
  CHECK(round_trip<IpAddress>("0.0.0.0") == "0.0.0.0");
  CHECK(round_trip<IpAddress>("2001:DB8:0:0::1") == "2001:db8::1");
  CHECK(round_trip<IpAddress>("::") == "::");
  CHECK(IpAddress() == IpAddress::parse("0.0.0.0"));
  CHECK(IpAddress::parse("192.0.2.1")->bytes().size() == 4);
  CHECK(IpAddress::parse("::1")->bytes().size() == 16);
}

TEST_CASE("a v4-mapped address is the IPv4 address, however it comes") {
  const auto plain = IpAddress::parse("192.0.2.1");
  CHECK(IpAddress::parse("::ffff:192.0.2.1") == plain);
  CHECK(IpAddress::parse("::ffff:c000:201") == plain);
  CHECK(IpAddress::v6({0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF, 192, 0, 2, 1}) == plain);
  CHECK(std::hash<IpAddress>()(*IpAddress::parse("::ffff:192.0.2.1")) == std::hash<IpAddress>()(*plain));
  CHECK(IpAddress::parse("::192.0.2.1") != plain);  // the obsolete compatible form is another address
}

TEST_CASE("what is not an address literal") {
  for (const std::string& text :
       {""s, "192.0.2"s, "192.0.2.256"s, "192.0.2.01"s, "0x7f.0.0.1"s, "127.1"s, "1.2.3.4.5"s, " 192.0.2.1"s,
        "192.0.2.1 "s, "[::1]"s, "::1%lo"s, "1::2::3"s, "12345::"s, ":::"s, "localhost"s, "192.0.2.1/32"s}) {
    CAPTURE(text);
    CHECK_FALSE(IpAddress::parse(text).has_value());
  }
}

// inet_pton stops at a NUL; until parse refuses one itself, this records that it does not.
TEST_CASE("an address literal holds no NUL") {
  CHECK_FALSE(IpAddress::parse("192.0.2.1\0"s).has_value());
  CHECK_FALSE(IpAddress::parse("192.0.2.1\0.example.com"s).has_value());
  CHECK_FALSE(IpAddress::parse("::1\0"s).has_value());
}

TEST_CASE("socket addresses") {
  CHECK(round_trip<SocketAddress>("192.0.2.1:443") == "192.0.2.1:443");
  CHECK(round_trip<SocketAddress>("[2001:db8::1]:65535") == "[2001:db8::1]:65535");
  CHECK(round_trip<SocketAddress>("[::ffff:192.0.2.1]:1") == "192.0.2.1:1");
  CHECK(round_trip<SocketAddress>("0.0.0.0:0") == "0.0.0.0:0");
  for (const char* text : {"", "192.0.2.1", "192.0.2.1:", ":443", "::1:443", "[::1]", "[::1]443", "[::1:443",
                           "::1]:443", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+1", "192.0.2.1:1x",
                           "192.0.2.1: 1", "localhost:443", "[]:443", "[[::1]]:443"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(SocketAddress::parse(text).has_value());
  }
}

TEST_CASE("socket addresses from the system") {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(443);
  inet_pton(AF_INET, "192.0.2.1", &in.sin_addr);
  CHECK(SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&in)) == SocketAddress::parse("192.0.2.1:443"));
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(1);
  inet_pton(AF_INET6, "::ffff:192.0.2.1", &in6.sin6_addr);
  CHECK(SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&in6)) == SocketAddress::parse("192.0.2.1:1"));
  sockaddr_un un{};
  un.sun_family = AF_UNIX;
  CHECK_FALSE(SocketAddress::from_sockaddr(reinterpret_cast<const sockaddr*>(&un)).has_value());
}

bool contains(std::string_view cidr, std::string_view address) {
  return Cidr::parse(cidr).value().contains(IpAddress::parse(address).value());
}

TEST_CASE("blocks contain their addresses and no others") {
  CHECK(contains("10.0.0.0/8", "10.255.255.255"));
  CHECK_FALSE(contains("10.0.0.0/8", "11.0.0.0"));
  CHECK(contains("192.0.2.128/25", "192.0.2.255"));
  CHECK_FALSE(contains("192.0.2.128/25", "192.0.2.127"));
  CHECK(contains("192.0.2.1/31", "192.0.2.0"));  // bits behind the prefix do not count
  CHECK(contains("192.0.2.1", "192.0.2.1"));
  CHECK_FALSE(contains("192.0.2.1", "192.0.2.0"));
  CHECK(contains("0.0.0.0/0", "255.255.255.255"));
  CHECK(contains("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(contains("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(contains("::/0", "2001:db8::1"));
  CHECK(contains("::1/128", "::1"));
}

TEST_CASE("families do not mix, but for mapped addresses, which are IPv4") {
  CHECK_FALSE(contains("::/0", "192.0.2.1"));
  CHECK_FALSE(contains("0.0.0.0/0", "2001:db8::1"));
  CHECK(contains("192.0.2.0/24", "::ffff:192.0.2.7"));
  CHECK_FALSE(contains("::/0", "::ffff:192.0.2.7"));
}

TEST_CASE("blocks as text") {
  CHECK(round_trip<Cidr>("10.0.0.0/8") == "10.0.0.0/8");
  CHECK(round_trip<Cidr>("192.0.2.1") == "192.0.2.1/32");
  CHECK(round_trip<Cidr>("2001:db8::") == "2001:db8::/128");
  for (const char* text : {"", "/", "10.0.0.0/", "/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "10.0.0.0/8 ",
                           "10/8", "::/129", "10.0.0.0/+8", "[::]/0", "example.com/8"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(Cidr::parse(text).has_value());
  }
}

TEST_CASE("hosts with ports") {
  CHECK(HostPort::parse("rv.example.com:15443") == HostPort{"rv.example.com", 15443});
  CHECK(HostPort::parse("[::1]:1") == HostPort{"::1", 1});
  CHECK(HostPort::parse("192.0.2.1:1") == HostPort{"192.0.2.1", 1});
  CHECK(HostPort{"::1", 1}.to_string() == "[::1]:1");
  CHECK(HostPort{"rv", 1}.to_string() == "rv:1");
  for (const char* text : {"", ":", "rv", "rv:", ":1", "rv:x", "rv:65536", "a:b:1", "::1", "[rv]:1", "[::1]", "[:1"}) {
    CAPTURE(std::string(text));
    CHECK_FALSE(HostPort::parse(text).has_value());
  }
}

TEST_CASE("hashes tell addresses apart") {
  std::unordered_set<std::size_t> hashes;
  for (int host = 0; host < 200; ++host) {
    hashes.insert(std::hash<IpAddress>()(IpAddress::v4({10, 0, 0, static_cast<std::uint8_t>(host)})));
  }
  CHECK(hashes.size() == 200);
}

}  // namespace
}  // namespace fairlead
