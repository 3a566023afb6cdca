#pragma once
// Name resolution on libuv's thread pool. A literal address is answered without a lookup, but never before resolve()
// returned. Destroying the Resolver silences what is under way.
#include <functional>
#include <memory>
#include <vector>

#include "common/base/ip.h"
#include "common/base/result.h"
#include "common/net/loop.h"

namespace fairlead::net {

class Resolver {
 public:
  using Answer = std::function<void(Result<std::vector<SocketAddress>>)>;

  explicit Resolver(Loop& loop);
  ~Resolver();

  // One question at a time: a new one silences the one before. The answer holds at least one address.
  void resolve(const HostPort& target, Answer answer);
  void cancel();

 private:
  struct Request;
  static void on_answer(uv_getaddrinfo_t* request, int status, addrinfo* list);

  Loop& loop_;
  Request* pending_ = nullptr;  // owned by libuv until on_answer; null when nothing is asked
};

}  // namespace fairlead::net
