#include "common/tls/ticket_keys.h"

#include <fstream>
#include <thread>
#include <vector>

#include "common/crypto/system_rng.h"
#include "tests/support/doctest.h"
#include "tests/support/test_ca.h"

using namespace fairlead;
using namespace fairlead::test;
using namespace fairlead::tls;
namespace fs = std::filesystem;

namespace {

std::string text_of(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("what was sealed opens again; the same state never seals alike") {
  crypto::SystemRng rng;
  const auto keys = TicketKeys::in_memory(rng, kTestNow);
  const Bytes ticket = keys->seal(as_bytes("state"), kTestNow);
  CHECK(keys->unseal(ticket) == Bytes{'s', 't', 'a', 't', 'e'});
  CHECK(ticket != keys->seal(as_bytes("state"), kTestNow));
}

TEST_CASE("changed, cut and foreign tickets do not open") {
  crypto::SystemRng rng;
  const auto keys = TicketKeys::in_memory(rng, kTestNow);
  const Bytes ticket = keys->seal(as_bytes("state"), kTestNow);
  for (std::size_t i = 0; i < ticket.size(); ++i) {
    Bytes changed = ticket;
    changed[i] ^= 0x80;
    CHECK(keys->unseal(changed).error() == (i < 16 ? ResumptionRefused::unknown_key : ResumptionRefused::forged));
    const auto expected = i < 28 ? ResumptionRefused::malformed : ResumptionRefused::forged;
    CHECK(keys->unseal(ByteView(ticket).first(i)).error() == expected);
  }
  CHECK(TicketKeys::in_memory(rng, kTestNow)->unseal(ticket).error() == ResumptionRefused::unknown_key);
}

TEST_CASE("keys rotate twice a day and the previous one still opens") {
  crypto::SystemRng rng;
  const auto keys = TicketKeys::in_memory(rng, kTestNow);
  const Bytes first = keys->seal({}, kTestNow);
  const Bytes same_key = keys->seal({}, kTestNow + kTicketKeyRotation - std::chrono::seconds(1));
  CHECK(Bytes(first.begin(), first.begin() + 16) == Bytes(same_key.begin(), same_key.begin() + 16));
  const Bytes second = keys->seal({}, kTestNow + kTicketKeyRotation);
  CHECK(Bytes(first.begin(), first.begin() + 16) != Bytes(second.begin(), second.begin() + 16));
  CHECK(keys->unseal(first));
  CHECK(keys->unseal(second));
  keys->seal({}, kTestNow + 2 * kTicketKeyRotation);
  CHECK(keys->unseal(first).error() == ResumptionRefused::unknown_key);
  CHECK(keys->unseal(second));
}

TEST_CASE("a clock set far back does not keep a key alive") {
  crypto::SystemRng rng;
  const auto keys = TicketKeys::in_memory(rng, kTestNow);
  const Bytes first = keys->seal({}, kTestNow);
  const Bytes later = keys->seal({}, kTestNow - std::chrono::days(400));
  CHECK(Bytes(first.begin(), first.begin() + 16) != Bytes(later.begin(), later.begin() + 16));
}

TEST_CASE("keys survive in a file for their owner alone") {
  crypto::SystemRng rng;
  const TempDir temp;
  const fs::path file = temp.path() / "ticket.keys";
  const auto keys = TicketKeys::open(file, rng, kTestNow);
  CHECK(fs::status(file).permissions() == fs::perms(0600));
  const Bytes first = keys->seal(as_bytes("a"), kTestNow);
  CHECK(TicketKeys::open(file, rng, kTestNow)->unseal(first));
  const Bytes second = keys->seal(as_bytes("b"), kTestNow + kTicketKeyRotation);
  const auto reopened = TicketKeys::open(file, rng, kTestNow);
  CHECK(reopened->unseal(first));
  CHECK(reopened->unseal(second));
  CHECK_FALSE(reopened->take_problem());
  CHECK(fs::status(file).permissions() == fs::perms(0600));
  CHECK(std::distance(fs::directory_iterator(temp.path()), {}) == 1);
}

TEST_CASE("a damaged file is replaced and told once") {
  crypto::SystemRng rng;
  const TempDir temp;
  const fs::path file = temp.path() / "ticket.keys";
  TicketKeys::open(file, rng, kTestNow);
  const std::string good = text_of(file);
  std::string other_version = good;
  other_version[good.find('1')] = '9';
  std::string longer = good;
  longer.push_back('x');
  for (const std::string& bad :
       {std::string(), std::string("x"), good.substr(0, good.size() - 1), longer, other_version}) {
    std::ofstream(file, std::ios::binary) << bad;
    const auto keys = TicketKeys::open(file, rng, kTestNow);
    CHECK(keys->take_problem());
    CHECK_FALSE(keys->take_problem());
    CHECK(TicketKeys::open(file, rng, kTestNow)->unseal(keys->seal({}, kTestNow)));
  }
}

TEST_CASE("where no file can be made or rewritten, keys live in memory and say so") {
  crypto::SystemRng rng;
  const TempDir temp;
  const auto memory = TicketKeys::open(temp.path() / "missing" / "ticket.keys", rng, kTestNow);
  CHECK(memory->unseal(memory->seal({}, kTestNow)));
  REQUIRE(memory->unwritable());
  CHECK(memory->unwritable()->reason == Reason::state_unwritable);
  CHECK(memory->take_problem());
  CHECK(memory->unwritable());

  fs::create_directory(temp.path() / "state");
  const auto keys = TicketKeys::open(temp.path() / "state" / "ticket.keys", rng, kTestNow);
  CHECK_FALSE(keys->unwritable());
  fs::remove_all(temp.path() / "state");
  const Bytes ticket = keys->seal({}, kTestNow + kTicketKeyRotation);
  CHECK(keys->unseal(ticket));
  CHECK(keys->take_problem());
  CHECK(keys->unwritable());
}

TEST_CASE("a link where the file should be is neither read nor written through") {
  crypto::SystemRng rng;
  const TempDir temp;
  TicketKeys::open(temp.path() / "elsewhere", rng, kTestNow);
  const std::string before = text_of(temp.path() / "elsewhere");
  fs::create_symlink(temp.path() / "elsewhere", temp.path() / "ticket.keys");
  const auto keys = TicketKeys::open(temp.path() / "ticket.keys", rng, kTestNow);
  CHECK(keys->take_problem());
  CHECK(text_of(temp.path() / "elsewhere") == before);
  CHECK(fs::is_regular_file(fs::symlink_status(temp.path() / "ticket.keys")));
  CHECK(text_of(temp.path() / "ticket.keys") != before);
}

TEST_CASE("several threads may seal and unseal while keys rotate") {
  crypto::SystemRng rng;
  const auto keys = TicketKeys::in_memory(rng, kTestNow);
  std::vector<std::thread> threads;
  std::vector<int> opened(4, 0);
  for (std::size_t t = 0; t < opened.size(); ++t) {
    threads.emplace_back([&keys, &opened, t] {
      for (int i = 0; i < 200; ++i)
        opened[t] += keys->unseal(keys->seal(as_bytes("x"), kTestNow + std::chrono::hours(i / 20))) ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  // Threads whose hours differ may rotate a key away between the two calls; mostly they do not.
  for (const int count : opened) CHECK(count > 100);
}
