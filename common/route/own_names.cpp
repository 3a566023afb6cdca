#include "common/route/own_names.h"

#include "common/base/ip.h"
#include "common/base/pattern.h"

namespace fairlead::route {

OwnNames::OwnNames(const std::vector<std::string>& names, const std::vector<std::string>& domains) {
  for (const std::string& name : names) names_.insert(normalize_name(name));
  for (const std::string& domain : domains) domains_.push_back(normalize_name(domain));
}

bool OwnNames::ends_here(std::string_view name) const {
  if (name.empty() || is_own(name)) return true;
  // RFC 6066 §3 forbids literals in SNI; clients that dial by address send them nevertheless.
  if (name.front() == '[' && name.back() == ']') name = name.substr(1, name.size() - 2);
  return IpAddress::parse(name).has_value();
}

}  // namespace fairlead::route
