// expose and unexpose against a control socket whose answers are written down here.
#include "agent/exposing/exposing.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <thread>

#include "common/net/control_socket.h"
#include "tests/agent/exposing/folder.h"

namespace fairlead::agent {
namespace {

using test::Folder;
using test::service;

constexpr Duration kPatience = 20s;

// Stands for the agent: a loop on a thread of its own, which answers by page.
class Agent {
 public:
  explicit Agent(const Folder& folder) : socket_(folder.path("agent.sock")) {
    answer("/configuration", {.body = folder.config() + "\n"});
    answer("/reload", {.body = "reloaded\n"});
    answer("/service", {.body = "web.home relay rv:1\n"});
    answer("/stop", {});
    std::atomic<bool> open = false;
    thread_ = std::thread([this, &open] {
      net::Loop loop;
      net::Poller poller(loop);
      const auto server = net::ControlServer::open(
          loop, poller, socket_, net::ControlServer::Handler([this, &loop](const wire::HttpRequest& request) {
            if (request.path == "/stop") loop.stop();
            return on_request(request);
          }));
      open = true;
      open.notify_one();
      loop.run();
    });
    open.wait(false);
  }
  ~Agent() {
    (void)net::query_control(socket_, "/stop", 20s);
    thread_.join();
  }

  RunningAgent find() const {
    auto found = RunningAgent::find(socket_);
    REQUIRE_MESSAGE(found, found.error().detail);
    return std::move(*found);
  }
  void answer(const std::string& page, net::HttpReply reply) {
    const std::lock_guard lock(mutex_);
    answers_[page] = std::move(reply);
  }
  void answer_pending(int times) {  // by /service, before what it answers else
    const std::lock_guard lock(mutex_);
    pending_ = times;
  }
  std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }
  long reloads() const { return std::ranges::count(asked(), "/reload"); }

 private:
  net::HttpReply on_request(const wire::HttpRequest& request) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(request.path);
    if (request.path == "/service" && pending_ > 0) {
      --pending_;
      return {.status = net::kNotWellStatus, .body = "session_ended: not yet\n"};
    }
    return answers_.at(request.path);
  }

  std::string socket_;
  mutable std::mutex mutex_;
  std::map<std::string, net::HttpReply> answers_;
  int pending_ = 0;
  std::vector<std::string> asked_;
  std::thread thread_;
};

Result<std::string> expose(const Agent& agent, std::vector<ServiceConfig> services, Duration patience = kPatience) {
  return expose_at(agent.find(), std::move(services), config::AnswerFormat::text, patience);
}

TEST_CASE("a service is written, taken on and waited for") {
  const Folder folder;
  Agent agent(folder);
  agent.answer_pending(2);
  const auto lines = expose(agent, {service("web=tcp://127.0.0.1:80")});
  REQUIRE_MESSAGE(lines, lines.error().detail);
  CHECK(*lines == "web.home relay rv:1\n");
  CHECK(folder.load().services.size() == 2);
  CHECK(agent.asked() == std::vector<std::string>{"/configuration", "/reload", "/service", "/service", "/service"});
}

TEST_CASE("a relative path of a socket is the shell's") {
  const Folder folder;
  const Agent agent(folder);
  REQUIRE(expose(agent, {service("web=unix:./web.sock"), service("db=unix:/run/../db//sock")}));
  CHECK(folder.load().services[1].name == "db");
  CHECK(folder.load().services[2].target == Target{UnixPath{std::filesystem::current_path() / "web.sock"}});
}

TEST_CASE("what the agent refuses is taken back") {
  const Folder folder;
  folder.write("services.d/web.toml", "[[service]]\nname = 'web'\ntarget = 'a:9'\n");
  const auto before = folder.files();
  Agent agent(folder);
  agent.answer("/reload", {.status = kRefusedStatus, .body = "agent.toml:3: cert: is missing\n"});
  const auto refused = expose(agent, {service("web=a:1"), service("db=a:2")});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == Reason::config_invalid);
  CHECK(refused.error().detail == "agent.toml:3: cert: is missing");
  CHECK(folder.files() == before);
}

TEST_CASE("what a server refuses, and what the agent does not have, is taken back, and the agent is told") {
  const Folder folder;
  Agent agent(folder);
  agent.answer("/service", {.status = kRefusedStatus, .body = "policy_denied: no policy has it\n"});
  const auto refused = expose(agent, {service("web=a:1")});
  REQUIRE_FALSE(refused);
  CHECK(refused.error().reason == Reason::policy_denied);
  CHECK(refused.error().detail == "web: no policy has it");
  agent.answer("/service", {.status = kNoSuchStatus, .body = "no such service\n"});
  CHECK(expose(agent, {service("web=a:1")}).error().reason == Reason::unknown_service);
  CHECK(folder.files().empty());
  CHECK(agent.reloads() == 4);
}

TEST_CASE("where no server answers in time, the service stays") {
  const Folder folder;
  Agent agent(folder);
  agent.answer("/service", {.status = net::kNotWellStatus, .body = "connect_refused: rv:1\n"});
  const auto late = expose(agent, {service("web=a:1")}, 0s);
  REQUIRE_FALSE(late);
  CHECK(late.error().reason == Reason::connect_refused);
  CHECK(late.error().detail == "web is exposed for good, but no server has it yet: rv:1");
  CHECK(folder.files().size() == 1);
}

TEST_CASE(
    "names that other files hold, and a configuration that names no such file, are refused before the agent hears of "
    "it") {
  const Folder folder;
  const Agent agent(folder);
  CHECK(expose(agent, {service("web=a:1"), service("own=a:1")}).error().reason == Reason::name_taken);
  CHECK(expose(agent, {service("web=unix:" + std::string(105, 'x'))}).error().reason == Reason::config_invalid);
  CHECK(expose(agent, {service("web=unix:/\xff")}).error().detail.find("not UTF-8") != std::string::npos);
  folder.write("agent.toml", "include = []");
  const auto left_out = expose(agent, {service("web=a:1")});
  CHECK(left_out.error().detail ==
        folder.config() + ": [agent] include names no " + folder.path("services.d/web.toml"));
  folder.write("agent.toml", "nonsense");
  CHECK(expose(agent, {service("web=a:1")}).error().reason == Reason::config_invalid);
  CHECK(folder.files().empty());
  CHECK(agent.reloads() == 0);
}

TEST_CASE("agents that keep nothing, or are older") {
  const Folder folder;
  Agent agent(folder);
  agent.answer("/configuration", {.body = "\n"});
  CHECK(expose(agent, {service("web=a:1")}).error().detail.find("keeps nothing") != std::string::npos);
  const RunningAgent keeps_nothing = agent.find();
  CHECK_FALSE(unexpose(&keeps_nothing, "", "web"));
  agent.answer("/configuration", {.status = kNoSuchStatus});
  CHECK(RunningAgent::find(folder.path("agent.sock")).error().detail.find("restart it") != std::string::npos);
  CHECK(RunningAgent::find(folder.path("none.sock")).error().reason == Reason::not_running);
}

TEST_CASE("a service is taken away, with an agent and without") {
  const Folder folder;
  Agent agent(folder);
  REQUIRE(expose(agent, {service("web=a:1"), service("db=a:2"), service("shop=a:3")}));
  const RunningAgent running = agent.find();
  REQUIRE(unexpose(&running, folder.config(), "web"));
  CHECK(agent.reloads() == 2);
  REQUIRE(unexpose(nullptr, folder.config(), "db"));
  CHECK(folder.load().services.size() == 2);
  const auto none = unexpose(&running, folder.config(), "web");
  REQUIRE_FALSE(none);
  CHECK(none.error().reason == Reason::unknown_service);
  CHECK(none.error().detail == "web; exposed here: shop");
  const auto own = unexpose(&running, folder.config(), "own");
  REQUIRE_FALSE(own);
  CHECK(own.error().reason == Reason::name_taken);
  CHECK(own.error().detail == "own stands in " + folder.config() + ": take it out there");
}

TEST_CASE("a service stays where the agent refuses what is left") {
  const Folder folder;
  Agent agent(folder);
  REQUIRE(expose(agent, {service("web=a:1")}));
  agent.answer("/reload", {.status = kRefusedStatus, .body = "no\n"});
  const RunningAgent running = agent.find();
  const auto before = folder.files();
  CHECK(unexpose(&running, folder.config(), "web").error().detail == "no");
  CHECK(folder.files() == before);
}

TEST_CASE("a file that cannot be read can be taken away, and nothing else then") {
  const Folder folder;
  folder.write("services.d/web.toml", "[[service]\n");
  CHECK(unexpose(nullptr, folder.config(), "db").error().reason == Reason::config_invalid);
  REQUIRE(unexpose(nullptr, folder.config(), "web"));
  CHECK(folder.files().empty());
}

}  // namespace
}  // namespace fairlead::agent
