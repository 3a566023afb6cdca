#pragma once
// One reason for each relayed connection, at both ends. A relay passes an end on as an end: where one program decided
// it (the service does not speak TLS, nothing moved for too long), the other sees a close or a reset like any other. So
// who decided tells the peer (wire::RelayEnded), and who saw no more than an end holds its record for a moment.
//
//   a relay ends:    worth_telling(own)? tell the peer
//                    doubtful(...)? held.push(record); at held.deadline(): record agreed(own, words.take(...))
//                    else record at once
//   a word comes:    words.put(...)
// Pure, the time as an argument. One thread, or under its owner's lock.
#include <deque>
#include <map>
#include <optional>

#include "common/base/reason.h"
#include "common/base/time.h"
#include "common/wire/ids.h"

namespace fairlead::core {

inline constexpr Duration kWordPatience = 500ms;  // a round trip and some: the word travels beside the end
inline constexpr Duration kWordMemory = 10s;      // a word that came before its end
inline constexpr std::size_t kMostWords = 4'096;
inline constexpr std::size_t kMostHeld = 4'096;

enum class Insight : std::uint8_t {
  saw_an_end,  // a close or a reset, as any end may look
  judged,      // by what had come until then (core/relay_verdict.h)
  decided,     // this side ended it, or saw why it could not go on
};
Insight insight(Reason own);
inline bool worth_telling(Reason own) {
  return insight(own) != Insight::saw_an_end;
}
// The peer may know more. Not doubtful: an orderly end after bytes both ways, within the time in which nobody loses
// patience; most connections are such, and cost nothing here.
bool doubtful(Reason own, std::uint64_t client_bytes, std::uint64_t service_bytes, Duration lasted);
inline Reason agreed(Reason own, std::optional<Reason> word) {
  return word && insight(*word) > insight(own) ? *word : own;
}

// The peer's words, each for one connection and for one use; beyond kMostWords the oldest are forgotten.
class EndWords {
 public:
  void put(const wire::ConnectionId& connection, Reason reason, TimePoint now);
  std::optional<Reason> take(const wire::ConnectionId& connection, TimePoint now);
  std::size_t size() const { return words_.size(); }

 private:
  struct Word {
    Reason reason;
    TimePoint at;
  };
  void forget_old(TimePoint now);

  std::map<wire::ConnectionId, Word> words_;
  std::deque<std::pair<TimePoint, wire::ConnectionId>> order_;
};

// Records that wait for a word, in the order of their time.
template <class Record>
class HeldRecords {
 public:
  void push(Record record, TimePoint now) { held_.push_back({now + kWordPatience, std::move(record)}); }
  // The next one whose time is up, or that is one too many.
  std::optional<Record> take_due(TimePoint now) {
    if (held_.empty() || (held_.front().due > now && held_.size() <= kMostHeld)) return std::nullopt;
    return take_first();
  }
  std::optional<Record> take_any() { return held_.empty() ? std::nullopt : take_first(); }  // at the end
  std::optional<TimePoint> deadline() const { return held_.empty() ? std::nullopt : std::optional(held_.front().due); }

 private:
  struct Held {
    TimePoint due;
    Record record;
  };
  std::optional<Record> take_first() {
    std::optional<Record> first(std::move(held_.front().record));
    held_.pop_front();
    return first;
  }
  std::deque<Held> held_;
};

}  // namespace fairlead::core
