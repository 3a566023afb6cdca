#pragma once
// Keeps an agent's certificate from ending: asks for the next one in time (RenewalPlan) over a session that stands,
// puts the answer in the place of the files (renewed_files.h) and tells its owner to load them. Every server that
// answers such questions is asked before anything counts as a failure: only the one that let this device in knows it.
// One loop; owned by the agent. Off where identity.renew is.
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "agent/join/renewal_plan.h"
#include "agent/resource/agent_tools.h"
#include "agent/session/recurrence.h"
#include "agent/session/renewal_line.h"
#include "common/wire/control_message.h"

namespace fairlead::agent {

class Renewer {
 public:
  using Lines = std::function<std::vector<RenewalLine*>()>;  // all that there are, up or not

  // `on_renewed` is called when the files are in their place, and calls use() with what it loaded of them.
  Renewer(AgentTools& tools, Lines lines, std::function<void()> on_renewed);

  // The identity that the agent runs with from now on, with identity.renew as it is now.
  void use(std::shared_ptr<const tls::Credentials> own);
  void on_lines_changed();  // one came or went
  void on_ended();          // a server says that the certificate has ended: it is time, whatever the clock says
  void on_answer(const RenewalLine& line, const wire::Renewed& answer);
  void stop();
  // Why the latest attempt failed, for status. One that nobody here let in has none: whoever issued its certificate
  // looks after it.
  const std::optional<Error>& problem() const { return problem_; }

 private:
  void look();
  void ask();
  RenewalLine* next_line() const;
  bool line_is_gone() const;
  void failed(const Error& why, std::optional<Duration> retry_after);
  void log_failure(const Error& why, const std::string& server, Duration wait);
  void arm();
  TimePoint now() const { return tools_.loop.now(); }
  WallTime time() const;

  AgentTools& tools_;
  const Lines lines_;
  const std::function<void()> on_renewed_;
  std::shared_ptr<const tls::Credentials> own_;
  std::optional<TimePoint> given_at_;   // by the boot clock: own_ was made for us then; none: it was here before
  std::optional<RenewalPlan> plan_;     // none: off
  RenewalLine* asked_ = nullptr;        // whose answer is awaited
  std::set<const RenewalLine*> tried_;  // of this attempt
  bool ended_ = false;                  // as a server says
  bool taking_ = false;                 // on_renewed_ runs
  std::optional<Error> problem_;
  Recurrence failures_;
  core::TimerEntry timer_;
};

}  // namespace fairlead::agent
