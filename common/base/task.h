#pragma once
// A callable that is called once and may own what cannot be copied: the values that travel between threads.
#include <memory>
#include <type_traits>
#include <utility>

namespace fairlead {

class Task {
 public:
  template <class F>
    requires(!std::is_same_v<std::decay_t<F>, Task>)
  Task(F&& work)
      : body_(std::make_unique<Body<std::decay_t<F>>>(std::forward<F>(work))) {}  // NOLINT: a lambda is a Task

  void operator()() { body_->run(); }

 private:
  struct Base {
    virtual ~Base() = default;
    virtual void run() = 0;
  };
  template <class F>
  struct Body final : Base {
    explicit Body(F&& work) : work_(std::move(work)) {}
    explicit Body(const F& work) : work_(work) {}
    void run() override { work_(); }
    F work_;
  };

  std::unique_ptr<Base> body_;
};

}  // namespace fairlead
