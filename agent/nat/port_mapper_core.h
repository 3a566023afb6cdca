#pragma once
// The port mapper with its world as an argument (port_mapper.h says what it does): one UplinkWorker per uplink, whose
// requests it serialises, the journal, and the numbers of candidates. Owned by PortMapper, or by a test; one loop.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "agent/nat/environment.h"
#include "agent/nat/journal.h"
#include "agent/nat/port_mapper.h"
#include "agent/nat/uplink_worker.h"
#include "common/net/loop.h"

namespace fairlead::agent::nat {

inline constexpr const char* kJournalName = "mappings";

class PortMapperCore {
 public:
  using Clock = UplinkWorker::Clock;

  PortMapperCore(Environment& environment, net::Loop& loop, Rng& rng, PortMapperOptions options,
                 PortMapper::OnCandidates on_candidates, Clock clock = net::boottime_now);

  void start();
  void set_listeners(std::vector<SocketAddress> listeners) { options_.listeners = std::move(listeners); }
  void on_network_changed();
  void on_seen(const IpAddress& local, const IpAddress& outside);
  void on_verified(std::uint32_t number);
  void on_unreachable(std::uint32_t number);
  void stop(Duration patience, std::function<void()> done);

  const std::vector<Candidate>& candidates() const { return candidates_; }
  std::vector<MappingReport> mappings() const;
  std::vector<UplinkReport> uplinks() const;
  bool settled() const;
  const Journal& journal() const { return journal_; }

 private:
  using Method = std::optional<MappingProtocol>;
  struct Number {  // of an uplink and a method, while the uplink is there
    Uplink uplink;
    Method method;
    std::uint32_t number = 0;
  };
  struct Orphan {  // a record whose gateway is not in sight
    MappingRecord record;
    TimePoint since;
  };
  enum class Life : std::uint8_t { idle, running, stopping, stopped };

  void update_uplinks();
  void drop_missing(const std::vector<Uplink>& found);
  void add_worker(const Uplink& uplink, const std::vector<Uplink>& all);
  std::uint16_t listener_port(const Uplink& uplink) const;
  std::vector<MappingRecord> adopt_orphans(const Uplink& uplink, const std::vector<Uplink>& all);
  UplinkWorker* find_worker(std::uint32_t number, Method& method);
  std::uint32_t number_of(const Uplink& uplink, Method method);

  void pump();  // after every event: requests, journal, log, candidates, timer
  bool lane_free(const UplinkWorker& worker) const;
  void start_requests();
  void keep_journal();
  void log_events(UplinkWorker& worker);
  void publish();
  void arm();
  void finish();

  Environment& environment_;
  net::Loop& loop_;
  Rng& rng_;
  PortMapperOptions options_;
  PortMapper::OnCandidates on_candidates_;
  Clock clock_;
  Journal journal_;
  Life life_ = Life::idle;
  std::vector<Orphan> orphans_;
  std::vector<Number> numbers_;
  std::uint32_t next_number_ = 1;
  std::vector<Candidate> candidates_;
  std::function<void()> done_;
  std::vector<std::unique_ptr<UplinkWorker>> workers_;
  core::TimerEntry timer_;
  core::TimerEntry stop_timer_;
};

}  // namespace fairlead::agent::nat
