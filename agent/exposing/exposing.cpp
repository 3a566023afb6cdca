#include "agent/exposing/exposing.h"

#include <fmt/core.h>
#include <poll.h>

#include <algorithm>

#include "agent/exposing/service_files.h"
#include "common/config/config_path.h"
#include "common/net/loop.h"

namespace fairlead::agent {
namespace {

constexpr int kPause = 50;  // ms between two questions after a service
using Standing = RunningAgent::Service::Standing;

// A path was typed in the shell's folder, and stands in a file of another one.
void make_absolute(std::vector<ServiceConfig>& services) {
  for (ServiceConfig& each : services) {
    if (auto* unix_path = std::get_if<UnixPath>(&each.target)) unix_path->path = config::absolute_path(unix_path->path);
  }
}

Result<void> check_keeps(const RunningAgent& agent) {
  if (!agent.config().empty()) return {};
  return fail(Reason::config_invalid,
              "the agent that runs here is an `expose`, which keeps nothing: end it, and `run` one");
}

Result<void> check_free(const ServiceFiles& files, const AgentConfig& config, const std::string& name) {
  const ServicePlace place = files.find(config, name);
  if (place.kind == ServicePlace::Kind::elsewhere) {
    return fail(Reason::name_taken,
                fmt::format("{} stands in {}: change it there, or choose another name", name, place.file));
  }
  if (place.kind == ServicePlace::Kind::own_shared) {
    return fail(Reason::name_taken,
                fmt::format("{} holds other services beside {}: change it there", place.file, name));
  }
  return {};
}

Result<void> check_free(const ServiceFiles& files, const std::vector<ServiceConfig>& services) {
  const auto loaded = load_config(files.config().string());
  if (!loaded) return tl::unexpected(loaded.error());
  for (const ServiceConfig& each : services) {
    if (auto is_free = check_free(files, loaded->config, each.name); !is_free) return is_free;
  }
  return {};
}

// Written, and read as the agent will read it.
Result<void> write(ServiceFiles& files, const std::vector<ServiceConfig>& services) {
  for (const ServiceConfig& each : services) {
    if (auto written = files.write(each); !written) return written;
  }
  const auto loaded = load_config(files.config().string());
  if (!loaded) return tl::unexpected(loaded.error());
  for (const ServiceConfig& each : services) {
    if (files.find(loaded->config, each.name).kind != ServicePlace::Kind::own) {
      return fail(Reason::config_invalid, fmt::format("{}: [agent] include names no {}", files.config().string(),
                                                      files.of(each.name).string()));
    }
    const auto read = std::ranges::find(loaded->config.services, each.name, &ServiceConfig::name);
    if (read->target == each.target) continue;
    return fail(Reason::config_invalid, each.name + ": a file cannot hold its target: the path is not UTF-8");
  }
  return {};
}

// Until a server has answered, or the time is over: pending then.
Result<RunningAgent::Service> wait_for(const RunningAgent& agent, const std::string& name, config::AnswerFormat format,
                                       TimePoint until) {
  while (true) {
    auto service = agent.service(name, format);
    const bool over = !service || service->standing != Standing::pending || net::monotonic_now() >= until;
    if (over) return service;
    ::poll(nullptr, 0, kPause);
  }
}

// What went wrong, and what went wrong while it was undone.
tl::unexpected<Error> undone(ServiceFiles& files, Error why) {
  if (const auto done = files.undo(); !done) why.detail += "; and it could not be undone: " + done.error().detail;
  return tl::unexpected(std::move(why));
}

// The names of services that are in files of their own.
std::string exposed_names(const ServiceFiles& files, const AgentConfig& config) {
  std::string out;
  for (const ServiceConfig& each : config.services) {
    if (files.find(config, each.name).kind != ServicePlace::Kind::own) continue;
    out += (out.empty() ? "" : ", ") + each.name;
  }
  return out.empty() ? "none" : out;
}

Result<void> check_exposed(const ServiceFiles& files, const AgentConfig& config, const std::string& name) {
  const ServicePlace place = files.find(config, name);
  switch (place.kind) {
    case ServicePlace::Kind::own:
      return {};
    case ServicePlace::Kind::own_shared:
      return fail(Reason::name_taken,
                  fmt::format("{} holds other services beside {}: take it out there", place.file, name));
    case ServicePlace::Kind::elsewhere:
      return fail(Reason::name_taken, fmt::format("{} stands in {}: take it out there", name, place.file));
    case ServicePlace::Kind::nowhere:
      break;
  }
  return fail(Reason::unknown_service, fmt::format("{}; exposed here: {}", name, exposed_names(files, config)));
}

}  // namespace

Result<std::string> expose_at(const RunningAgent& agent, std::vector<ServiceConfig> services,
                              config::AnswerFormat format, Duration patience) {
  if (auto keeps = check_keeps(agent); !keeps) return tl::unexpected(keeps.error());
  make_absolute(services);
  ServiceFiles files(agent.config());
  if (auto is_free = check_free(files, services); !is_free) return tl::unexpected(is_free.error());
  if (auto written = write(files, services); !written) return undone(files, written.error());
  if (auto reloaded = agent.reload(); !reloaded) return undone(files, reloaded.error());
  std::string out;
  const TimePoint until = net::monotonic_now() + patience;
  for (const ServiceConfig& each : services) {
    const auto service = wait_for(agent, each.name, format, until);
    if (!service) return tl::unexpected(service.error());
    if (service->standing == Standing::pending) {
      return fail(service->why.reason,
                  fmt::format("{} is exposed for good, but no server has it yet: {}", each.name, service->why.detail));
    }
    if (service->standing != Standing::reached) {
      auto refused = undone(files, {service->why.reason, fmt::format("{}: {}", each.name, service->why.detail)});
      if (const auto reloaded = agent.reload(); !reloaded) return tl::unexpected(reloaded.error());
      return refused;
    }
    out += service->text;
  }
  return out;
}

Result<void> unexpose(const RunningAgent* agent, const std::string& config, const std::string& name) {
  if (agent != nullptr) {
    if (auto keeps = check_keeps(*agent); !keeps) return keeps;
  }
  ServiceFiles files(config);
  const auto loaded = load_config(config);
  if (!loaded && !files.is_there(name)) return tl::unexpected(loaded.error());
  if (loaded) {
    if (auto exposed = check_exposed(files, loaded->config, name); !exposed) return exposed;
  }
  if (auto removed = files.remove(name); !removed) return removed;
  if (agent == nullptr) return {};
  if (auto reloaded = agent->reload(); !reloaded) return undone(files, reloaded.error());
  return {};
}

}  // namespace fairlead::agent
