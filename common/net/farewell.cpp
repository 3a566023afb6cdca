#include "common/net/farewell.h"

#include <array>
#include <utility>

#include "common/core/timer_queue.h"
#include "common/net/socket.h"

namespace fairlead::net {
namespace {

// Whether it arrives nobody waits to see.
void say_once(int fd, ByteView last_words) {
  static_cast<void>(write_some(fd, last_words));
}

}  // namespace

class Farewells::Farewell final : public PollTarget {
 public:
  Farewell(Farewells& owner, Bytes last_words, Duration patience)
      : owner_(owner),
        last_words_(std::move(last_words)),
        patience_(patience),
        timer_([](void* self) { static_cast<Farewell*>(self)->end(); }, this) {}

  void start(PolledFd fd) {
    fd_ = std::move(fd);
    fd_.retarget(*this);
    Loop& loop = owner_.poller_.loop();
    loop.timers().arm(timer_, loop.now() + patience_);
    on_ready({.readable = true, .writable = true});
  }

  std::size_t place = 0;  // in the owner's list

 private:
  void on_ready(Readiness /*ready*/) override {
    if (speak() == Progress::over || listen() == Progress::over) end();
  }

  enum class Progress { waiting, over };

  Progress speak() {
    if (said_all()) return Progress::waiting;
    while (sent_ < last_words_.size()) {
      const auto sent = write_some(fd_.get(), ByteView(last_words_).subspan(sent_));
      if (!sent) return Progress::over;
      if (!*sent) return Progress::waiting;
      sent_ += **sent;
    }
    shut_down_writing(fd_.get());
    return Progress::waiting;
  }
  bool said_all() const { return sent_ == last_words_.size(); }

  // Reads while it speaks, too: a client that only writes would never come to read our words. One that has ended its
  // stream still reads them.
  Progress listen() {
    std::array<std::uint8_t, 8 * 1024> trash;
    while (heard_ < kFarewellBytes) {
      const auto got = read_some(fd_.get(), trash);
      if (!got) return Progress::over;
      if (!*got) return Progress::waiting;
      if (**got == 0) return said_all() ? Progress::over : Progress::waiting;
      heard_ += **got;
    }
    return Progress::over;
  }

  void end() {
    timer_.cancel();
    fd_.reset();
    owner_.on_done(*this);
  }

  Farewells& owner_;
  PolledFd fd_;
  Bytes last_words_;
  const Duration patience_;
  std::size_t sent_ = 0;
  std::size_t heard_ = 0;
  core::TimerEntry timer_;
};

Farewells::Farewells(Poller& poller, std::size_t most) : poller_(poller), most_(most) {}

Farewells::~Farewells() = default;

void Farewells::say(PolledFd fd, Bytes last_words, Duration patience) {
  if (!fd.valid() || last_words.empty()) return;
  if (full()) return say_once(fd.get(), last_words);  // closed with `fd`
  add(std::move(last_words), patience).start(std::move(fd));
}

void Farewells::say(Fd fd, Bytes last_words) {
  if (!fd.valid() || last_words.empty()) return;
  if (full()) return say_once(fd.get(), last_words);
  Farewell& farewell = add(std::move(last_words), kFarewellTime);
  farewell.start(PolledFd(poller_, std::move(fd), farewell));
}

Farewells::Farewell& Farewells::add(Bytes last_words, Duration patience) {
  active_.push_back(std::make_unique<Farewell>(*this, std::move(last_words), patience));
  active_.back()->place = active_.size() - 1;
  return *active_.back();
}

void Farewells::on_done(Farewell& farewell) {
  const std::size_t place = farewell.place;
  std::swap(active_[place], active_.back());
  active_[place]->place = place;
  poller_.loop().retire(std::move(active_.back()));
  active_.pop_back();
}

}  // namespace fairlead::net
