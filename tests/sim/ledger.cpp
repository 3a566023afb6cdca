#include "tests/sim/ledger.h"

namespace fairlead::sim {

void Ledger::ticket_accepted(const Bytes& ticket) {
  const auto made = tickets_.find(ticket);
  require(made != tickets_.end(), "a forged ticket was accepted");
  require(++made->second == 1, "a ticket was accepted twice");
  ++accepted_;
}

void Ledger::header_accepted(const wire::Mac& mac, const wire::ChannelHeader& header) {
  const auto made = headers_.find(mac);
  require(made != headers_.end(), "a forged header was accepted");
  require(made->second.what.session == header.session && made->second.what.counter == header.counter &&
              made->second.what.connection == header.connection && made->second.what.service == header.service,
          "a header was accepted that says something else than was made");
  require(++made->second.accepted == 1, "a header was accepted twice");
  ++accepted_;
}

void Ledger::answer_accepted(const wire::Mac& header_mac, const wire::ChannelAnswer& answer) {
  const auto made = answers_.find(header_mac);
  require(made != answers_.end(), "a forged answer was accepted");
  require(made->second.what == answer, "an answer was accepted that says something else than was made");
  require(++made->second.accepted == 1, "an answer was accepted twice");
  ++accepted_;
}

}  // namespace fairlead::sim
