#pragma once
// The smallest ByteStream: one of two that share a pair of pipes in memory. It calls its owner at every tick, as the
// contract allows; that nobody lives on that is shown by the relays between sockets in the same tests.
#include <algorithm>
#include <memory>

#include "common/net/byte_stream.h"
#include "common/net/loop.h"

namespace fairlead::net::test {

inline constexpr std::size_t kToyRoom = 20'000;

struct ToyPipe {
  Bytes bytes;
  StreamRead::Kind then = StreamRead::Kind::nothing;  // what is read behind them
};

class ToyStream final : public ByteStream {
 public:
  using Pipe = std::shared_ptr<ToyPipe>;
  ToyStream(Loop& loop, Pipe in, Pipe out) : loop_(loop), in_(std::move(in)), out_(std::move(out)) { tick(); }
  ~ToyStream() override {
    if (out_->then != StreamRead::Kind::end) abort();
  }
  void set_owner(ByteStreamOwner& owner) override { owner_ = &owner; }
  StreamRead read(MutableBytes into) override {
    const std::size_t count = std::min(into.size(), in_->bytes.size());
    if (count == 0) return {in_->then};
    std::copy_n(in_->bytes.begin(), count, into.begin());
    in_->bytes.erase(in_->bytes.begin(), in_->bytes.begin() + static_cast<std::ptrdiff_t>(count));
    return {StreamRead::Kind::bytes, count};
  }
  std::size_t write(ByteView bytes) override {
    const std::size_t count = broken() ? 0 : std::min(bytes.size(), kToyRoom - out_->bytes.size());
    out_->bytes.insert(out_->bytes.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    return count;
  }
  void shut_down() override { out_->then = std::max(out_->then, StreamRead::Kind::end); }
  void abort() override {
    in_->then = out_->then = StreamRead::Kind::aborted;
    owner_ = nullptr;
  }
  bool broken() const override { return out_->then == StreamRead::Kind::aborted; }
  std::size_t undelivered() const override { return out_->bytes.size(); }
  std::size_t memory() const override { return in_->bytes.size(); }

 private:
  void tick() {
    loop_.timers().arm(timer_, loop_.now() + 1ms);
    if (owner_ != nullptr) owner_->on_stream_progress(*this);
  }
  Loop& loop_;
  Pipe in_, out_;                     // the other stream's out and in
  ByteStreamOwner* owner_ = nullptr;  // null until set, and after an abort
  core::TimerEntry timer_{[](void* self) { static_cast<ToyStream*>(self)->tick(); }, this};
};

}  // namespace fairlead::net::test
