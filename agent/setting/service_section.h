#pragma once
// [[service]] of agent.toml. Any thread.
#include <set>
#include <string>
#include <string_view>

#include "agent/setting/config.h"
#include "common/config/section.h"

namespace fairlead::agent {

inline constexpr std::string_view kTargetForm = "HOST:PORT, [ADDRESS]:PORT or unix:/PATH";
inline constexpr std::string_view kCallerForm =
    "\"cluster\", \"mesh\" or spiffe://TRUST_DOMAIN/PATH, where a whole segment may be * or a last **";

// What does not fit is refused in the section's report.
ServiceConfig read_service(config::Section section);
// No name may lead to two services: which one a client reached would be chance. `taken`: by the earlier ones.
void refuse_shared_names(config::Section& section, const ServiceConfig& service, std::set<std::string>& taken);

}  // namespace fairlead::agent
