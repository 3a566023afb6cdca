#pragma once
// What was truly made, by whom, and how often it was accepted: the judge of the protocol's promises. Every ticket,
// header and answer is entered when its maker makes it; whoever accepts one is checked here. A broken promise ends the
// run.
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "common/base/bytes.h"
#include "common/wire/data_channel.h"

namespace fairlead::sim {

class Ledger {
 public:
  using Violation = std::function<void(const std::string&)>;
  explicit Ledger(Violation on_violation) : violated_(std::move(on_violation)) {}

  void require(bool kept, const std::string& promise) {
    if (!kept) violated_(promise);
  }

  void ticket_made(const Bytes& ticket) { tickets_[ticket] = 0; }
  void ticket_accepted(const Bytes& ticket);
  void header_made(const wire::Mac& mac, const wire::ChannelHeader& header) { headers_[mac] = {header, 0}; }
  void header_accepted(const wire::Mac& mac, const wire::ChannelHeader& header);
  void answer_made(const wire::Mac& header_mac, const wire::ChannelAnswer& answer) {
    answers_[header_mac] = {answer, 0};
  }
  void answer_accepted(const wire::Mac& header_mac, const wire::ChannelAnswer& answer);

  std::size_t accepted() const { return accepted_; }

 private:
  template <class T>
  struct Made {
    T what;
    int accepted = 0;
  };
  Violation violated_;
  std::map<Bytes, int> tickets_;
  std::map<wire::Mac, Made<wire::ChannelHeader>> headers_;
  std::map<wire::Mac, Made<wire::ChannelAnswer>> answers_;
  std::size_t accepted_ = 0;
};

}  // namespace fairlead::sim
