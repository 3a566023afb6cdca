#pragma once
// The local ports of [[egress]], held as the configuration has them: opened, and tried again where they cannot be; what
// a reload takes away or changes goes on for those who are connected already. A port that now leads elsewhere keeps its
// socket, so that nobody who is connecting is turned away.
//
// One loop; owned by the thread of calls (call_thread.h). Its end resets what it carries.
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/calling/call_listener.h"
#include "agent/setting/config.h"

namespace fairlead::agent {

struct EgressReport {
  std::string name;
  std::string listen;  // where it listens; while it does not, where it should
  std::size_t connections = 0;
  std::optional<Error> problem;        // why it does not listen
  std::optional<CallFailure> failure;  // why its latest call failed
};

class EgressPorts final : public CallListenerOwner {
 public:
  // `on_changed`: reports() may differ.
  EgressPorts(const CallTools& tools, tls::TlsClientContext& context, std::function<void()> on_changed);
  ~EgressPorts() override;
  EgressPorts(const EgressPorts&) = delete;
  EgressPorts& operator=(const EgressPorts&) = delete;

  // `config`: its egress, servers and limits.
  void apply(const AgentConfig& config);
  // The network changed: what cannot be listened on is tried now.
  void try_again();
  // Nothing more is taken; what is carried goes on.
  void close();

  std::vector<EgressReport> reports() const;
  std::size_t leftovers() const { return leftovers_.size(); }

 private:
  struct Port {
    EgressConfig config;
    CalledService service;
    std::unique_ptr<CallListener> listener;  // null: it cannot be listened on
    std::optional<Error> problem;
  };
  using Ports = std::vector<std::unique_ptr<Port>>;

  void on_calls_changed(CallListener& listener) override;
  std::unique_ptr<Port> make(const EgressConfig& egress, const AgentConfig& config) const;
  void keep_what_stays(const AgentConfig& config, Ports& before);
  void hand_over_sockets(const AgentConfig& config, Ports& before);
  void open(Port& port);
  void listen(Port& port, net::Fd fd);
  void let_go(std::unique_ptr<Port> port);

  const CallTools tools_;
  tls::TlsClientContext& context_;
  const std::function<void()> on_changed_;
  CallLimits limits_;
  Ports ports_;      // in the order of the configuration
  Ports leftovers_;  // that it does not have any more
  core::TimerEntry retry_;
};

}  // namespace fairlead::agent
