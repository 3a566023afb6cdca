#pragma once
// Servers of fairlead-join/1 that tests play on a thread: real TLS, scripted answers, and a count of what was said.
#include <poll.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "common/net/loop.h"
#include "common/net/socket.h"
#include "common/tls/tls_context.h"
#include "common/tls/tls_engine.h"
#include "common/wire/join.h"
#include "tests/support/doctest.h"

namespace fairlead::agent {

// One server: answers each request with `answer`, or hangs up on it without.
class PlayedServer {
 public:
  PlayedServer(std::shared_ptr<const tls::Credentials> credentials, std::optional<wire::JoinAnswer> answer)
      : context_({.credentials = std::move(credentials),
                  .alpn = {wire::kJoinAlpn},
                  .ticket_keys = nullptr,
                  .clock = net::wall_now,
                  .client_certificate = tls::ClientCertificate::optional,
                  .show_root = true}),
        answer_(std::move(answer)),
        listener_(*net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no)),
        thread_([this] { serve(); }) {}
  ~PlayedServer() {
    stopping_ = true;
    thread_.join();
  }
  HostPort address() const { return {"127.0.0.1", net::local_address(listener_.get())->port}; }

  std::atomic<int> connections = 0;
  std::atomic<int> bytes = 0;  // of what was said inside TLS
  std::vector<wire::JoinQuestion> questions() {
    const std::lock_guard lock(mutex_);
    return questions_;
  }

 private:
  bool wait(int fd) const {
    pollfd waiting{fd, POLLIN, 0};
    while (!stopping_) {
      if (::poll(&waiting, 1, 20) > 0) return true;
    }
    return false;
  }
  void serve() {
    while (wait(listener_.get())) {
      auto accepted = net::accept_connection(listener_.get());
      if (!accepted || !*accepted) continue;
      ++connections;
      talk((*accepted)->fd);
    }
  }
  void talk(const net::Fd& fd) {
    auto engine = std::move(*tls::TlsEngine::server(context_));
    Bytes said;
    while (wait(fd.get())) {
      std::uint8_t block[4096];
      const auto got = net::read_some(fd.get(), block);
      if (!got || (*got && **got == 0)) return;
      if (!*got) continue;
      const bool broken = !engine->receive(ByteView(block).first(**got));
      said.insert(said.end(), engine->plaintext().begin(), engine->plaintext().end());
      bytes += static_cast<int>(engine->plaintext().size());
      engine->consumed(engine->plaintext().size());
      const auto question = wire::parse_join_question(said);
      const auto* done = std::get_if<wire::Done<wire::JoinQuestion>>(&question);
      if (done != nullptr) {
        keep(done->value);
        reply(*engine);
      }
      send(*engine, fd);
      if (broken || done != nullptr) return;
    }
  }
  void keep(const wire::JoinQuestion& question) {
    const std::lock_guard lock(mutex_);
    questions_.push_back(question);
  }
  void reply(tls::TlsEngine& engine) const {
    if (!answer_) return;
    Bytes message;
    ByteWriter out(message);
    wire::write_join_answer(*answer_, out);
    REQUIRE(engine.write(message));
    engine.close();
  }
  static void send(tls::TlsEngine& engine, const net::Fd& fd) {
    while (!engine.output().empty()) {
      const auto put = net::write_some(fd.get(), engine.output());
      if (!put) return;
      if (*put) engine.sent(**put);
    }
  }

  tls::TlsServerContext context_;
  const std::optional<wire::JoinAnswer> answer_;
  const net::Fd listener_;
  std::mutex mutex_;
  std::vector<wire::JoinQuestion> questions_;
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// A port where nobody listens.
inline HostPort dead() {
  const auto listener = net::listen_tcp(*SocketAddress::parse("127.0.0.1:0"), net::ReusePort::no);
  return {"127.0.0.1", net::local_address(listener->get())->port};
}

}  // namespace fairlead::agent
