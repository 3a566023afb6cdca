#pragma once
// A RendezvousLink over loopback to servers that tests play themselves: real TLS, real sessions, no rendezvous.
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "agent/session/rendezvous_link.h"
#include "common/core/server_session.h"
#include "tests/common/net/rig.h"
#include "tests/support/test_ca.h"

namespace fairlead::agent {

// One connection at a server, from its handshake on.
class PlayedSession final : public net::SessionDriverOwner, public net::TlsStreamOwner {
 public:
  PlayedSession(net::test::Worker& worker, tls::TlsServerContext& context, net::Fd fd);

  template <class Event>
  std::vector<Event> take() {
    std::vector<Event> out;
    std::erase_if(events_, [&](auto& each) {
      auto* const is = std::get_if<Event>(&each);
      if (is != nullptr) out.push_back(std::move(*is));
      return is != nullptr;
    });
    return out;
  }
  template <class Event>
  bool heard() const {
    return std::ranges::any_of(events_, [](const auto& each) { return std::holds_alternative<Event>(each); });
  }
  bool over() const { return over_; }
  // Answers with what `say` does to the session.
  template <class Say>
  void say(const Say& what) {
    what(session);
    driver_->settle();
  }

  core::ServerSession session;

 private:
  void on_tls_progress(net::TlsStream& stream) override;
  void on_session_events() override;
  void on_session_over(const Error& how) override;

  net::test::Worker& worker_;
  std::unique_ptr<net::TlsStream> stream_;
  std::unique_ptr<net::SessionDriver> driver_;
  std::deque<core::ServerEvent> events_;
  bool over_ = false;
};

class LinkRig : public LinkOwner {
 public:
  explicit LinkRig(const std::string& host = "127.0.0.1");
  ~LinkRig() override;

  // Accepts what has come in, and runs until the condition holds.
  bool until(const std::function<bool()>& condition);
  PlayedSession& latest() { return *sessions.back(); }
  // The link's next session is welcomed with this.
  void open(const wire::Welcome& welcome);
  wire::Welcome welcome() const;
  std::string address() const { return net::local_address(listener.get())->to_string(); }

  net::test::Worker worker;
  test::TestCa ca{"mesh.test", test::system_now()};
  tls::TlsServerContext server_context;
  tls::TlsClientContext client_context;
  net::Fd listener;
  AgentConfig config;
  Counters counters;
  SeededRng rng{1};
  AgentTools tools;
  Leftovers kept;
  std::vector<std::unique_ptr<PlayedSession>> sessions;
  std::optional<wire::InstanceId> held_elsewhere;  // by another link
  std::vector<nat::Candidate> offered;
  std::vector<std::pair<std::uint32_t, std::string>> judged;
  std::vector<wire::Renewed> renewals;
  int failed = 0;
  int changed = 0;
  std::unique_ptr<RendezvousLink> link;

 private:
  tls::TlsClientContext& session_context() override { return client_context; }
  tls::TlsClientContext& verify_context() override { return client_context; }
  wire::Hello next_hello() override {
    return {.features = wire::kFeatureRenewal, .software = "test", .endpoint = "nas1", .cluster = "home"};
  }
  std::vector<nat::Candidate> candidates() override { return offered; }
  Leftovers& leftovers() override { return kept; }
  bool is_duplicate(const RendezvousLink&, const wire::InstanceId& instance) override {
    return held_elsewhere == instance;
  }
  void on_candidate_judged(RendezvousLink&, std::uint32_t number, const std::string& code) override {
    judged.emplace_back(number, code);
  }
  void on_renewal_answer(RendezvousLink&, const wire::Renewed& answer) override { renewals.push_back(answer); }
  void on_link_changed(RendezvousLink&) override { ++changed; }
  void on_link_failed(RendezvousLink&) override { ++failed; }
};

}  // namespace fairlead::agent
