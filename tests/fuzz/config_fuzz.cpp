// Both configuration readers on arbitrary bytes: they answer with a configuration or with one line. Inputs that include
// other files are left out: what they find is not part of the input.
#include <cstdlib>
#include <string>
#include <string_view>

#include "agent/setting/config.h"
#include "common/base/bytes.h"
#include "rendezvous/setting/config.h"

namespace {

template <class Loaded>
void check(const fairlead::Result<Loaded>& read) {
  if (read) return;
  const std::string& line = read.error().detail;
  if (!line.starts_with("f.toml:") || line.find('\n') != std::string::npos) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const std::string_view text = as_text({data, size});
  const auto environment = [](const std::string& name) -> std::optional<std::string> {
    if (name.size() > 8) return std::nullopt;
    return "value";
  };
  check(agent::parse_config(text, "f.toml", config::UnknownKeys::refuse, environment));
  check(agent::parse_config(text, "f.toml", config::UnknownKeys::warn, environment));
  if (text.find("include") == std::string_view::npos) check(rendezvous::parse_config(text, "f.toml", environment));
  return 0;
}
