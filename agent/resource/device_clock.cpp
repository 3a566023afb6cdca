#include "agent/resource/device_clock.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "common/net/fd.h"
#include "common/net/loop.h"
#include "common/tls/private_file.h"

namespace fairlead::agent {
namespace {

constexpr std::chrono::hours kKeepEvery{6};
constexpr WallTime kLatest{std::chrono::seconds(253402300799)};  // the end of 9999, the last that X.509 can write

bool is_date(WallTime time) {
  return time >= WallTime{} && time <= kLatest;
}

WallTime read_kept(const std::string& file) {
  const net::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  std::array<char, 32> text;
  const ssize_t size = fd.valid() ? ::read(fd.get(), text.data(), text.size()) : -1;
  std::int64_t seconds = 0;
  const bool read = size > 0 && std::from_chars(text.data(), text.data() + size, seconds).ec == std::errc();
  const WallTime kept{std::chrono::seconds(seconds)};
  return read && is_date(kept) ? kept : WallTime{};
}

}  // namespace

HostTime host_time() {
  return {net::wall_now(), net::boottime_now()};
}

WallTime build_time() {
  return WallTime(std::chrono::seconds(FAIRLEAD_BUILD_TIME));
}

DeviceClock::DeviceClock(std::string state_file, WallTime built, CertificateTime own)
    : state_file_(std::move(state_file)), built_(built), known_(read_kept(state_file_)), own_(own), kept_(known_) {}

tls::ClockReading DeviceClock::read(const HostTime& host) const {
  // Not the system's clock and a correction: it may be set later, and would then be corrected twice.
  if (plausible(host.system)) return host.system;
  if (const auto time = agreed(host.boottime)) return *time;
  if (const auto time = earliest_heard(host.boottime)) return *time;
  return at_least(known_);
}

tls::ClockReading DeviceClock::read_for(const std::string& server, const HostTime& host) const {
  if (plausible(host.system)) {
    // Some clocks go on at start from where they stood when the power went: what was kept knows better.
    const bool behind = refused_.contains(server) && known_ > host.system && known_ < own_.end;
    return behind ? tls::ClockReading(host.system, tls::ClockReading::Kind::earliest) : host.system;
  }
  if (const auto time = agreed(host.boottime)) return *time;
  if (refused_.contains(server)) return at_least(WallTime{});
  const auto own = heard_.find(server);
  return own == heard_.end() ? read(host) : now_by(own->second, host.boottime);
}

tls::ClockReading DeviceClock::at_least(WallTime known) const {
  // Kept by mistake, a time after the end of our own certificate would refuse every server for good.
  return {known < own_.end ? std::max(known, floor()) : floor(), tls::ClockReading::Kind::earliest};
}

WallTime DeviceClock::now_by(const Heard& heard, TimePoint boottime) const {
  return std::max(heard.time + std::chrono::floor<std::chrono::seconds>(boottime - heard.at), floor());
}

std::optional<WallTime> DeviceClock::agreed(TimePoint boottime) const {
  std::optional<WallTime> out;
  for (const auto& [one, time] : heard_) {
    for (const auto& [other, second] : heard_) {
      const WallTime lesser = now_by(second, boottime);
      const auto apart = now_by(time, boottime) - lesser;
      if (one != other && apart >= 0s && apart <= kAgreement) out = std::max(out.value_or(lesser), lesser);
    }
  }
  return out;
}

std::optional<WallTime> DeviceClock::earliest_heard(TimePoint boottime) const {
  std::optional<WallTime> out;
  for (const auto& [server, heard] : heard_) out = std::min(out.value_or(kLatest), now_by(heard, boottime));
  return out;
}

bool DeviceClock::on_server_time(const std::string& server, WallTime time, WallTime server_until,
                                 const HostTime& host) {
  if (!is_date(time) || time > server_until || time < floor() || time >= own_.end) return false;
  refused_.erase(server);
  heard_[server] = {time, host.boottime};
  const auto told = agreed(host.boottime);
  if (!told && plausible(host.system)) return true;
  const WallTime now = told.value_or(*earliest_heard(host.boottime));
  if (state_file_.empty() || (now < kept_ + kKeepEvery && now + kKeepEvery > kept_)) return true;
  kept_ = now;
  keep(now);
  return true;
}

void DeviceClock::on_dates_refused(const std::string& server) {
  if (const auto at = refused_.find(server); at != refused_.end()) {
    refused_.erase(at);  // it made no difference
  } else {
    refused_.insert(server);
  }
  heard_.erase(server);
}

// Without a state directory the clock works, it only forgets.
void DeviceClock::keep(WallTime time) {
  const std::string text = std::to_string(time.time_since_epoch().count()) + "\n";
  const auto written = tls::replace_private_file(state_file_, as_bytes(text));
  problem_ = written ? std::nullopt : std::optional(Error{Reason::state_unwritable, written.error().detail});
}

}  // namespace fairlead::agent
