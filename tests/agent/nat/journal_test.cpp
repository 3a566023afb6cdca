#include "agent/nat/journal.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/doctest.h"

namespace fairlead::agent::nat {
namespace {

MappingRecord record(std::uint16_t external) {
  return {MappingProtocol::pcp,
          "eth0",
          *IpAddress::parse("192.168.1.1"),
          *SocketAddress::parse("192.168.1.10:15443"),
          {*IpAddress::parse("25.1.0.7"), external},
          7200s,
          {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 255},
          WallTime(1'700'000'000s)};
}

std::vector<MappingRecord> two_records() {
  MappingRecord pinhole = record(15443);
  pinhole.protocol = MappingProtocol::upnp;
  pinhole.gateway = *IpAddress::parse("fe80::1");
  pinhole.internal = *SocketAddress::parse("[2a00::10]:15443");
  pinhole.external = pinhole.internal;
  pinhole.lifetime = 0s;
  return {record(40000), pinhole};
}

struct Folder {
  Folder() {
    char name[] = "/tmp/fairlead-journal-XXXXXX";
    path = ::mkdtemp(name);
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return path / "mappings"; }
  std::string content() const {
    std::ifstream in(file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  void write(const std::string& text) const { std::ofstream(file(), std::ios::binary) << text; }
  std::filesystem::path path;
};

TEST_CASE("what is written is read again") {
  CHECK(parse_journal(format_journal({})).value().empty());
  CHECK(parse_journal(format_journal(two_records())).value() == two_records());
}

TEST_CASE("no prefix and no flipped byte of a journal is a journal") {
  const std::string text = format_journal(two_records());
  for (std::size_t n = 0; n < text.size(); ++n) {
    if (parse_journal(text.substr(0, n))) FAIL_CHECK("read after " << n << " bytes");
    for (const int mask : {0x01, 0x20, 0x80, 0xff}) {
      std::string flipped = text;
      flipped[n] = static_cast<char>(flipped[n] ^ mask);
      if (parse_journal(flipped)) FAIL_CHECK("read with byte " << n << " flipped");
    }
  }
  CHECK(!parse_journal(text + "\n"));
  CHECK(!parse_journal(std::string(kMaxJournalBytes + 1, ' ')));
}

TEST_CASE("a good checksum does not make a bad record good") {
  MappingRecord bad = record(40000);
  bad.interface = "an-interface-too-long";
  CHECK(!parse_journal(format_journal({bad})));
  bad.interface = "";
  CHECK(!parse_journal(format_journal({bad})));
  bad.interface = "two words";
  CHECK(!parse_journal(format_journal({bad})));
  bad = record(0);
  CHECK(!parse_journal(format_journal({bad})));
  bad = record(1);
  bad.lifetime = -1s;
  CHECK(!parse_journal(format_journal({bad})));
  const std::vector<MappingRecord> many(kMaxJournalRecords + 1, record(1));
  CHECK(!parse_journal(format_journal(many)));
}

TEST_CASE("the file is written on change alone, private, and read by the next life") {
  const Folder folder;
  {
    Journal journal(folder.file());
    CHECK(journal.load().empty());
    journal.keep({}, WallTime(5s));
    CHECK(journal.writes() == 0);
    journal.keep(two_records(), WallTime(5s));
    auto renewed = two_records();
    renewed[0].lifetime = 7199s;
    journal.keep(renewed, WallTime(6s));
    CHECK(journal.writes() == 1);
    renewed[0].external.port = 40001;
    journal.keep(renewed, WallTime(7s));
    CHECK(journal.writes() == 2);
  }
  struct stat info{};
  REQUIRE(::stat(folder.file().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  Journal next(folder.file());
  const auto loaded = next.load();
  REQUIRE(loaded.size() == 2);
  CHECK(loaded[0].external.port == 40001);
  CHECK(loaded[0].since == WallTime(7s));
  CHECK(loaded[1].since == WallTime(5s));
  next.keep(loaded, WallTime(9s));
  CHECK(next.writes() == 0);
  next.keep({}, WallTime(9s));
  CHECK(Journal(folder.file()).load().empty());
}

TEST_CASE("a journal that cannot be understood is moved aside") {
  const Folder folder;
  folder.write("fairlead mappings 2\n");
  Journal journal(folder.file());
  CHECK(journal.load().empty());
  CHECK(!std::filesystem::exists(folder.file()));
  CHECK(std::filesystem::exists(folder.file() + ".bad"));
  journal.keep({record(1)}, WallTime(5s));
  CHECK(Journal(folder.file()).load().size() == 1);
}

TEST_CASE("without a place to write the journal does nothing, and no harm") {
  Journal none("");
  none.keep({record(1)}, WallTime(5s));
  CHECK(none.writes() == 0);
  Journal nowhere("/nonexistent/folder/mappings");
  CHECK(nowhere.load().empty());
  nowhere.keep({record(1)}, WallTime(5s));
  nowhere.keep({record(2)}, WallTime(5s));
}

TEST_CASE("more records than it may hold are cut off") {
  const Folder folder;
  std::vector<MappingRecord> many;
  for (std::size_t i = 0; i < kMaxJournalRecords + 5; ++i)
    many.push_back(record(static_cast<std::uint16_t>(20000 + i)));
  Journal(folder.file()).keep(many, WallTime(5s));
  CHECK(Journal(folder.file()).load().size() == kMaxJournalRecords);
}

}  // namespace
}  // namespace fairlead::agent::nat
