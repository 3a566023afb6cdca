#pragma once
// CHECK aborts, in release too, when our own invariant is broken. What a peer can cause is an Error, never a CHECK.

namespace fairlead {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

#define CHECK(condition) ((condition) ? static_cast<void>(0) : ::fairlead::check_failed(#condition, __FILE__, __LINE__))
