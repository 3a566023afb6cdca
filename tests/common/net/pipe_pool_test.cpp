#include "common/net/pipe_pool.h"

#include <fcntl.h>
#include <unistd.h>

#include "tests/common/net/rig.h"

namespace fairlead::net {
namespace {

using namespace fairlead::net::test;

Pipe take(PipePool& pool, PipeSize wish = PipeSize::normal) {
  auto pipe = pool.take(wish);
  REQUIRE(pipe);
  return std::move(*pipe);
}

TEST_CASE("a pipe that came back empty is used again") {
  PipePool pool;
  Pipe pipe = take(pool);
  const int descriptor = pipe.read_end.get();
  CHECK(pool.out() == 1);
  CHECK((fcntl(pipe.read_end.get(), F_GETFL) & O_NONBLOCK) != 0);
  CHECK((fcntl(pipe.write_end.get(), F_GETFD) & FD_CLOEXEC) != 0);
  pool.give_back(std::move(pipe));
  CHECK(pool.out() == 0);
  CHECK(pool.idle() == 1);
  CHECK(take(pool).read_end.get() == descriptor);
  CHECK(pool.idle() == 0);
}

TEST_CASE("a discarded pipe is closed") {
  PipePool pool;
  const std::size_t before = open_descriptors();
  Pipe pipe = take(pool);
  REQUIRE(::write(pipe.write_end.get(), "x", 1) == 1);
  pool.discard(std::move(pipe));
  CHECK(pool.out() == 0);
  CHECK(pool.idle() == 0);
  CHECK(open_descriptors() == before);
}

TEST_CASE("few are large, few are kept") {
  PipePool pool;
  std::vector<Pipe> pipes;
  for (std::size_t i = 0; i < kMaxIdlePipes + 10; ++i) pipes.push_back(take(pool, PipeSize::large));
  CHECK(pool.large() <= kMaxLargePipes);
  for (const Pipe& pipe : pipes) {
    CHECK((pipe.size == PipeSize::large) == (pipe.capacity >= kLargePipe));
    CHECK(pipe.capacity >= 4096);
  }
  for (Pipe& pipe : pipes) pool.give_back(std::move(pipe));
  CHECK(pool.out() == 0);
  CHECK(pool.idle() <= kMaxIdlePipes);
}

TEST_CASE("who wants a large pipe gets an idle one first") {
  PipePool pool;
  Pipe large = take(pool, PipeSize::large);
  if (large.size != PipeSize::large) return;  // the kernel refuses them here
  const int descriptor = large.read_end.get();
  pool.give_back(std::move(large));
  CHECK(take(pool, PipeSize::normal).size == PipeSize::normal);
  CHECK(take(pool, PipeSize::large).read_end.get() == descriptor);
}

TEST_CASE("a large pipe that was discarded makes room for another") {
  PipePool pool;
  for (std::size_t i = 0; i < 2 * kMaxLargePipes; ++i) {
    Pipe pipe = take(pool, PipeSize::large);
    CHECK(pool.large() <= 1);
    pool.discard(std::move(pipe));
    CHECK(pool.large() == 0);
  }
}

TEST_CASE("splicing tells bytes, nothing, the end and a broken connection apart") {
  using Kind = Transfer::Kind;
  ignore_sigpipe();
  PipePool pool;
  const Pipe pipe = take(pool);
  SocketPair from = tcp_pair();
  SocketPair to = tcp_pair();
  CHECK(splice_in(from.near.get(), pipe, 100).kind == Kind::would_block);
  REQUIRE(::send(from.far.get(), "hello", 5, 0) == 5);
  const Transfer in = splice_in(from.near.get(), pipe, 4);
  CHECK(in.kind == Kind::moved);
  CHECK(in.bytes == 4);
  const Transfer out = splice_out(pipe, to.near.get(), 4);
  CHECK(out.kind == Kind::moved);
  CHECK(out.bytes == 4);
  CHECK(as_text(read_now(to.far.get())) == "hell");
  CHECK(splice_in(from.near.get(), pipe, 100).bytes == 1);
  CHECK(read_pipe(pipe, 1) == Bytes{'o'});
  shut_down_writing(from.far.get());
  CHECK(splice_in(from.near.get(), pipe, 100).kind == Kind::ended);
  reset_on_close(to.far.get());
  to.far.reset();
  CHECK(splice_in(to.near.get(), pipe, 100).kind == Kind::broken);
  REQUIRE(::write(pipe.write_end.get(), "x", 1) == 1);
  CHECK(splice_out(pipe, to.near.get(), 1).kind == Kind::broken);
}

TEST_CASE("a socket that cannot be spliced is told from a broken one") {
  PipePool pool;
  const Pipe pipe = take(pool);
  const Fd epoll(::open("/proc/self/fd", O_RDONLY | O_DIRECTORY));
  REQUIRE(epoll.valid());
  CHECK(splice_in(epoll.get(), pipe, 100).kind == Transfer::Kind::unsupported);
}

TEST_CASE("scratch is one block") {
  PipePool pool;
  CHECK(pool.scratch().size() == kScratchBytes);
  CHECK(pool.scratch().data() == pool.scratch().data());
}

}  // namespace
}  // namespace fairlead::net
