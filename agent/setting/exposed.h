#pragma once
// A service as `expose` is told of it, NAME=TARGET, and as it then stands in a file. What may stand in front of a
// target is one table, in exposed.cpp. Pure; any thread.
#include <string>
#include <string_view>

#include "agent/setting/config.h"

namespace fairlead::agent {

// HOST:PORT, tls://HOST:PORT or unix:PATH of a service that ends TLS itself; tcp://HOST:PORT or tcp+unix:PATH of one
// whose TLS ends here, http://HOST:PORT or http+unix:PATH where that speaks HTTP. Error: config_invalid, its detail
// begins with the argument.
Result<ServiceConfig> parse_exposed(std::string_view argument);
// The text of a file that reads as that service, which came from parse_exposed and perhaps has other callers. Whoever
// allows nobody but its cluster is written so, too: a default may change, what somebody chose must not.
std::string service_toml(const ServiceConfig& service);

}  // namespace fairlead::agent
