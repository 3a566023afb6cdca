#pragma once
// FAIRLEAD_SANITIZED: this program has a sanitizer, whose shadow memory and leak check need what confinement takes
// away.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define FAIRLEAD_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define FAIRLEAD_SANITIZED 1
#endif
#endif
