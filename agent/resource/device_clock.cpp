#include "agent/resource/device_clock.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "common/net/fd.h"
#include "common/net/loop.h"

namespace fairlead::agent {
namespace {

constexpr std::chrono::hours kKeepEvery{6};
constexpr WallTime kLatest{std::chrono::seconds(253402300799)};  // the end of 9999, the last that X.509 can write

bool is_date(WallTime time) {
  return time >= WallTime{} && time <= kLatest;
}

WallTime read_kept(const std::string& file) {
  const net::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 32> text;
  const ssize_t size = fd.valid() ? ::read(fd.get(), text.data(), text.size()) : -1;
  std::int64_t seconds = 0;
  const bool read = size > 0 && std::from_chars(text.data(), text.data() + size, seconds).ec == std::errc();
  const WallTime kept{std::chrono::seconds(seconds)};
  return read && is_date(kept) ? kept : WallTime{};
}

// Write, fsync, rename: a power cut leaves the old file or the new one.
void keep(const std::string& file, WallTime time) {
  const std::string fresh = file + ".new";
  const std::string text = std::to_string(time.time_since_epoch().count()) + "\n";
  {
    const net::Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    if (!fd.valid()) return;  // without a state directory the clock works, it only forgets
    if (::write(fd.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) return;
    ::fsync(fd.get());
  }
  std::rename(fresh.c_str(), file.c_str());
}

}  // namespace

HostTime host_time() {
  return {net::wall_now(), net::boottime_now()};
}

WallTime build_time() {
  return WallTime(std::chrono::seconds(FAIRLEAD_BUILD_TIME));
}

DeviceClock::DeviceClock(std::string state_file, WallTime built, WallTime certificate_begin)
    : state_file_(std::move(state_file)),
      known_(std::max(built, read_kept(state_file_))),
      certificate_begin_(certificate_begin),
      kept_(known_) {}

tls::ClockReading DeviceClock::read(const HostTime& host) const {
  using Kind = tls::ClockReading::Kind;
  const WallTime floor = std::max(known_, certificate_begin_);
  // Not the system's clock and a correction: it may be set later, and would then be corrected twice.
  if (heard_) {
    const auto passed = std::chrono::floor<std::chrono::seconds>(host.boottime - heard_->at);
    return {std::max(heard_->time + passed, floor), Kind::exact};
  }
  return host.system < floor ? tls::ClockReading(floor, Kind::earliest) : host.system;
}

bool DeviceClock::on_server_time(WallTime server_time, WallTime server_until, const HostTime& host) {
  // Believed for good, a time after the end of all certificates would fail every later handshake, beyond this boot.
  if (!is_date(server_time) || server_time > server_until) return false;
  heard_ = {server_time, host.boottime};
  if (state_file_.empty() || server_time < kept_ + kKeepEvery) return true;
  kept_ = server_time;
  keep(state_file_, server_time);
  return true;
}

}  // namespace fairlead::agent
