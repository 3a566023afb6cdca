#pragma once
// Host names looked up for everybody on one loop. getaddrinfo blocks, for as long as a silent name server likes, and
// libuv's four threads for it are shared by all: so each name under way has one thread of its own, however many ask for
// it, and nobody waits for a thread, neither another name nor the end of the program. README.md has the decision.
//
//   Resolver -- ask --> fresh answer in core::NameCache: told
//                  +--> lookup of that name (one; kMostLookups names at a time) --> told to all who still wait
//
// Owned by whoever wires the parts together; outlives no loop. The threads are detached, know nothing but their name
// and a board that outlives both sides, and die with the process.
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "common/core/name_cache.h"
#include "common/net/loop.h"

namespace fairlead::net {

class Resolver;

// On a thread of its own; may block.
using LookUp = std::function<core::NameAnswer(const std::string& host)>;
core::NameAnswer look_up_host(const std::string& host);  // getaddrinfo

class Names {
 public:
  static constexpr std::size_t kMostLookups = 32;  // whose answers count
  static constexpr std::size_t kMostStale = 16;    // blocked on a network that is gone: threads beside those

  explicit Names(Loop& loop, LookUp look_up = look_up_host);
  ~Names();  // what is under way is left to itself; who waits is not told
  Names(const Names&) = delete;
  Names& operator=(const Names&) = delete;

  // What is under way may be waiting for a server that is out of reach now: it is asked anew, by
  // one thread beside the one that waits.
  void network_changed();
  std::size_t lookups() const { return running_; }
  std::size_t stale_lookups() const { return stale_; }

 private:
  friend class Resolver;
  struct Board;
  // Of one name: who waits, which thread's answer counts, and which one's did before.
  struct Question {
    std::vector<Resolver*> askers;
    std::uint64_t number = 0;  // 0: in the queue
    std::uint64_t before = 0;  // 0: it is back, or there was none
  };

  // What is known now, or nothing yet: then `asker` is told by Resolver::found, unless it is forgotten before.
  std::optional<core::NameAnswer> ask(const std::string& host, Resolver& asker);
  const core::NameAnswer* stale(const std::string& host) const { return cache_.stale(host, loop_.now()); }
  void forget(const std::string& host, Resolver& asker);
  void begin_next();
  void begin(const std::string& host);
  void begin_anew(const std::string& host, Question& question);
  void on_answer(const std::string& host, std::uint64_t number, core::NameAnswer answer);

  Loop& loop_;
  std::shared_ptr<Board> board_;
  core::NameCache cache_;
  std::map<std::string, Question> asked_;  // by name
  std::deque<std::string> queue_;
  std::size_t running_ = 0;
  std::size_t stale_ = 0;
  std::uint64_t last_number_ = 0;
};

}  // namespace fairlead::net
