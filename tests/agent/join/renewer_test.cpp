// Renewals over lines that the test plays: who is asked when, and what comes of the answers. Certificates live for
// seconds around the real time; nothing waits for it.
#include "agent/join/renewer.h"

#include "tests/agent/join/renewal_rig.h"
#include "tests/agent/join/tools_rig.h"

namespace fairlead::agent {
namespace {

struct PlayedLine final : RenewalLine {
  explicit PlayedLine(std::uint16_t port) : server_{"rv.example.com", port} {}
  bool may_renew() const override { return up; }
  void ask_renewal(Bytes csr) override { asked.push_back(std::move(csr)); }
  const HostPort& server() const override { return server_; }

  bool up = true;
  std::vector<Bytes> asked;
  HostPort server_;
};

struct RenewerRig : RenewalRig, ToolsRig {
  RenewerRig() : RenewalRig(test::system_now()) { config.identity = files; }
  ~RenewerRig() { worker.settle(); }

  void use() { renewer.use(own); }
  std::uint64_t refused(Reason reason) const { return counters.refused.get(reason); }

  PlayedLine first{1};
  PlayedLine second{2};
  int renewed = 0;
  bool can_load = true;
  Renewer renewer{tools, [this] { return std::vector<RenewalLine*>{&first, &second}; },
                  [this] {
                    ++renewed;
                    if (can_load) renewer.use(own = load());
                  }};
};

TEST_CASE("one whose time has come is asked for over the first line, and its answer is the identity") {
  RenewerRig rig;
  rig.use();  // two thirds of its life are over
  REQUIRE(rig.first.asked.size() == 1);
  CHECK(rig.second.asked.empty());
  rig.renewer.on_answer(rig.second, rig.answer(rig.now + 60s));  // was not asked
  CHECK(rig.renewed == 0);
  rig.renewer.on_answer(rig.first, rig.answer(rig.ca, rig.first.asked[0], kOwnId, rig.now + 600s));
  CHECK(rig.renewed == 1);
  CHECK(rig.own->not_after() == rig.now + 600s);
  rig.renewer.on_lines_changed();
  CHECK(rig.first.asked.size() == 1);  // the new one has time
}

TEST_CASE("one that is young is not asked for, and none where that is off") {
  RenewerRig rig;
  rig.adopt(rig.now - 10s, rig.now + 600s);
  rig.use();
  rig.renewer.on_lines_changed();
  CHECK(rig.first.asked.empty());

  RenewerRig off;
  off.config.renewal = Renewal::off;
  off.use();
  off.renewer.on_lines_changed();
  CHECK(off.first.asked.empty());
  off.config.renewal = Renewal::automatic;  // a reload
  off.use();
  CHECK(off.first.asked.size() == 1);
  off.config.renewal = Renewal::off;
  off.use();
  off.renewer.on_answer(off.first, off.answer(off.now + 60s));
  CHECK(off.renewed == 0);
}

TEST_CASE("what a server says of its end counts before the clock") {
  RenewerRig rig;
  rig.adopt(rig.now - 10s, rig.now + 600s);
  rig.use();
  CHECK(rig.first.asked.empty());
  rig.renewer.on_ended();
  CHECK(rig.first.asked.size() == 1);
  rig.renewer.on_ended();
  CHECK(rig.first.asked.size() == 1);
  rig.renewer.on_answer(rig.first, rig.answer(rig.ca, rig.first.asked[0], kOwnId, rig.now + 1200s));
  CHECK(rig.renewed == 1);
  rig.renewer.on_lines_changed();
  CHECK(rig.first.asked.size() == 1);
}

TEST_CASE("a clock that is fast does not make it ask for one after the other") {
  RenewerRig rig;
  rig.adopt(rig.now - 20s, rig.now + 5s);
  rig.use();
  REQUIRE(rig.first.asked.size() == 1);
  rig.renewer.on_answer(rig.first, rig.answer(rig.now + 6s));  // two thirds of its life are over by our clock
  CHECK(rig.renewed == 1);
  rig.renewer.on_lines_changed();
  CHECK(rig.first.asked.size() == 1);
  rig.renewer.on_ended();  // a server knows better
  CHECK(rig.first.asked.size() == 2);
}

TEST_CASE("without a session it is asked for once there is one") {
  RenewerRig rig;
  rig.first.up = rig.second.up = false;
  rig.use();
  CHECK(rig.first.asked.empty());
  rig.second.up = true;
  rig.renewer.on_lines_changed();
  CHECK(rig.second.asked.size() == 1);
}

TEST_CASE("who does not know the device passes the question on; then it is asked again later") {
  RenewerRig rig;
  rig.use();
  rig.renewer.on_answer(rig.first, wire::renewal_refused(Reason::device_unknown, 3600s));
  CHECK(rig.refused(Reason::device_unknown) == 1);
  REQUIRE(rig.second.asked.size() == 1);
  rig.renewer.on_answer(rig.second, wire::renewal_refused(Reason::signer_failed, 0s));
  CHECK(rig.refused(Reason::signer_failed) == 1);
  REQUIRE(rig.renewer.problem());
  CHECK(rig.renewer.problem()->reason == Reason::signer_failed);
  CHECK(rig.renewer.problem()->detail == "rv.example.com:2");
  rig.renewer.on_lines_changed();
  CHECK(rig.first.asked.size() == 1);
  CHECK(rig.worker.until([&] { return rig.first.asked.size() == 2; }));
}

TEST_CASE("a certificate that nobody here issued is no problem of status; a failure is, until there is a new one") {
  RenewerRig rig;
  rig.second.up = false;
  rig.use();
  rig.renewer.on_answer(rig.first, wire::renewal_refused(Reason::device_unknown, 0s));
  CHECK_FALSE(rig.renewer.problem());
  REQUIRE(rig.worker.until([&] { return rig.first.asked.size() == 2; }));
  rig.renewer.on_answer(rig.first, wire::renewal_refused(Reason::signer_failed, 0s));
  CHECK(rig.renewer.problem());
  REQUIRE(rig.worker.until([&] { return rig.first.asked.size() == 3; }));
  rig.renewer.on_answer(rig.first, rig.answer(rig.now + 600s));
  CHECK(rig.renewed == 1);
  CHECK_FALSE(rig.renewer.problem());
}

TEST_CASE("a line that goes while it is asked is not waited for") {
  RenewerRig rig;
  rig.second.up = false;
  rig.use();
  REQUIRE(rig.first.asked.size() == 1);
  rig.first.up = false;
  rig.renewer.on_lines_changed();
  CHECK(rig.refused(Reason::connection_lost) == 1);
  rig.first.up = true;
  CHECK(rig.worker.until([&] { return rig.first.asked.size() == 2; }));
}

TEST_CASE("an answer that cannot be used changes nothing and is asked for again") {
  RenewerRig rig;
  rig.second.up = false;
  rig.use();
  const std::string cert = rig.text(rig.files.cert);
  rig.renewer.on_answer(rig.first, rig.answer(rig.own->not_after()));
  CHECK(rig.refused(Reason::renewal_unusable) == 1);
  CHECK(rig.renewed == 0);
  CHECK(rig.text(rig.files.cert) == cert);
  CHECK(rig.worker.until([&] { return rig.first.asked.size() == 2; }));
  rig.can_load = false;  // another file of the agent's is broken
  rig.renewer.on_answer(rig.first, rig.answer(rig.now + 600s));
  CHECK(rig.renewed == 1);
  CHECK(rig.refused(Reason::renewal_unusable) == 2);
}

TEST_CASE("files that cannot be replaced are found before anybody signs") {
  RenewerRig rig;
  rig.config.identity.cert = "/proc/agent.crt";
  rig.use();
  CHECK(rig.first.asked.empty());
  CHECK(rig.refused(Reason::state_unwritable) == 2);  // once for each line
}

TEST_CASE("a code of a later version is a failure like others") {
  RenewerRig rig;
  rig.second.up = false;
  rig.use();
  rig.renewer.on_answer(rig.first, {"no_such_code_yet", 0, {}, {}});
  CHECK(rig.refused(Reason::protocol_error) == 1);
}

}  // namespace
}  // namespace fairlead::agent
