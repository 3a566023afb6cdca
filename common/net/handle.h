#pragma once
// Handle<T>: the one owner of a libuv handle. The handle is its own heap block; the destructor clears `data`, calls
// uv_close, and the close callback frees the block, so a callback can never see a dead owner. No other file calls
// uv_close.
#include <uv.h>

#include <memory>
#include <utility>

namespace fairlead::net {

template <class T>
class Handle {
 public:
  explicit Handle(void* owner) : block_(new T{}) { block_->data = owner; }
  Handle(Handle&& other) noexcept : block_(std::exchange(other.block_, nullptr)) {}
  Handle& operator=(Handle&& other) noexcept {
    std::swap(block_, other.block_);
    return *this;
  }
  ~Handle() {
    if (block_ == nullptr) return;
    block_->data = nullptr;
    uv_close(as_handle(), [](uv_handle_t* handle) { delete reinterpret_cast<T*>(handle); });
  }

  T* get() { return block_; }
  uv_handle_t* as_handle() { return reinterpret_cast<uv_handle_t*>(block_); }

 private:
  T* block_;
};

}  // namespace fairlead::net
