#pragma once
// The port of [proxy], held as the configuration has it: opened, and tried again where it cannot be; one that a reload
// moves or takes away lets who is connected finish.
//
// One loop; owned by the thread of calls (call_thread.h). Its end resets what it carries.
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "agent/calling/egress_ports.h"
#include "agent/calling/proxy_port.h"

namespace fairlead::agent {

class KeptProxy {
 public:
  // `on_changed`: report() may differ.
  KeptProxy(const CallTools& tools, tls::TlsClientContext& context, std::size_t openings_max,
            std::function<void()> on_changed);
  ~KeptProxy();
  KeptProxy(const KeptProxy&) = delete;
  KeptProxy& operator=(const KeptProxy&) = delete;

  // `config`: its proxy, servers and limits.
  void apply(const AgentConfig& config);
  // The network changed: what cannot be listened on is tried now.
  void try_again();
  // Nothing more is taken; what is carried goes on.
  void close();

  std::optional<EgressReport> report() const;  // without a name; nullopt: none is wanted
  std::size_t leftovers() const { return leftovers_.size(); }

 private:
  void open();
  void let_go();
  void on_calls_changed();

  const CallTools tools_;
  tls::TlsClientContext& context_;
  const std::function<void()> on_changed_;
  ProxyPort::Terms terms_;
  std::optional<ListenAddress> wanted_;
  std::optional<Error> problem_;
  std::unique_ptr<ProxyPort> port_;  // null: none is wanted, or it cannot be listened on
  std::vector<std::unique_ptr<ProxyPort>> leftovers_;
  core::TimerEntry retry_;
};

}  // namespace fairlead::agent
