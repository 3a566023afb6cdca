#pragma once
// What an agent is called where nothing else says it.
#include <string>

namespace fairlead::agent {

// The first label of the host's name; empty when that is no label.
std::string host_label();

}  // namespace fairlead::agent
