#pragma once
// Nonces that agents must show from another of their addresses, and whom to tell when they do. Any thread. Bounded by
// sessions and their candidates: each adds one nonce and takes it away again.
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "common/base/ip.h"
#include "common/wire/ids.h"

namespace fairlead::rendezvous {

class ProofDirectory {
 public:
  // Called on the thread that got the proof: it posts.
  using OnProof = std::function<void(const wire::Nonce& nonce, const IpAddress& from)>;

  void expect(const wire::Nonce& nonce, std::string spiffe_id, OnProof on_proof) {
    const std::lock_guard lock(mutex_);
    expected_[nonce] = {std::move(spiffe_id), std::move(on_proof)};
  }
  void forget(const wire::Nonce& nonce) {
    const std::lock_guard lock(mutex_);
    expected_.erase(nonce);
  }
  // False: nobody waits for this nonce from this identity.
  bool settle(const wire::Nonce& nonce, const std::string& spiffe_id, const IpAddress& from) {
    const std::lock_guard lock(mutex_);
    const auto at = expected_.find(nonce);
    if (at == expected_.end() || at->second.spiffe_id != spiffe_id) return false;
    at->second.on_proof(nonce, from);
    expected_.erase(at);
    return true;
  }

 private:
  struct Expected {
    std::string spiffe_id;
    OnProof on_proof;
  };
  std::mutex mutex_;
  std::map<wire::Nonce, Expected> expected_;
};

}  // namespace fairlead::rendezvous
