#include "agent/device_clock.h"

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
constexpr std::chrono::seconds kTolerated{60};  // smaller differences are left alone: certificates are issued backdated
constexpr WallTime kBuilt{std::chrono::seconds(FAIRLEAD_BUILD_TIME)};

WallTime read_kept(const std::string& file) {
  const net::Fd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  std::array<char, 32> text;
  const ssize_t size = fd.valid() ? ::read(fd.get(), text.data(), text.size()) : -1;
  std::int64_t seconds = 0;
  const bool read = size > 0 && std::from_chars(text.data(), text.data() + size, seconds).ec == std::errc();
  return read ? WallTime(std::chrono::seconds(seconds)) : WallTime{};
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

DeviceClock::DeviceClock(std::string state_file)
    : state_file_(std::move(state_file)), floor_(std::max(kBuilt, read_kept(state_file_))), kept_(floor_) {}

WallTime DeviceClock::now() const {
  return std::max(net::wall_now() + offset_, floor_);
}

void DeviceClock::on_server_time(WallTime server_time) {
  const auto difference = server_time - net::wall_now();
  const bool far = difference > kTolerated || difference < -kTolerated;
  offset_ = far ? difference : std::chrono::seconds(0);
  if (state_file_.empty() || server_time < kept_ + kKeepEvery) return;
  kept_ = server_time;
  keep(state_file_, server_time);
}

}  // namespace fairlead::agent
