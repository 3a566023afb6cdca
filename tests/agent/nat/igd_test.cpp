#include "agent/nat/igd.h"

#include "agent/nat/announcements.h"
#include "agent/nat/printable.h"
#include "tests/support/codec_checks.h"

namespace fairlead::agent::nat {
namespace {

using fairlead::test::from_hex;

TEST_CASE("control URLs stay at the host of the description") {
  const HttpUrl root = *parse_http_url("http://192.168.1.1:5000/dir/rootDesc.xml");
  const auto at = [&](std::string_view base, std::string_view control) {
    const auto url = control_url(root, base, control);
    return url ? url->to_string() : "none";
  };
  CHECK(at("", "/ctl/IPConn") == "http://192.168.1.1:5000/ctl/IPConn");
  CHECK(at("", "ctl/IPConn") == "http://192.168.1.1:5000/ctl/IPConn");
  CHECK(at("http://192.168.1.1:49000", "/ctl") == "http://192.168.1.1:49000/ctl");
  CHECK(at("http://10.0.0.1:49000/", "/ctl") == "http://192.168.1.1:49000/ctl");
  CHECK(at("", "http://169.254.169.254:80/ctl") == "http://192.168.1.1:80/ctl");
  CHECK(at("nonsense", "/ctl") == "http://192.168.1.1:5000/ctl");
  CHECK(at("", "") == "none");
  CHECK(at("", "https://192.168.1.1/ctl") == "http://192.168.1.1:5000/https://192.168.1.1/ctl");
  CHECK(at("", "http://router/ctl") == "none");
  CHECK(at("", "/a b") == "none");
  CHECK(at("http://192.168.1.1:25", "/ctl") == "none");  // no device serves HTTP there
  CHECK(at("", "http://192.168.1.1:22/ctl") == "none");
  CHECK(at("", "/" + std::string(kMaxUrl, 'a')) == "none");
}

TEST_CASE("each UPnP error says what can be done about it") {
  const auto mapping = [](UpnpCode code) { return failure_name(mapping_failure(code, WanState::connected)); };
  CHECK(mapping(402) == "lifetime_refused");
  CHECK(mapping(501) == "conflict");
  CHECK(failure_name(mapping_failure(501, WanState::down)) == "wan_down");
  CHECK(mapping(606) == "refused");
  CHECK(mapping(716) == "same_port_only");
  CHECK(mapping(718) == "conflict");
  CHECK(mapping(724) == "same_port_only");
  CHECK(mapping(725) == "only_permanent");
  CHECK(mapping(727) == "unsupported");
  CHECK(mapping(728) == "exhausted");
  CHECK(mapping(729) == "conflict");
  CHECK(mapping(401) == "unsupported");
  CHECK(mapping(kUpnpNoAnswer) == "late");
  CHECK(mapping(-4) == "broken");
  CHECK(failure_name(pinhole_failure(606)) == "refused");
  CHECK(failure_name(pinhole_failure(701)) == "exhausted");
  CHECK(failure_name(pinhole_failure(702)) == "unsupported");
  CHECK(failure_name(pinhole_failure(703)) == "refused");
  CHECK(failure_name(pinhole_failure(-1)) == "broken");
  CHECK(describe_upnp(718) == "error 718: ConflictInMappingEntry");
  CHECK(describe_upnp(899) == "error 899");
  CHECK(describe_upnp(-3) == "no answer");
}

TEST_CASE("a description tells version and model") {
  const auto read = [](std::string_view xml) {
    const IgdDescription got = read_igd_description(xml);
    return got.version + "|" + got.model;
  };
  CHECK(read("<deviceType>urn:schemas-upnp-org:device:InternetGatewayDevice:2</deviceType>"
             "<friendlyName>My router</friendlyName><modelName>R 7000</modelName>") == "IGD 2|R 7000 (My router)");
  CHECK(read("urn:schemas-upnp-org:device:InternetGatewayDevice:1<friendlyName>R 7000 here</friendlyName>"
             "<modelName>R 7000</modelName>") == "IGD 1|R 7000 here");
  CHECK(read("<modelName>x\x01\xff\xfe</modelName>") == "|x?");
  CHECK(read("<modelName>never closed") == "|");
  CHECK(read("<modelName></modelName><friendlyName>f</friendlyName>") == "|f");
  CHECK(read("") == "|");
  CHECK(read("<modelName>" + std::string(500, 'a') + "</modelName>").size() == kMaxModel + 1);
}

TEST_CASE("what strangers say is made fit to be shown") {
  CHECK(printable("  a\r\n\tb  ", 80) == "a b");
  CHECK(printable("\x1b[31mred", 80) == "?[31mred");
  CHECK(printable("caf\xc3\xa9", 80) == "caf?");
  CHECK(printable("abcdef", 3) == "abc");
  CHECK(printable("", 3).empty());
}

TEST_CASE("announcements of NAT-PMP, PCP and SSDP") {
  const IpAddress gateway = *IpAddress::parse("192.168.1.1");
  const auto epoch = [&](std::string_view hex) {
    const auto heard = parse_announcement(from_hex(hex), gateway, kAnnouncementPort);
    return heard ? std::optional(heard->epoch.value()) : std::nullopt;
  };
  CHECK(epoch("00 80 0000 0000004d 19010002") == 77u);
  CHECK(epoch("02 80 00 00 00000000 0000004d 00000000 00000000 00000000") == 77u);
  CHECK_FALSE(epoch("00 80 0003 0000004d 00000000"));  // it lost its address
  CHECK_FALSE(epoch("00 80 0000 0000004d 19010002 00"));
  CHECK_FALSE(epoch("00 80 0000 0000004d 190100"));
  CHECK_FALSE(epoch("00 81 0000 0000004d 19010002"));
  CHECK_FALSE(epoch("00 00 0000 0000004d 19010002"));
  CHECK_FALSE(epoch("02 80 00 02 00000000 0000004d 00000000 00000000 00000000"));
  CHECK_FALSE(epoch("02 00 00 00 00000000 0000004d 00000000 00000000 00000000"));
  CHECK_FALSE(epoch(""));

  const auto ssdp = [&](std::string_view target, std::string_view kind) {
    const std::string text = "NOTIFY * HTTP/1.1\r\nLOCATION: http://192.168.1.1/\r\nNT: " + std::string(target) +
                             "\r\nNTS: " + std::string(kind) + "\r\n\r\n";
    return parse_announcement(as_bytes(text), gateway, kSsdpPort);
  };
  CHECK(ssdp("urn:schemas-upnp-org:device:InternetGatewayDevice:1", "ssdp:alive") ==
        Announcement{gateway, std::nullopt});
  CHECK(ssdp("urn:schemas-upnp-org:device:InternetGatewayDevice:2", "ssdp:byebye"));
  CHECK_FALSE(ssdp("upnp:rootdevice", "ssdp:alive"));
  CHECK_FALSE(ssdp("urn:schemas-upnp-org:device:MediaServer:1", "ssdp:alive"));
  CHECK_FALSE(parse_announcement(from_hex("00 80 0000 0000004d 19010002"), gateway, kSsdpPort));
}

}  // namespace
}  // namespace fairlead::agent::nat
