#pragma once
// The status socket: HTTP/1.1 over a unix socket, one request per connection, for `status` and its kin on this host.
// ControlServer lives on one loop and is owned by the program; query_control is the blocking side for command lines. An
// answer that takes work is made elsewhere and given later: the loop waits for nobody.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "common/base/result.h"
#include "common/net/poller.h"
#include "common/wire/http_head.h"

namespace fairlead::net {

inline constexpr std::size_t kMaxControlConnections = 16;  // further ones wait in the backlog
inline constexpr Duration kControlDeadline = 5s;           // from accept to the last byte of the answer

inline constexpr int kWellStatus = 200;
inline constexpr int kNotWellStatus = 299;  // answered, and what the answer shows is not well: `status` exits with 3

struct HttpReply {
  int status = kWellStatus;
  std::string body;
  std::string content_type = "application/json";
};

// Which file a path leads to.
struct FileId {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  bool operator==(const FileId&) const = default;
};

class ControlServer final : private PollTarget {
 public:
  using Handler = std::function<HttpReply(const wire::HttpRequest&)>;
  // Gives the answer, once, at once or later, on the loop; nothing happens if nobody waits for it any more.
  using Answer = std::function<void(HttpReply)>;
  using LateHandler = std::function<void(const wire::HttpRequest&, Answer)>;

  // Listens at `path` (0600, or as in control_group.h); missing folders are made (0755). A socket that a program of
  // ours left is replaced; address_in_use when another program has it, config_invalid when something else than a socket
  // is there.
  static Result<std::unique_ptr<ControlServer>> open(Loop& loop, Poller& poller, std::string path, LateHandler handler);
  static Result<std::unique_ptr<ControlServer>> open(Loop& loop, Poller& poller, std::string path, Handler handler);
  ~ControlServer() override;  // removes its socket, and nobody else's
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

 private:
  class Connection;
  ControlServer(Loop& loop, Poller& poller, std::string path, LateHandler handler);
  void on_ready(Readiness ready) override;
  bool full() const { return connections_.size() >= kMaxControlConnections; }
  void on_done(Connection& connection);

  Loop& loop_;
  Poller& poller_;
  std::string path_;
  FileId id_;
  LateHandler handler_;
  PolledFd listener_;
  std::vector<std::unique_ptr<Connection>> connections_;
};

// Asks a running program: GET path_and_query. not_running when nobody listens; io_failed when the answer breaks off or
// `timeout` passes. Blocks the calling thread.
Result<wire::HttpResponse> query_control(const std::string& path, const std::string& path_and_query, Duration timeout);

}  // namespace fairlead::net
