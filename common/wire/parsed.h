#pragma once
// The three answers of a parser that works on the bytes collected so far (the caller owns the buffer).
#include <cstddef>
#include <variant>

#include "common/base/reason.h"

namespace fairlead::wire {

struct NeedMore {
  std::size_t at_least = 1;  // further bytes without which no answer is possible
};
struct Malformed {
  Reason reason;
};
template <class T>
struct Done {
  T value;
  std::size_t consumed = 0;  // bytes of the input that belong to the message
};
template <class T>
using Parsed = std::variant<NeedMore, Done<T>, Malformed>;

}  // namespace fairlead::wire
