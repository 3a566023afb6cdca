#include "common/net/control_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

// A folder of its own, gone at the end.
struct Folder {
  Folder() {
    char name[] = "/tmp/fairlead-control-XXXXXX";
    REQUIRE(::mkdtemp(name) != nullptr);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

struct Rig {
  template <class Handler>
  explicit Rig(Handler handler) {
    auto opened = ControlServer::open(worker.loop, worker.poller, path, std::move(handler));
    REQUIRE(opened.has_value());
    server = std::move(*opened);
  }
  // The blocking client, on a thread of its own, while the loop runs here.
  Result<wire::HttpResponse> ask(const std::string& question, Duration timeout = 20s) {
    Result<wire::HttpResponse> answer = fail(Reason::internal, "no answer");
    std::atomic<bool> answered = false;
    std::thread client([this, &question, timeout, &answer, &answered] {
      answer = query_control(path, question, timeout);
      answered = true;
    });
    CHECK(worker.until([&] { return answered.load(); }));
    client.join();
    return answer;
  }
  Fd connect() {
    auto fd = connect_unix(path);
    REQUIRE(fd.has_value());
    REQUIRE(fd->has_value());
    return std::move(**fd);
  }
  std::string hear(const Fd& fd) {
    std::string heard;
    bool ended = false;
    CHECK(worker.until([&] {
      heard += as_text(read_now(fd.get()));
      return ended = ended || read_outcome(fd.get()).has_value();
    }));
    return heard;
  }

  Folder folder;
  std::string path = folder.path + "/run/fairlead/control.sock";
  Worker worker;
  std::unique_ptr<ControlServer> server;
};

HttpReply echo(const wire::HttpRequest& request) {
  std::string body = request.method + " " + request.path;
  for (const auto& [key, value] : request.query) body += " " + key + "=" + value;
  return {.body = body};
}

void say(const Fd& fd, std::string_view text) {
  REQUIRE(::send(fd.get(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(text.size()));
}

TEST_CASE("a question is answered") {
  Rig rig(echo);
  const auto answer = rig.ask("/agents?service=" + wire::percent_encode("a b&c"));
  REQUIRE(answer.has_value());
  CHECK(answer->status == 200);
  CHECK(answer->body == "GET /agents service=a b&c");
}

TEST_CASE("the answer's status is the handler's") {
  Rig rig([](const wire::HttpRequest&) { return HttpReply{.status = 404, .body = "{}"}; });
  const auto answer = rig.ask("/nothing");
  REQUIRE(answer.has_value());
  CHECK(answer->status == 404);
}

TEST_CASE("a long answer arrives whole") {
  const std::string body(20'000'000, 'b');
  Rig rig([&body](const wire::HttpRequest&) { return HttpReply{.body = body}; });
  const auto answer = rig.ask("/");
  REQUIRE(answer.has_value());
  CHECK(answer->body == body);
}

TEST_CASE("an answer may come later, and others are served meanwhile") {
  std::vector<ControlServer::Answer> waiting;
  Rig rig(ControlServer::LateHandler([&](const wire::HttpRequest& request, ControlServer::Answer answer) {
    if (request.path == "/now") return answer({.body = "now"});
    waiting.push_back(std::move(answer));
  }));
  const Fd slow = rig.connect();
  say(slow, "GET /later HTTP/1.1\r\n\r\n");
  CHECK(rig.worker.until([&] { return waiting.size() == 1; }));
  CHECK(rig.ask("/now")->body == "now");
  {
    const Fd gone = rig.connect();
    say(gone, "GET /later HTTP/1.1\r\n\r\n");
    CHECK(rig.worker.until([&] { return waiting.size() == 2; }));
  }
  waiting[1]({.body = "for nobody"});
  waiting[0]({.body = "later"});
  waiting[0]({.body = "once only"});
  CHECK(rig.hear(slow).ends_with("later"));
  rig.server.reset();
  waiting[0]({.body = "too late"});
}

TEST_CASE("the socket is nobody's whom its owner does not know, its folders are made, the file goes with the server") {
  Rig rig(echo);
  struct stat status{};
  REQUIRE(::stat(rig.path.c_str(), &status) == 0);
  CHECK((status.st_mode & 0707) == 0600);
  rig.server.reset();
  CHECK(::stat(rig.path.c_str(), &status) != 0);
}

TEST_CASE("a second server at the same path is refused, a stale file is replaced") {
  Rig rig(echo);
  const auto second = ControlServer::open(rig.worker.loop, rig.worker.poller, rig.path, echo);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().reason == Reason::address_in_use);
  CHECK(rig.ask("/").has_value());
  rig.server.reset();
  {
    auto stale = listen_unix(rig.path);
  }
  auto third = ControlServer::open(rig.worker.loop, rig.worker.poller, rig.path, echo);
  REQUIRE(third.has_value());
  rig.server = std::move(*third);
  CHECK(rig.ask("/").has_value());
}

TEST_CASE("a server that ends leaves what is not its socket alone") {
  Rig rig(echo);
  std::filesystem::remove(rig.path);
  std::ofstream(rig.path) << "somebody's";
  rig.server.reset();
  CHECK(std::filesystem::exists(rig.path));
  const auto refused = ControlServer::open(rig.worker.loop, rig.worker.poller, rig.path, echo);
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().reason == Reason::config_invalid);
  CHECK(std::filesystem::file_size(rig.path) == 10);
}

TEST_CASE("nobody there: not_running") {
  const Folder folder;
  const std::string path = folder.path + "/control.sock";
  CHECK(query_control(path, "/", 1s).error().reason == Reason::not_running);
  {
    auto stale = listen_unix(path);
  }
  CHECK(query_control(path, "/", 1s).error().reason == Reason::not_running);
}

TEST_CASE("a program that does not answer in time") {
  const Folder folder;
  const auto listener = listen_unix(folder.path + "/control.sock");
  REQUIRE(listener.has_value());
  CHECK(query_control(folder.path + "/control.sock", "/", 50ms).error().reason == Reason::io_failed);
}

TEST_CASE("a program that breaks off, or answers nonsense") {
  const Folder folder;
  const std::string path = folder.path + "/control.sock";
  const auto listener = listen_unix(path);
  REQUIRE(listener.has_value());
  const auto ask = [&](std::string_view answer) {
    Result<wire::HttpResponse> result = fail(Reason::internal, "");
    std::thread client([&path, &result] { result = query_control(path, "/", 20s); });
    std::optional<AcceptedSocket> accepted;
    Bytes request;
    while (!as_text(request).ends_with("\r\n\r\n")) {
      if (!accepted) accepted = accept_connection(listener->get()).value_or(std::nullopt);
      const Bytes more = accepted ? read_now(accepted->fd.get()) : Bytes();
      request.insert(request.end(), more.begin(), more.end());
      std::this_thread::yield();
    }
    if (!answer.empty()) say(accepted->fd, answer);
    accepted.reset();
    client.join();
    return result;
  };
  CHECK(ask("").error().reason == Reason::io_failed);
  CHECK(ask("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc").error().reason == Reason::io_failed);
  CHECK(ask("SSH-2.0-OpenSSH\r\n\r\n").error().reason == Reason::http_malformed);
  CHECK(ask("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc").value().body == "abc");
}

TEST_CASE("what is not a request gets 400") {
  Rig rig(echo);
  for (const std::string_view bad :
       {"\r\n\r\n\r\n", "hello\r\n\r\n", "GET / HTTP/0.9\r\n\r\n", "GET nowhere HTTP/1.1\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n12345", "\x16\x03\x01\r\n\r\n"}) {
    CAPTURE(bad);
    const Fd fd = rig.connect();
    say(fd, bad);
    const std::string heard = rig.hear(fd);
    CHECK(heard.starts_with("HTTP/1.1 400"));
    CHECK(heard.ends_with(R"({"error":"http_malformed"})"));
  }
  const Fd fd = rig.connect();
  say(fd, "GET / HTTP/1.1\r\nX: " + std::string(wire::kMaxHttpHead, 'x'));
  CHECK(rig.hear(fd).starts_with("HTTP/1.1 400"));
}

TEST_CASE("a request in single bytes is answered, one that breaks off is dropped") {
  Rig rig(echo);
  const Fd fd = rig.connect();
  const std::string_view request = "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n";
  for (const char& byte : request) {
    say(fd, {&byte, 1});
    rig.worker.settle();
  }
  CHECK(rig.hear(fd).ends_with("GET /x"));
  const Fd short_one = rig.connect();
  say(short_one, request.substr(0, 10));
  shut_down_writing(short_one.get());
  CHECK(rig.hear(short_one).empty());
}

TEST_CASE("the seventeenth connection waits until another one leaves") {
  Rig rig(echo);
  std::vector<Fd> idle;
  for (std::size_t i = 0; i < kMaxControlConnections; ++i) idle.push_back(rig.connect());
  const Fd waiting = rig.connect();
  say(waiting, "GET /late HTTP/1.1\r\nHost: localhost\r\n\r\n");
  rig.worker.settle();
  CHECK(read_outcome(waiting.get()) == std::nullopt);
  idle.pop_back();
  CHECK(rig.hear(waiting).ends_with("GET /late"));
}

TEST_CASE("connections that are under way die with the server") {
  const std::size_t before = open_descriptors();
  {
    Rig rig(echo);
    const Fd fd = rig.connect();
    rig.worker.settle();
    rig.server.reset();
    CHECK(rig.hear(fd).empty());
  }
  CHECK(open_descriptors() == before);
}

}  // namespace
}  // namespace fairlead::net
