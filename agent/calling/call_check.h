#pragma once
// `connect --check`: one handshake with the service, and what is told of it.
#include <string>

#include "agent/calling/call_loop.h"

namespace fairlead::agent {

struct CheckReport {
  std::string name;
  std::string_view path = "relay";
  std::string address;  // of the server
  std::string peer;     // the SPIFFE id of who answered
  std::string tls;      // "TLSv1.2"
  bool resumed = false;
  Duration connect_time{};
  Duration handshake_time{};
};

// Error: what the service, or a server in front of it, refused; shutting_down when a signal ended it.
Result<CheckReport> check_call(CallLoop& calls, CalledService& service);

std::string render_json(const CheckReport& report);
std::string render_text(const CheckReport& report);

}  // namespace fairlead::agent
