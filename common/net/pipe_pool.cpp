#include "common/net/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

#include "common/base/check.h"

namespace fairlead::net {

#ifdef __linux__

namespace {

constexpr unsigned kFlags = SPLICE_F_MOVE | SPLICE_F_NONBLOCK;

Transfer transfer(int from, int to, std::size_t at_most) {
  while (true) {
    const ssize_t moved = ::splice(from, nullptr, to, nullptr, at_most, kFlags);
    if (moved > 0) return {Transfer::Kind::moved, static_cast<std::size_t>(moved)};
    if (moved == 0) return {Transfer::Kind::ended};
    if (errno == EAGAIN) return {Transfer::Kind::would_block};
    if (errno == EINVAL) return {Transfer::Kind::unsupported};
    if (errno != EINTR) return {Transfer::Kind::broken};
  }
}

std::size_t capacity_of(int pipe) {
  const int bytes = ::fcntl(pipe, F_GETPIPE_SZ);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : kLeastPipe;
}

}  // namespace

Transfer splice_in(int from, const Pipe& pipe, std::size_t at_most) {
  return transfer(from, pipe.write_end.get(), at_most);
}

Transfer splice_out(const Pipe& pipe, int to, std::size_t bytes) {
  return transfer(pipe.read_end.get(), to, bytes);
}

std::optional<Pipe> PipePool::open(PipeSize wish) {
  int ends[2];
  if (::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return std::nullopt;
  Pipe pipe{.read_end = Fd(ends[0]), .write_end = Fd(ends[1])};
  if (wish == PipeSize::large && large_ < large_limit_) {
    if (::fcntl(ends[0], F_SETPIPE_SZ, static_cast<int>(kLargePipe)) > 0) {
      pipe.size = PipeSize::large;
      ++large_;
    } else {
      large_limit_ = large_;  // pipe-max-size, or the user's share is used up
    }
  }
  pipe.capacity = capacity_of(ends[0]);
  return pipe;
}

#else  // no pipes: relays copy

Transfer splice_in(int /*from*/, const Pipe& /*pipe*/, std::size_t /*at_most*/) {
  return {Transfer::Kind::unsupported};
}

Transfer splice_out(const Pipe& /*pipe*/, int /*to*/, std::size_t /*bytes*/) {
  return {Transfer::Kind::unsupported};
}

std::optional<Pipe> PipePool::open(PipeSize /*wish*/) {
  return std::nullopt;
}

#endif

Bytes read_pipe(const Pipe& pipe, std::size_t bytes) {
  Bytes content(bytes);
  std::size_t got = 0;
  while (got < bytes) {
    const ssize_t n = ::read(pipe.read_end.get(), content.data() + got, bytes - got);
    if (n < 0 && errno == EINTR) continue;
    CHECK(n > 0);  // the caller counted what is inside
    got += static_cast<std::size_t>(n);
  }
  return content;
}

std::optional<Pipe> PipePool::take(PipeSize wish) {
  std::vector<Pipe>& idle = wish == PipeSize::large && !idle_large_.empty() ? idle_large_ : idle_normal_;
  const bool may_grow = wish == PipeSize::large && large_ < large_limit_;
  std::optional<Pipe> pipe;
  if (!idle.empty() && (&idle == &idle_large_ || !may_grow)) {
    pipe = std::move(idle.back());
    idle.pop_back();
  } else if (out_ + idle_normal_.size() + idle_large_.size() < most_) {
    pipe = open(wish);
  }
  if (pipe) ++out_;
  return pipe;
}

void PipePool::give_back(Pipe pipe) {
  CHECK(pipe.valid());
  --out_;
  if (idle() >= kMaxIdlePipes || pipe.capacity < kLeastPipe) return forget(pipe);
  (pipe.size == PipeSize::large ? idle_large_ : idle_normal_).push_back(std::move(pipe));
}

void PipePool::discard(Pipe pipe) {
  CHECK(pipe.valid());
  --out_;
  forget(pipe);
}

void PipePool::forget(const Pipe& pipe) {
  if (pipe.size == PipeSize::large) --large_;
}

MutableBytes PipePool::scratch() {
  scratch_.resize(kScratchBytes);
  return scratch_;
}

}  // namespace fairlead::net
