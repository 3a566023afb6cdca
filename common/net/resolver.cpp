#include "common/net/resolver.h"

#include <netdb.h>

#include <algorithm>

#include "common/base/check.h"

namespace fairlead::net {

struct Resolver::Request {
  uv_getaddrinfo_t uv{};
  Resolver* asker = nullptr;  // null once the asker lost interest
  std::uint16_t port = 0;
  std::string host;
  Answer answer;
};

Resolver::Resolver(Loop& loop) : loop_(loop) {}

Resolver::~Resolver() {
  cancel();
}

void Resolver::cancel() {
  if (pending_ == nullptr) return;
  pending_->asker = nullptr;
  uv_cancel(reinterpret_cast<uv_req_t*>(&pending_->uv));  // refused when it already runs: then its answer is dropped
  pending_ = nullptr;
}

void Resolver::resolve(const HostPort& target, Answer answer) {
  cancel();
  auto request = std::make_unique<Request>();
  request->asker = this;
  request->port = target.port;
  request->host = target.host;
  request->answer = std::move(answer);
  request->uv.data = request.get();
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = AF_UNSPEC;
  pending_ = request.release();
  const int begun = uv_getaddrinfo(loop_.uv(), &pending_->uv, on_answer, target.host.c_str(), nullptr, &hints);
  if (begun == 0) return;
  // A host that can be no name (empty, too long, not UTF-8) is refused at once; the answer comes later all the same.
  loop_.post([refused = std::unique_ptr<Request>(pending_), begun]() mutable {
    uv_getaddrinfo_t* question = &refused.release()->uv;  // on_answer owns it again
    on_answer(question, begun, nullptr);
  });
}

void Resolver::on_answer(uv_getaddrinfo_t* uv, int status, addrinfo* list) {
  const std::unique_ptr<Request> request(static_cast<Request*>(uv->data));
  std::vector<SocketAddress> addresses;
  for (const addrinfo* each = list; each != nullptr; each = each->ai_next) {
    auto address = SocketAddress::from_sockaddr(each->ai_addr);
    if (!address) continue;
    address->port = request->port;
    if (std::find(addresses.begin(), addresses.end(), *address) == addresses.end()) addresses.push_back(*address);
  }
  uv_freeaddrinfo(list);
  if (request->asker == nullptr) return;
  request->asker->pending_ = nullptr;
  if (addresses.empty()) {
    const char* why = status != 0 ? uv_strerror(status) : "no address";
    request->answer(fail(Reason::resolve_failed, request->host + ": " + why));
  } else {
    request->answer(std::move(addresses));
  }
}

}  // namespace fairlead::net
