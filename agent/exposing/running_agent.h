#pragma once
// The agent that runs on this host, asked over its control socket; and the pages it answers with, which the agent
// itself serves. Blocking; any thread.
#include <string>
#include <string_view>

#include "common/base/result.h"
#include "common/config/explain.h"

namespace fairlead::agent {

// Pages in text, but for a service that is reached and asked for in JSON.
inline constexpr std::string_view kConfigurationPage = "/configuration";  // the file's path; empty: there is none
inline constexpr std::string_view kReloadPage = "/reload";                // kRefusedStatus: why; nothing has changed
inline constexpr std::string_view kServicePage = "/service";              // ?name=, the label
inline constexpr int kRefusedStatus = 409;
inline constexpr int kNoSuchStatus = 404;

class RunningAgent {
 public:
  // not_running when nobody answers at the socket; config_invalid when it is of a version that is never asked this.
  static Result<RunningAgent> find(std::string socket);

  // Absolute; empty: it has none, as an `expose` in the foreground.
  const std::string& config() const { return config_; }
  // The file and all that it names, as SIGHUP does. config_invalid: the line that refuses it; the agent goes on as it
  // was.
  Result<void> reload() const;

  struct Service {
    enum class Standing : std::uint8_t {
      reached,
      pending,  // no server has answered yet
      refused,  // by every server that has
      unknown,  // the agent has no such service
    };
    Standing standing = Standing::pending;
    std::string text;                      // reached: what to print, with its newline
    Error why{Reason::session_ended, {}};  // pending, refused
  };
  Result<Service> service(const std::string& name, config::AnswerFormat format) const;

 private:
  RunningAgent(std::string socket, std::string config) : socket_(std::move(socket)), config_(std::move(config)) {}

  std::string socket_;
  std::string config_;
};

}  // namespace fairlead::agent
