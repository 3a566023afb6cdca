#include "common/config/units.h"

#include <charconv>
#include <cstdint>
#include <limits>
#include <span>

namespace fairlead::config {
namespace {

struct Unit {
  std::string_view name;
  std::int64_t factor;
};

// Largest first: format_* takes the first that divides.
constexpr Unit kDurationUnits[] = {{"d", std::int64_t{86400} * 1'000'000},
                                   {"h", std::int64_t{3600} * 1'000'000},
                                   {"m", std::int64_t{60} * 1'000'000},
                                   {"s", 1'000'000},
                                   {"ms", 1'000}};
constexpr Unit kSizeUnits[] = {{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"B", 1}};

std::optional<std::int64_t> parse_with_unit(std::string_view text, std::span<const Unit> units) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number < 0) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (text != unit.name) continue;
    if (number > std::numeric_limits<std::int64_t>::max() / unit.factor) return std::nullopt;
    return number * unit.factor;
  }
  return std::nullopt;
}

std::string format_with_unit(std::int64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value % unit.factor == 0 && value != 0) return std::to_string(value / unit.factor) + std::string(unit.name);
  }
  const Unit& smallest = units.back();
  return std::to_string(value / smallest.factor) + std::string(smallest.name);
}

}  // namespace

std::optional<Duration> parse_duration(std::string_view text) {
  const auto microseconds = parse_with_unit(text, kDurationUnits);
  if (!microseconds) return std::nullopt;
  return Duration(*microseconds);
}

std::optional<std::size_t> parse_size(std::string_view text) {
  const auto bytes = parse_with_unit(text, kSizeUnits);
  if (!bytes || static_cast<std::uint64_t>(*bytes) > std::numeric_limits<std::size_t>::max()) return std::nullopt;
  return static_cast<std::size_t>(*bytes);
}

std::string format_duration(Duration duration) {
  return duration == Duration::zero() ? "0s" : format_with_unit(duration.count(), kDurationUnits);
}

std::string format_size(std::size_t bytes) {
  return format_with_unit(static_cast<std::int64_t>(bytes), kSizeUnits);
}

}  // namespace fairlead::config
