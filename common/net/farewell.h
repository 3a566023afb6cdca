#pragma once
// Ends connections so that the last words arrive: they are written, the stream is shut down for writing, and up to
// kFarewellBytes or kFarewellTime are read and thrown away before the close. Closing with unread input would make the
// kernel send a reset, which overtakes the alert.
//
// One per worker, on its thread. Beyond the most at a time the words are written once and the close follows at once:
// they arrive unless input is unread or the socket is full. When there is nothing to say, a plain close.
#include <cstddef>
#include <memory>
#include <vector>

#include "common/base/bytes.h"
#include "common/base/time.h"
#include "common/net/poller.h"

namespace fairlead::net {

inline constexpr std::size_t kMaxFarewells = 1024;
inline constexpr std::size_t kFarewellBytes = 64 * 1024;
inline constexpr Duration kFarewellTime = 1s;

class Farewells {
 public:
  explicit Farewells(Poller& poller, std::size_t most = kMaxFarewells);  // at a time
  ~Farewells();                                                          // closes what is left
  Farewells(const Farewells&) = delete;
  Farewells& operator=(const Farewells&) = delete;

  // `fd` is of the same Poller. More patience: for words that wait behind a peer's slow reading.
  void say(PolledFd fd, Bytes last_words, Duration patience = kFarewellTime);
  void say(Fd fd, Bytes last_words);
  std::size_t active() const { return active_.size(); }

 private:
  class Farewell;
  bool full() const { return active_.size() >= most_; }
  Farewell& add(Bytes last_words, Duration patience);
  void on_done(Farewell& farewell);

  Poller& poller_;
  const std::size_t most_;
  std::vector<std::unique_ptr<Farewell>> active_;
};

}  // namespace fairlead::net
