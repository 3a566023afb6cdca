#include "common/net/control_socket.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "common/base/json_writer.h"
#include "common/core/timer_queue.h"
#include "common/net/control_group.h"
#include "common/net/socket.h"

namespace fairlead::net {
namespace {

// Failures show when the socket is made: here every one but "exists" looks the same.
void make_folders(const std::string& path) {
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    ::mkdir(path.substr(0, slash).c_str(), 0755);
  }
}

FileId file_at(const std::string& path) {
  struct stat found{};
  if (::lstat(path.c_str(), &found) != 0) return {};
  return {found.st_dev, found.st_ino};
}

HttpReply malformed_reply() {
  JsonWriter json;
  json.begin_object().field("error", reason_code(Reason::http_malformed)).end_object();
  return {.status = 400, .body = json.take()};
}

}  // namespace

// One request and its answer.
class ControlServer::Connection final : public PollTarget {
 public:
  Connection(ControlServer& server, Fd fd)
      : server_(server),
        fd_(server.poller_, std::move(fd), *this),
        timer_([](void* self) { static_cast<Connection*>(self)->end(); }, this) {
    server.loop_.timers().arm(timer_, server.loop_.now() + kControlDeadline);
  }

 private:
  enum class State {
    reading,
    thinking,  // the request is complete, its answer is being made
    answering,
  };
  enum class Progress { waiting, over };

  void on_ready(Readiness /*ready*/) override {
    if (state_ == State::reading && receive() == Progress::over) return end();
    if (state_ == State::answering && answer() == Progress::over) end();
  }

  Progress receive() {
    std::array<std::uint8_t, 1024> chunk;
    while (state_ == State::reading) {
      const auto got = read_some(fd_.get(), chunk);
      if (!got || got->value_or(1) == 0) return Progress::over;
      if (!*got) return Progress::waiting;
      request_.insert(request_.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(**got));
      handling_ = true;
      handle();
      handling_ = false;
    }
    return Progress::waiting;
  }

  void handle() {
    const auto parsed = wire::parse_http_request(request_);
    if (std::holds_alternative<wire::NeedMore>(parsed)) return;
    const auto* request = std::get_if<wire::Done<wire::HttpRequest>>(&parsed);
    state_ = State::thinking;
    if (request == nullptr) return take(malformed_reply());
    server_.handler_(request->value, [self = std::weak_ptr(self_)](const HttpReply& reply) {
      if (const auto here = self.lock()) (*here)->on_answer(reply);
    });
  }

  void take(const HttpReply& reply) {
    state_ = State::answering;
    ByteWriter writer(reply_);
    wire::write_http_response(reply.status, reply.content_type, reply.body, writer);
  }

  void on_answer(const HttpReply& reply) {
    if (state_ != State::thinking) return;
    take(reply);
    if (!handling_ && answer() == Progress::over) end();
  }

  Progress answer() {
    while (sent_ < reply_.size()) {
      const auto sent = write_some(fd_.get(), ByteView(reply_).subspan(sent_));
      if (!sent) return Progress::over;
      if (!*sent) return Progress::waiting;
      sent_ += **sent;
    }
    return Progress::over;
  }

  void end() {
    timer_.cancel();
    self_.reset();
    fd_.reset();
    server_.on_done(*this);
  }

  ControlServer& server_;
  PolledFd fd_;
  Bytes request_;
  State state_ = State::reading;
  bool handling_ = false;  // an answer that is given at once is written when the handler has returned
  Bytes reply_;
  std::size_t sent_ = 0;
  core::TimerEntry timer_;
  std::shared_ptr<Connection*> self_ = std::make_shared<Connection*>(this);  // gone with it: late answers find nobody
};

Result<std::unique_ptr<ControlServer>> ControlServer::open(Loop& loop, Poller& poller, std::string path,
                                                           Handler handler) {
  return open(loop, poller, std::move(path),
              LateHandler([handler = std::move(handler)](const wire::HttpRequest& request, const Answer& answer) {
                answer(handler(request));
              }));
}

Result<std::unique_ptr<ControlServer>> ControlServer::open(Loop& loop, Poller& poller, std::string path,
                                                           LateHandler handler) {
  make_folders(path);
  auto listener = listen_unix(path);
  if (!listener) return tl::unexpected(listener.error());
  admit_control_group(path);
  std::unique_ptr<ControlServer> server(new ControlServer(loop, poller, std::move(path), std::move(handler)));
  server->listener_ = PolledFd(poller, std::move(*listener), *server);
  return server;
}

ControlServer::ControlServer(Loop& loop, Poller& poller, std::string path, LateHandler handler)
    : loop_(loop), poller_(poller), path_(std::move(path)), id_(file_at(path_)), handler_(std::move(handler)) {}

ControlServer::~ControlServer() {
  if (file_at(path_) == id_) ::unlink(path_.c_str());
}

void ControlServer::on_ready(Readiness /*ready*/) {
  while (!full()) {
    auto accepted = accept_connection(listener_.get());
    // Out of descriptors: who waits is seen again when a connection here ends, or the next one comes.
    if (!accepted || !*accepted) return;
    connections_.push_back(std::make_unique<Connection>(*this, std::move((*accepted)->fd)));
  }
}

void ControlServer::on_done(Connection& connection) {
  const auto at = std::find_if(connections_.begin(), connections_.end(),
                               [&connection](const auto& each) { return each.get() == &connection; });
  loop_.retire(std::move(*at));
  connections_.erase(at);
  listener_.run_again();
}

}  // namespace fairlead::net
