#pragma once
// Which session a verification is about. The agent implements it over its links; one loop.
#include <memory>

#include "common/core/channel_keys.h"

namespace fairlead::agent {

class KeyFinder {
 public:
  virtual ~KeyFinder() = default;
  // The keys of a live session of ours; null: there is none of this id.
  virtual std::shared_ptr<const core::ChannelKeys> find_keys(const wire::SessionId& session) = 0;
};

}  // namespace fairlead::agent
