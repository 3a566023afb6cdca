#pragma once
// A session over which the next certificate can be asked for, as agent/join/renewer.h sees it.
#include "common/base/bytes.h"
#include "common/base/ip.h"

namespace fairlead::agent {

class RenewalLine {
 public:
  virtual ~RenewalLine() = default;
  virtual bool may_renew() const = 0;  // it is up, and its server answers such questions
  virtual void ask_renewal(Bytes csr) = 0;
  virtual const HostPort& server() const = 0;  // for people
};

}  // namespace fairlead::agent
