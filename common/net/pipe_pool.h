#pragma once
// The pipes of one worker's relays. A relay takes one for its turn and keeps it only while bytes are stuck inside, so a
// few pipes serve thousands of relays. Large pipes (a third of the CPU per byte) go to the busiest: the kernel gives an
// unprivileged user 64 MiB of pipes in all (pipe(7), pipe-user-pages-soft), and beyond it shrinks new ones to a page.
//
// One per worker, on its thread; outlives the relays. Where splice(2) is missing there are no pipes, and relays copy
// through scratch().
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/net/fd.h"

namespace fairlead::net {

inline constexpr std::size_t kLargePipe = 1024 * 1024;
// Idle pipes that are kept; more are closed when they come back, and so are pipes that the kernel made smaller than
// kLeastPipe.
inline constexpr std::size_t kMaxIdlePipes = 64;
inline constexpr std::size_t kLeastPipe = 32 * 1024;
// Idle or out, of all workers of a process together: half of what an unprivileged user gets.
inline constexpr std::size_t kMaxLargePipes = 32;
inline constexpr std::size_t kScratchBytes = 64 * 1024;

enum class PipeSize { normal, large };

struct Pipe {
  Fd read_end;
  Fd write_end;
  std::size_t capacity = 0;
  PipeSize size = PipeSize::normal;

  bool valid() const { return read_end.valid(); }
};

// What one splice(2) did. Nothing ever blocks.
struct Transfer {
  enum class Kind {
    moved,        // `bytes` of them, at least one
    would_block,  // the socket has nothing, or has no room
    ended,        // end of stream
    unsupported,  // this kind of socket cannot be spliced: read and write instead
    broken,       // the connection is
  };
  Kind kind;
  std::size_t bytes = 0;
};
// The pipe must be empty: EAGAIN cannot tell an empty socket from a full pipe.
Transfer splice_in(int from, const Pipe& pipe, std::size_t at_most);
// The pipe must hold `bytes`.
Transfer splice_out(const Pipe& pipe, int to, std::size_t bytes);
// Reads what the pipe holds, for a target that cannot be spliced to.
Bytes read_pipe(const Pipe& pipe, std::size_t bytes);

class PipePool {
 public:
  // `most`: idle or out; relays copy where there is none.
  explicit PipePool(std::size_t most_large = kMaxLargePipes, std::size_t most = SIZE_MAX)
      : large_limit_(most_large), most_(most) {}
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  // An empty pipe; `large` is a wish. Nullopt at the most, or out of descriptors: copy through scratch() then.
  std::optional<Pipe> take(PipeSize wish);
  // Takes back a pipe that is empty.
  void give_back(Pipe pipe);
  // Closes a pipe that still holds bytes: the next relay must never see them.
  void discard(Pipe pipe);

  // kScratchBytes that are the caller's until it returns to the loop or calls somebody who uses them too.
  MutableBytes scratch();

  std::size_t out() const { return out_; }
  std::size_t large() const { return large_; }
  std::size_t idle() const { return idle_normal_.size() + idle_large_.size(); }

 private:
  std::optional<Pipe> open(PipeSize wish);
  void forget(const Pipe& pipe);

  std::vector<Pipe> idle_normal_;
  std::vector<Pipe> idle_large_;
  std::size_t out_ = 0;
  std::size_t large_ = 0;    // alive, idle or out
  std::size_t large_limit_;  // shrinks for good when the kernel refuses one
  const std::size_t most_;
  Bytes scratch_;  // empty until first used
};

}  // namespace fairlead::net
