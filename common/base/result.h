#pragma once
// Result<T>: a value, or an Error that says what the caller can do about it (code) and what a person should read
// (detail: what, where, what to do; one line, never a secret).
#include <string>
#include <tl/expected.hpp>
#include <utility>

#include "common/base/reason.h"

namespace fairlead {

struct Error {
  Reason reason = Reason::internal;
  std::string detail;
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Reason reason, std::string detail) {
  return tl::unexpected<Error>(Error{reason, std::move(detail)});
}

}  // namespace fairlead
