#pragma once
// Somebody on the path of the data channels, who reads all, changes some, and replays and reflects what was recorded.
// What TLS protects (the control channel, the payload) is out of reach: only bytes that the protocol itself must
// protect are changed.
#include <vector>

#include "tests/sim/context.h"

namespace fairlead::sim {

class Attacker {
 public:
  explicit Attacker(Context& context) : context_(context) { host_.name = "attacker"; }

  void on_path(Connection& connection, Side from, Bytes& bytes);
  // Opens a data channel of its own with a recorded, reflected or forged first message, and answers with recorded
  // answers.
  void intrude();
  void retire();  // from here on it only listens; its connections are reset

 private:
  const Bytes* any_of(const std::vector<Bytes>& recorded);
  void change(Bytes& bytes, std::size_t within, const std::vector<Bytes>& recorded);

  Context& context_;
  Host host_;
  bool active_ = true;
  std::vector<Bytes> tickets_;
  std::vector<Bytes> headers_;
  std::vector<Bytes> answers_;
  std::vector<ConnectionPtr> own_;
};

}  // namespace fairlead::sim
