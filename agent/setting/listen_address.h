#pragma once
// LISTEN of `connect` and `listen` of [[egress]]: PORT, HOST:PORT or unix:PATH. Pure.
#include <string>
#include <string_view>
#include <variant>

#include "agent/setting/unix_path.h"
#include "common/base/ip.h"
#include "common/base/result.h"

namespace fairlead::agent {

using ListenAddress = std::variant<SocketAddress, UnixPath>;

// Empty: 127.0.0.1 and a free port, as port 0 says, too. PORT alone is at 127.0.0.1. HOST: an address, or localhost.
// Error: config_invalid with the line to print.
Result<ListenAddress> read_listen_address(std::string_view text);
std::string to_string(const ListenAddress& address);
// Not only this host's programs may come there.
bool is_for_others(const ListenAddress& address);

}  // namespace fairlead::agent
