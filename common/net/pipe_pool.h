#pragma once
// The pipes of one worker's relays. A relay takes one for its turn and keeps it only while bytes are stuck inside, so a
// few pipes serve thousands of relays. Large pipes (a third of the CPU per byte) go to the few busiest: the kernel
// gives an unprivileged user 64 MiB of pipes in all (pipe(7), pipe-user-pages-soft), and beyond it shrinks new ones to
// a page.
//
// One per worker, on its thread; outlives the relays. Linux; where splice is missing, relays copy through scratch().
#include <array>
#include <cstddef>
#include <optional>
#include <vector>

#include "common/base/bytes.h"
#include "common/net/fd.h"

namespace fairlead::net {

inline constexpr std::size_t kLargePipe = 1024 * 1024;
// Idle pipes that are kept; more are closed when they come back.
inline constexpr std::size_t kMaxIdlePipes = 64;
// Per worker, idle or out: 8 workers together stay below half of what an unprivileged user gets.
inline constexpr std::size_t kMaxLargePipes = 4;
inline constexpr std::size_t kScratchBytes = 64 * 1024;

enum class PipeSize { normal, large };

struct Pipe {
  Fd read_end;
  Fd write_end;
  std::size_t capacity = 0;
  PipeSize size = PipeSize::normal;

  bool valid() const { return read_end.valid(); }
};

class PipePool {
 public:
  PipePool() = default;
  PipePool(const PipePool&) = delete;
  PipePool& operator=(const PipePool&) = delete;

  // An empty pipe; `large` is a wish. Nullopt when the process is out of descriptors: copy through scratch() then.
  std::optional<Pipe> take(PipeSize wish);
  // Takes back an empty pipe.
  void give_back(Pipe pipe);
  // Closes a pipe that still holds bytes: the next relay must never see them.
  void discard(Pipe pipe);

  // A buffer for as long as no other member of this worker runs.
  MutableBytes scratch();

  std::size_t out() const { return out_; }
  std::size_t large() const { return large_; }
  std::size_t idle() const { return idle_normal_.size() + idle_large_.size(); }

 private:
  std::optional<Pipe> open_large();

  std::vector<Pipe> idle_normal_;
  std::vector<Pipe> idle_large_;
  std::size_t out_ = 0;
  std::size_t large_ = 0;                     // alive, idle or out
  std::size_t large_limit_ = kMaxLargePipes;  // shrinks for good when the kernel refuses one
  Bytes scratch_;                             // empty until first used
};

}  // namespace fairlead::net
