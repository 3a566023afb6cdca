#pragma once
// Durations and byte sizes as a person writes them: "250ms", "5s", "2m", "1h", "7d"; "512B", "64KiB", "1MiB", "2GiB".
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/time.h"

namespace fairlead::config {

inline constexpr std::string_view kDurationForm = "a whole number and a unit (ms, s, m, h, d), such as \"5s\"";
inline constexpr std::string_view kSizeForm = "a number of bytes, or a string with a unit (B, KiB, MiB, GiB)";

// A whole number and one unit, nothing else; nullopt too when the value does not fit.
std::optional<Duration> parse_duration(std::string_view text);
std::optional<std::size_t> parse_size(std::string_view text);

// In the largest unit that leaves no rest.
std::string format_duration(Duration duration);
std::string format_size(std::size_t bytes);

}  // namespace fairlead::config
