#pragma once
// Finds a live session by the id that a ticket carries. Any thread; sharded, so that data channels do not queue.
#include <array>
#include <map>
#include <memory>
#include <mutex>

#include "common/wire/ids.h"

namespace fairlead::rendezvous {

class AgentCarrier;

class SessionDirectory {
 public:
  void add(const wire::SessionId& id, std::shared_ptr<AgentCarrier> session) {
    Shard& shard = shards_[id[0] % shards_.size()];
    const std::lock_guard lock(shard.mutex);
    shard.sessions[id] = std::move(session);
  }
  void remove(const wire::SessionId& id) {
    Shard& shard = shards_[id[0] % shards_.size()];
    const std::lock_guard lock(shard.mutex);
    shard.sessions.erase(id);
  }
  std::shared_ptr<AgentCarrier> find(const wire::SessionId& id) {
    Shard& shard = shards_[id[0] % shards_.size()];
    const std::lock_guard lock(shard.mutex);
    const auto at = shard.sessions.find(id);
    return at == shard.sessions.end() ? nullptr : at->second;
  }

 private:
  struct Shard {
    std::mutex mutex;
    std::map<wire::SessionId, std::shared_ptr<AgentCarrier>> sessions;
  };
  std::array<Shard, 32> shards_;
};

}  // namespace fairlead::rendezvous
