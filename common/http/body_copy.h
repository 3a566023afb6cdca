#pragma once
// Passes the body of one message on, so that the next reader cannot measure it otherwise than we did: chunks are read
// strictly and written anew, without extensions; trailers pass where `trailer` says so. Pure; any thread; a body of its
// own each.
//
//   http_ambiguous   a chunk's size or its line ends are not as RFC 9112 §7.1 has them, or a trailer decides of framing
//   http_too_large   an extension or trailers beyond their limits
//   http_malformed   trailers that cannot be read
#include <cstddef>
#include <cstdint>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/http/framing.h"

namespace fairlead::http {

inline constexpr std::size_t kMaxChunkLine = 256;   // its size and extensions
inline constexpr std::size_t kMaxChunkDigits = 15;  // of its size

class BodyCopy {
 public:
  using TrailerRule = bool (*)(std::string_view name);  // whether it passes

  BodyCopy(Framing framing, TrailerRule trailer);

  // Appends to `out` what goes on; returns how many of the bytes belong to this body. All of them unless done().
  // Out grows by what came, and 16 bytes for each chunk that is cut here, and what trailers need.
  Result<std::size_t> copy(ByteView in, Bytes& out);
  bool done() const { return state_ == State::done; }
  // The stream ended in order: whether the body is whole now.
  bool end_of_stream();

 private:
  //   plain (length, until_end) -> done
  //   size_line -> data -> data_end -> size_line ... -> trailers -> done
  enum class State : std::uint8_t { plain, size_line, data, data_end, trailers, done };

  Result<std::size_t> copy_plain(ByteView in, Bytes& out);
  Result<std::size_t> read_size(ByteView in, Bytes& out);
  std::size_t copy_data(ByteView in, Bytes& out);
  Result<std::size_t> read_data_end(ByteView in);
  Result<std::size_t> read_trailers(ByteView in, Bytes& out);

  const Framing framing_;
  const TrailerRule trailer_;
  State state_;
  std::uint64_t left_ = 0;  // of the length, or of the chunk
  Bytes held_;              // of a size line, of its end, or of trailers
};

}  // namespace fairlead::http
