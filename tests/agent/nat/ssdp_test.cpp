#include "agent/nat/ssdp.h"

#include "agent/nat/ssdp_search.h"
#include "tests/support/doctest.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::string_view kAnswer =
    "HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: urn:schemas-upnp-org:device:InternetGatewayDevice:2\r\n"
    "USN: uuid:1::urn:x\r\nEXT:\r\nServer: Debian UPnP/1.1 MiniUPnPd/2.3.1\r\n"
    "LOCATION: http://192.168.1.1:5555/rootDesc.xml\r\n\r\n";

std::optional<SsdpMessage> parse(std::string_view text) {
  return parse_ssdp(as_bytes(text));
}

TEST_CASE("a search names its target and where it goes") {
  CHECK(ssdp_search("ssdp:all", IpAddress::v4({239, 255, 255, 250})) ==
        "M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: \"ssdp:discover\"\r\nMX: 1\r\nST: ssdp:all\r\n\r\n");
  CHECK(ssdp_search("x", ssdp_group(IpAddress::v6({}))).find("HOST: [ff02::c]:1900\r\n") != std::string::npos);
}

TEST_CASE("an answer is read, however its lines are written") {
  const auto message = parse(kAnswer);
  REQUIRE(message);
  CHECK(message->kind == SsdpMessage::Kind::answer);
  CHECK(message->location == "http://192.168.1.1:5555/rootDesc.xml");
  CHECK(message->target == "urn:schemas-upnp-org:device:InternetGatewayDevice:2");
  CHECK(message->usn == "uuid:1::urn:x");
  CHECK(parse("HTTP/1.1 200 OK\nlocation:http://a\nsT :  x \n\n")->target == "x");
  CHECK(parse("HTTP/1.1 200 OK\r\nLocation: http://a\r\n")->location == "http://a");  // no empty line at the end
  CHECK(parse("HTTP/1.1 200 OK\r\nno colon\r\nLocation: http://a\r\n\r\n")->location == "http://a");
}

TEST_CASE("what is not used may be as odd as it likes") {
  const std::string long_line(2 * kMaxSsdpLine, 'x');
  for (const std::string& odd : {std::string("SERVER: Fritz\xfc"), std::string("X-\xff: \x01"), "OPT: " + long_line}) {
    CAPTURE(odd);
    const auto message = parse("HTTP/1.1 200 OK\r\n" + odd + "\r\nLOCATION: http://a\r\n\r\n");
    REQUIRE(message);
    CHECK(message->location == "http://a");
  }
  CHECK(parse("HTTP/1.0 200 OK\r\nLOCATION: http://a\r\n\r\n"));
  CHECK(parse("HTTP/1.1 200 \xd6K\r\nLOCATION: http://a\r\n\r\n"));
  CHECK(parse("NOTIFY * HTTP/1.0\r\nNTS: ssdp:alive\r\nLOCATION: http://a\r\n\r\n"));
  for (const char* bad : {"HTTP/1.", "HTTP/1.1", "HTTP/2 200", "HTTP/1.1 2000"}) {
    CAPTURE(bad);
    parse(std::string(bad) + "\r\nLOCATION: http://a\r\n\r\n");  // read as one or refused, never trouble
  }
}

TEST_CASE("announcements: alive, update, byebye") {
  const auto notify = [](const char* kind, const char* location) {
    return parse(std::string("NOTIFY * HTTP/1.1\r\nNT: x\r\nNTS: ") + kind + "\r\nLOCATION: " + location + "\r\n\r\n");
  };
  CHECK(notify("ssdp:alive", "http://a")->kind == SsdpMessage::Kind::alive);
  CHECK(notify("ssdp:update", "http://a")->kind == SsdpMessage::Kind::alive);
  CHECK(notify("ssdp:byebye", "")->kind == SsdpMessage::Kind::leaving);
  CHECK_FALSE(notify("ssdp:alive", ""));
  CHECK_FALSE(notify("ssdp:party", "http://a"));
  CHECK_FALSE(notify("", "http://a"));
}

TEST_CASE("what is no SSDP message") {
  const std::string long_line(kMaxSsdpLine + 1, 'a');
  std::string many = "HTTP/1.1 200 OK\r\nLOCATION: http://a\r\n";
  for (std::size_t i = 0; i <= kMaxSsdpLines; ++i) many += "a: b\r\n";
  for (const std::string& text :
       {std::string(), std::string("\r\n"), std::string("HTTP/1.1 200 OK"), std::string("HTTP/1.1 200 OK\r\n"),
        std::string("HTTP/1.1 200 OK\r\n\r\n"), std::string("HTTP/1.1 404 NO\r\nLOCATION: http://a\r\n\r\n"),
        std::string("M-SEARCH * HTTP/1.1\r\nST: x\r\n\r\n"), std::string("HTTP/1.1 200 OK\r\nLOCATION: a\x80\r\n\r\n"),
        std::string("HTTP/1.1 200 OK\r\nLOCATION: a\x01\r\n\r\n"),
        "HTTP/1.1 200 OK\r\nLOCATION: " + long_line + "\r\n\r\n", many + "\r\n"}) {
    CAPTURE(text);
    CHECK_FALSE(parse(text));
  }
}

TEST_CASE("no prefix and no flipped byte of an answer is trouble") {
  for (std::size_t n = 0; n < kAnswer.size(); ++n) {
    const std::string cut(kAnswer.substr(0, n));
    parse(cut);
    for (const int mask : {0x01, 0x20, 0x80}) {
      std::string flipped(kAnswer);
      flipped[n] = static_cast<char>(flipped[n] ^ mask);
      parse(flipped);
    }
  }
}

std::string url(std::string_view text) {
  const auto parsed = parse_http_url(text);
  return parsed ? parsed->to_string() : "refused";
}

TEST_CASE("URLs: plain HTTP at a literal address") {
  CHECK(url("http://192.168.1.1:5000/rootDesc.xml") == "http://192.168.1.1:5000/rootDesc.xml");
  CHECK(url("HTTP://192.168.1.1") == "http://192.168.1.1:80/");
  CHECK(url("http://192.168.1.1/a?b#c") == "http://192.168.1.1:80/a?b#c");
  CHECK(url("http://[2001:db8::1]:80/x") == "http://[2001:db8::1]:80/x");
  CHECK(url("http://[fe80::1%25eth0]:8080/x") == "http://[fe80::1]:8080/x");
  CHECK(url("http://[fe80::1%eth0]/x") == "http://[fe80::1]:80/x");
  for (const std::string_view bad : {"",
                                     "http:",
                                     "http://",
                                     "http:///x",
                                     "https://192.168.1.1/",
                                     "ftp://192.168.1.1/",
                                     "http://router/",
                                     "http://localhost/",
                                     "http://192.168.1/",
                                     "http://0xc0a80101/",
                                     "http://192.168.1.1:/",
                                     "http://192.168.1.1:0/",
                                     "http://192.168.1.1:65536/",
                                     "http://192.168.1.1:80a/",
                                     "http://user@192.168.1.1/",
                                     "http://a:b@192.168.1.1/",
                                     "http://192.168.1.1\\@8.8.8.8/",
                                     "http://192.168.1.1?@8.8.8.8/",
                                     "http://192.168.1.1#/",
                                     "http://fe80::1/",
                                     "http://[::1",
                                     "http://[192.168.1.1]/",
                                     "http://[::1]x/",
                                     "http://192.168.1.1/a b",
                                     "http://192.168.1.1/\r\nX: y",
                                     " http://192.168.1.1/",
                                     "http://192.168.1.1:80:80/"}) {
    CAPTURE(bad);
    CHECK(url(bad) == "refused");
  }
  CHECK(url("http://192.168.1.1/" + std::string(kMaxUrl, 'a')) == "refused");
}

TEST_CASE("which answers may hide a gateway") {
  CHECK(names_gateway("urn:schemas-upnp-org:device:InternetGatewayDevice:1"));
  CHECK(names_gateway("urn:schemas-upnp-org:service:WANPPPConnection:1"));
  CHECK(names_gateway("upnp:rootdevice"));
  CHECK_FALSE(names_gateway("urn:schemas-upnp-org:device:MediaServer:1"));
  CHECK_FALSE(names_gateway(""));
}

Uplink uplink_of(const char* local, const char* gateway) {
  return {.interface = "eth0", .index = 2, .local = *IpAddress::parse(local), .gateway = *IpAddress::parse(gateway)};
}

TEST_CASE("a LOCATION is followed only from the gateway to itself") {
  const Uplink uplink = uplink_of("192.168.1.10", "192.168.1.1");
  const std::vector<Cidr> networks{*Cidr::parse("192.168.1.0/24")};
  SsdpFindings found;
  const auto add = [&](const char* location, const char* from = "192.168.1.1") {
    add_finding({.location = location, .target = "upnp:rootdevice"}, *IpAddress::parse(from), uplink, networks, found);
  };
  add("http://192.168.1.1/b");
  add("http://192.168.1.1/b");
  add("http://192.168.1.1:1024/c");
  REQUIRE(found.locations.size() == 2);
  CHECK(found.refused.empty());
  for (const char* strange :
       {"http://169.254.169.254/latest/meta-data", "http://127.0.0.1:8080/", "http://192.168.1.10/", "http://8.8.8.8/x",
        "http://10.0.0.1/x", "http://router.lan/x", "file:///etc/passwd", "https://192.168.1.1/x", "http://0.0.0.0/x",
        "http://239.255.255.250/x", "http://192.168.1.5/x", "http://192.168.1.1:22/", "http://192.168.1.1:1023/"}) {
    CAPTURE(strange);
    found.refused.clear();
    add(strange);
    CHECK(found.locations.size() == 2);
    CHECK(found.refused == strange);
  }
  for (const char* other : {"http://192.168.1.5/a", "http://192.168.1.1/d", "http://192.168.1.9/a"}) {
    add(other, "192.168.1.5");  // neither of itself nor of others: it is no gateway
    CHECK(found.locations.size() == 2);
  }
  const IpAddress& gateway = uplink.gateway;
  add_finding({.location = "http://192.168.1.1/e", .target = "urn:x:MediaServer:1"}, gateway, uplink, networks, found);
  add_finding({.kind = SsdpMessage::Kind::alive, .location = "http://192.168.1.1/f", .target = "upnp:rootdevice"},
              gateway, uplink, networks, found);
  CHECK(found.locations.size() == 2);
  for (int i = 20; i < 40; ++i) add(("http://192.168.1.1/" + std::to_string(i)).c_str());
  CHECK(found.locations.size() == kMaxDevices);
}

TEST_CASE("by IPv6 a router may name another address of its own") {
  const Uplink uplink = uplink_of("2a01:db80:1::10", "fe80::1");
  const std::vector<Cidr> networks{*Cidr::parse("2a01:db80:1::/64"), *Cidr::parse("fe80::/64")};
  const auto allowed = [&](const char* location, const char* from) {
    return speaks_for_itself(*parse_http_url(location), *IpAddress::parse(from), uplink, networks);
  };
  CHECK(allowed("http://[2a01:db80:1::1]:5000/", "fe80::1"));
  CHECK(allowed("http://[2a01:db80:1::1]:5000/", "2a01:db80:1::1"));
  CHECK_FALSE(allowed("http://[2a01:db80:1::7]:5000/", "fe80::7"));
  CHECK_FALSE(allowed("http://[2a01:db80:2::1]:5000/", "fe80::1"));
  CHECK_FALSE(allowed("http://[2a01:db80:1::1]:25/", "fe80::1"));
}

}  // namespace
}  // namespace fairlead::agent::nat
