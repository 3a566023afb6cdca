#pragma once
// A byte stream in memory, one of a pair: the smallest transport that keeps the contract of byte_stream.h.
#include <algorithm>
#include <deque>
#include <memory>

#include "common/net/byte_stream.h"
#include "common/net/loop.h"

namespace fairlead::net::test {

class ToyStream final : public ByteStream {
 public:
  ToyStream(Loop& loop, std::size_t room)
      : loop_(loop), room_(room), timer_([](void* self) { static_cast<ToyStream*>(self)->tell(); }, this) {}
  ~ToyStream() override {
    if (!shut_) abort();
    if (peer_ != nullptr) peer_->peer_ = nullptr;
  }
  static void connect(ToyStream& a, ToyStream& b) { (a.peer_ = &b)->peer_ = &a; }

  void set_owner(ByteStreamOwner& owner) override { owner_ = &owner; }
  StreamRead read(MutableBytes into) override {
    const std::size_t count = std::min(into.size(), in_.size());
    if (count == 0 && broken_) return {StreamRead::Kind::aborted};
    if (count == 0) return {ended_ ? StreamRead::Kind::end : StreamRead::Kind::nothing};
    std::copy_n(in_.begin(), count, into.begin());
    in_.erase(in_.begin(), in_.begin() + static_cast<std::ptrdiff_t>(count));
    if (peer_ != nullptr) peer_->changed();
    return {StreamRead::Kind::bytes, count};
  }
  std::size_t write(ByteView bytes) override {
    if (broken_ || peer_ == nullptr) return 0;
    const std::size_t count = std::min(bytes.size(), peer_->room_ - std::min(peer_->room_, peer_->in_.size()));
    peer_->in_.insert(peer_->in_.end(), bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count));
    peer_->changed();
    return count;
  }
  void shut_down() override {
    end_peer(&ToyStream::ended_);
    shut_ = true;
  }
  void abort() override {
    end_peer(&ToyStream::broken_);
    shut_ = broken_ = true;
    owner_ = nullptr;
  }
  bool broken() const override { return broken_; }
  std::size_t undelivered() const override { return peer_ == nullptr ? 0 : peer_->in_.size(); }
  std::size_t memory() const override { return in_.size(); }

 private:
  void changed() { loop_.timers().arm(timer_, loop_.now()); }
  void tell() {
    if (owner_ != nullptr) owner_->on_stream_progress(*this);
  }
  void end_peer(bool ToyStream::* how) {
    if (peer_ == nullptr) return;
    peer_->*how = true;
    peer_->changed();
  }

  Loop& loop_;
  const std::size_t room_;
  std::deque<std::uint8_t> in_;
  bool ended_ = false, broken_ = false, shut_ = false;
  ToyStream* peer_ = nullptr;  // null: gone
  ByteStreamOwner* owner_ = nullptr;
  core::TimerEntry timer_;
};

}  // namespace fairlead::net::test
