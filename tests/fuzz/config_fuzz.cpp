// Both configuration readers on arbitrary bytes: they answer with a configuration or with one line. Inputs that include
// other files are left out: what they find is not part of the input. And what `expose` takes from a command line: the
// file that it writes reads as the same service.
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/setting/config.h"
#include "agent/setting/exposed.h"
#include "common/base/bytes.h"
#include "rendezvous/setting/config.h"

namespace {

constexpr const char* kFile = "/nonexistent/f.toml";  // nothing is included from there

template <class Loaded>
void check(const fairlead::Result<Loaded>& read) {
  if (read) return;
  const std::string& line = read.error().detail;
  if (!line.starts_with(kFile) || line.find('\n') != std::string::npos) std::abort();
}

void check_exposed(std::string_view argument) {
  using namespace fairlead;
  const auto service = agent::parse_exposed(argument);
  if (!service) return;
  const auto* path = std::get_if<agent::UnixPath>(&service->target);
  if (path != nullptr && !path->path.starts_with('/')) return;  // begins elsewhere in a file
  const auto read = agent::parse_config(
      "[agent]\nrendezvous = ['rv:1']\n[identity]\ncert = 'c'\nkey = 'k'\nca = 'a'\n" + service_toml(*service), kFile,
      config::UnknownKeys::refuse, [](const std::string&) { return std::nullopt; });
  if (!read) return;  // a path that TOML cannot hold
  agent::ServiceConfig same = read->config.services.at(0);
  same.file.clear();
  same.target = service->target;  // as a path, perhaps shorter: without its "..", "//"
  if (same != *service || (path == nullptr && read->config.services[0].target != service->target)) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const std::string_view text = as_text({data, size});
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name.size() > 8) return std::nullopt;
    return "value";
  };
  check_exposed(text);
  if (text.find("include") != std::string_view::npos) return 0;
  check(agent::parse_config(text, kFile, config::UnknownKeys::refuse, environment));
  check(agent::parse_config(text, kFile, config::UnknownKeys::warn, environment));
  check(rendezvous::parse_config(text, kFile, environment));
  return 0;
}
