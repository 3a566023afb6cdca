#include "common/net/names.h"

#include <condition_variable>
#include <mutex>
#include <set>

#include "common/net/resolver.h"
#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;
using Answer = Result<std::vector<SocketAddress>>;

const IpAddress kOne = *IpAddress::parse("192.0.2.1");

// A name server that is silent for the names a test says, until it says otherwise.
class Server {
 public:
  core::NameAnswer look_up(const std::string& host) {
    std::unique_lock lock(mutex_);
    ++asked_[host];
    changed_.wait(lock, [&] { return !silent_.contains(host); });
    if (host == "failing") return {.addresses = {}, .failure = "Temporary failure", .gone = false};
    if (host == "gone") return {.addresses = {}, .failure = "no such name", .gone = true};
    return {.addresses = {kOne}, .failure = ""};
  }
  void silence(const std::string& host) {
    set([&] { silent_.insert(host); });
  }
  void speak() {
    set([&] { silent_.clear(); });
  }
  int asked(const std::string& host) {
    const std::lock_guard lock(mutex_);
    return asked_[host];
  }

 private:
  void set(const std::function<void()>& change) {
    const std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::set<std::string> silent_;
  std::map<std::string, int> asked_;
};

struct Rig {
  Rig() : names(std::make_unique<Names>(worker.loop, look_up())) {}
  ~Rig() { server->speak(); }
  LookUp look_up() {
    return [mine = server](const std::string& host) { return mine->look_up(host); };
  }
  struct Asker {
    explicit Asker(Names& names) : resolver(names) {}
    void ask(const std::string& host) {
      answer.reset();
      resolver.resolve({.host = host, .port = 443}, [this](Answer got) { answer = std::move(got); });
      CHECK_FALSE(answer);
    }
    Resolver resolver;
    std::optional<Answer> answer;
  };
  bool told(const Asker& asker) {
    return worker.until([&] { return asker.answer.has_value(); });
  }

  std::shared_ptr<Server> server = std::make_shared<Server>();  // its threads may outlive the test
  Worker worker;
  std::unique_ptr<Names> names;
};

TEST_CASE("a silent name is in nobody's way") {
  Rig rig;
  std::vector<std::unique_ptr<Rig::Asker>> stuck;
  for (int i = 0; i < 20; ++i) {
    const std::string host = "silent" + std::to_string(i % 10);
    rig.server->silence(host);
    stuck.push_back(std::make_unique<Rig::Asker>(*rig.names));
    stuck.back()->ask(host);
  }
  CHECK(rig.names->lookups() == 10);  // one for each name
  Rig::Asker other(*rig.names);
  other.ask("db");
  CHECK(rig.told(other));
  REQUIRE(other.answer->has_value());
  CHECK((*other.answer)->front() == SocketAddress{kOne, 443});
  rig.server->speak();
  for (const auto& each : stuck) CHECK(rig.told(*each));
  CHECK(rig.server->asked("silent3") == 1);
}

TEST_CASE("the end does not wait for a silent name, and its late answer reaches nobody") {
  Rig rig;
  rig.server->silence("silent");
  Rig::Asker asker(*rig.names);
  asker.ask("silent");
  CHECK(rig.worker.until([&] { return rig.server->asked("silent") == 1; }));
  rig.names.reset();
  rig.server->speak();
  rig.worker.settle();
  CHECK_FALSE(asker.answer);
  asker.resolver.cancel();
}

TEST_CASE("no more threads than there may be; the rest waits for its turn") {
  Rig rig;
  std::vector<std::unique_ptr<Rig::Asker>> all;
  for (std::size_t i = 0; i < Names::kMostLookups + 5; ++i) {
    const std::string host = "name" + std::to_string(i);
    rig.server->silence(host);
    all.push_back(std::make_unique<Rig::Asker>(*rig.names));
    all.back()->ask(host);
  }
  CHECK(rig.names->lookups() == Names::kMostLookups);
  rig.server->speak();
  for (const auto& each : all) CHECK(rig.told(*each));
  CHECK(rig.names->lookups() == 0);
}

TEST_CASE("however often the network changes, a name has one thread more, and old threads keep no places") {
  Rig rig;
  std::vector<std::unique_ptr<Rig::Asker>> all;
  for (std::size_t i = 0; i < Names::kMostLookups; ++i) {
    const std::string host = "name" + std::to_string(i);
    rig.server->silence(host);
    all.push_back(std::make_unique<Rig::Asker>(*rig.names));
    all.back()->ask(host);
  }
  for (int i = 0; i < 5; ++i) rig.names->network_changed();
  CHECK(rig.names->lookups() == Names::kMostLookups);
  CHECK(rig.names->stale_lookups() == Names::kMostStale);
  rig.server->speak();
  for (const auto& each : all) CHECK(rig.told(*each));
  CHECK(rig.worker.until([&] { return rig.names->stale_lookups() == 0; }));
  CHECK(rig.names->lookups() == 0);
  for (std::size_t i = 0; i < Names::kMostLookups; ++i) CHECK(rig.server->asked("name" + std::to_string(i)) <= 2);
}

TEST_CASE("an answer is kept, a failure for a moment") {
  Rig rig;
  for (const std::string host : {"db", "failing", "gone"}) {
    for (int i = 0; i < 3; ++i) {
      Rig::Asker asker(*rig.names);
      asker.ask(host);
      CHECK(rig.told(asker));
      CHECK(asker.answer->has_value() == (host == "db"));
      if (host == "gone") CHECK(asker.answer->error().detail == "gone: no such name");
    }
    CHECK(rig.server->asked(host) == 1);
  }
}

TEST_CASE("a name that has become silent: what was known is told after a moment") {
  Rig rig;
  Rig::Asker asker(*rig.names);
  asker.ask("db");
  CHECK(rig.told(asker));
  rig.server->silence("db");
  rig.names->network_changed();
  asker.ask("db");
  CHECK(rig.worker.until([&] { return rig.server->asked("db") == 2; }));
  CHECK(rig.told(asker));
  CHECK(asker.answer->has_value());
}

TEST_CASE("after a network change a lookup is begun anew, and only its answer counts") {
  Rig rig;
  rig.server->silence("db");
  Rig::Asker asker(*rig.names);
  asker.ask("db");
  CHECK(rig.worker.until([&] { return rig.server->asked("db") == 1; }));
  rig.names->network_changed();
  CHECK(rig.worker.until([&] { return rig.server->asked("db") == 2; }));
  rig.server->speak();
  CHECK(rig.told(asker));
  CHECK(rig.worker.until([&] { return rig.names->lookups() == 0; }));
}

TEST_CASE("whoever was told may ask again, or be destroyed") {
  Rig rig;
  auto first = std::make_unique<Resolver>(*rig.names);
  Resolver second(*rig.names);
  int answers = 0;
  first->resolve({.host = "db", .port = 1}, [&](const Answer&) {
    ++answers;
    first.reset();
  });
  second.resolve({.host = "db", .port = 2}, [&](const Answer&) {
    ++answers;
    second.resolve({.host = "web", .port = 2}, [&](const Answer&) { ++answers; });
  });
  CHECK(rig.worker.until([&] { return answers == 3; }));
}

}  // namespace
}  // namespace fairlead::net
