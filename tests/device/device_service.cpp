// The service on the test device: mutual TLS on one port, HTTP enough for curl. It shows that a connection reached the
// device, who came, and what the agent beside it costs there.
//   device_service PORT CERT KEY CA AGENT_PID
//   GET /              who asks, the device's clock, and /proc/AGENT_PID/status
//   GET /bytes/COUNT   COUNT bytes, each the low eight bits of its place divided by 251
// A process per connection, blocking sockets: the TLS engine is the mesh's own, everything else is as plain as can be.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>

#include "common/tls/credentials.h"
#include "common/tls/tls_engine.h"

namespace {

using namespace fairlead;

constexpr std::size_t kMaxHead = 4096;
constexpr std::size_t kMaxBytes = 64 << 20;
constexpr std::size_t kPiece = 16 * 1024;
constexpr unsigned kLongestLife = 120;  // seconds a connection may take
constexpr int kBacklog = 64;

[[noreturn]] void die(const std::string& why) {
  fmt::print(stderr, "device: the service: {}\n", why);
  std::exit(1);
}

// A device that thinks it is 1970 knows one date: the one from which its own certificate is good. The mesh's CA dates
// certificates back by an hour, so those of the same day are good from then on.
WallTime device_time(const tls::Credentials& credentials) {
  const auto system = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  return std::max<WallTime>(system, credentials.not_before() + std::chrono::hours(1));
}

class Connection {
 public:
  Connection(int fd, tls::TlsServerContext& context) : fd_(fd) {
    auto engine = tls::TlsEngine::server(context);
    if (!engine) die(engine.error().detail);
    engine_ = std::move(*engine);
  }

  const std::string& peer() const { return engine_->peer().spiffe_id; }

  // The head of the next request; nothing once the client ended, or was refused.
  std::optional<std::string> read_head() {
    while (true) {
      const std::string_view text = as_text(engine_->plaintext());
      if (const auto end = text.find("\r\n\r\n"); end != text.npos) {
        std::string head(text.substr(0, end));
        engine_->consumed(end + 4);
        return head;
      }
      if (text.size() > kMaxHead || engine_->peer_closed() || !receive()) return std::nullopt;
    }
  }

  bool write(ByteView data) { return engine_->write(data) && flush(); }
  void close() {
    engine_->close();
    flush();
  }

 private:
  bool receive() {
    std::array<std::uint8_t, kPiece> buffer;
    const ssize_t got = ::read(fd_, buffer.data(), buffer.size());
    if (got <= 0) return false;
    const auto taken = engine_->receive(ByteView(buffer).first(static_cast<std::size_t>(got)));
    if (!taken) fmt::print(stderr, "device: the service refuses: {}\n", taken.error().detail);
    return flush() && taken;
  }
  bool flush() {
    while (!engine_->output().empty()) {
      const ssize_t sent = ::write(fd_, engine_->output().data(), engine_->output().size());
      if (sent <= 0) return false;
      engine_->sent(static_cast<std::size_t>(sent));
    }
    return true;
  }

  const int fd_;
  std::unique_ptr<tls::TlsEngine> engine_;
};

std::string about(const std::string& peer, const std::string& agent) {
  std::ostringstream out;
  out << "Peer:\t" << peer << "\nClock:\t" << std::time(nullptr) << "\n"
      << std::ifstream("/proc/" + agent + "/status").rdbuf();
  return out.str();
}

bool answer(Connection& connection, std::string_view content) {
  const std::string head = fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", content.size());
  return connection.write(as_bytes(head)) && connection.write(as_bytes(content));
}

bool answer_bytes(Connection& connection, std::size_t count) {
  if (!connection.write(as_bytes(fmt::format("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", count)))) return false;
  std::array<std::uint8_t, kPiece> piece;
  for (std::size_t at = 0; at < count; at += piece.size()) {
    for (std::size_t i = 0; i < piece.size(); ++i) piece[i] = static_cast<std::uint8_t>((at + i) / 251);
    if (!connection.write(ByteView(piece).first(std::min(piece.size(), count - at)))) return false;
  }
  return true;
}

bool serve_request(Connection& connection, std::string_view head, const std::string& agent) {
  constexpr std::string_view kBytes = "GET /bytes/";
  if (!head.starts_with(kBytes)) return answer(connection, about(connection.peer(), agent));
  std::size_t count = 0;
  const auto parsed = std::from_chars(head.data() + kBytes.size(), head.data() + head.size(), count);
  return parsed.ec == std::errc() && count <= kMaxBytes && answer_bytes(connection, count);
}

void serve(int fd, tls::TlsServerContext& context, const std::string& agent) {
  ::alarm(kLongestLife);
  Connection connection(fd, context);
  while (const auto head = connection.read_head()) {
    if (!serve_request(connection, *head, agent)) return;
  }
  connection.close();
}

int listen_on(const char* port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(std::atoi(port)));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 || ::listen(fd, kBacklog) != 0)
    die(fmt::format("cannot listen on port {}", port));
  return fd;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) die("usage: device_service PORT CERT KEY CA AGENT_PID");
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGCHLD, SIG_IGN);  // nobody waits for the processes of connections
  const auto credentials = tls::Credentials::load({.cert = argv[2], .key = argv[3], .ca = argv[4]});
  if (!credentials) die(credentials.error().detail);
  tls::TlsServerContext context(
      {.credentials = *credentials, .alpn = {}, .ticket_keys = nullptr, .clock = [own = *credentials] {
         return device_time(*own);
       }});
  const int listener = listen_on(argv[1]);
  fmt::print(stderr, "device: the service listens\n");
  while (true) {
    const int fd = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    if (::fork() == 0) {
      serve(fd, context, argv[5]);
      ::_exit(0);
    }
    ::close(fd);
  }
}
