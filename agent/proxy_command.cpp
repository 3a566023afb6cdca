#include "agent/call_command.h"
#include "agent/calling/call_loop.h"
#include "agent/calling/proxy_port.h"
#include "agent/commands.h"
#include "common/base/log.h"

namespace fairlead::agent {
namespace {
constexpr std::string_view kUsualListen = "127.0.0.1:1080";
}

int run_command(const ProxyCommand& command) {
  const auto address = read_listen_address(command.listen.empty() ? kUsualListen : command.listen);
  if (!address) return complain_of_call(address.error());
  const auto config = caller_config(command.given, command.config);
  if (!config) return complain_of_call(config.error());
  auto calls = CallLoop::open(*config);
  if (!calls) return complain_of_call(calls.error());
  auto fd = LocalPort::listen(*address);
  if (!fd) return complain_of_call(fd.error());
  const ProxyPort::Terms terms{config->rendezvous, config->limits,
                               (*calls)->tools().room.memory().callers_max(kUsualOpenings)};
  const ProxyPort port((*calls)->tools(), (*calls)->context(), terms, *address, std::move(*fd), nullptr);
  print_listening("", port.address(), command.format);
  if (is_for_others(*address)) {
    log(Level::warn, "the proxy listens beyond this host: whoever reaches it calls with this identity",
        {{"listen", port.address()}});
  }
  confine_caller(*config);
  (*calls)->run();
  return config::kExitSuccess;
}

}  // namespace fairlead::agent
