#pragma once
// Looks through a TOML file for what toml++ 3.3 and 3.4 (Debian 12 and 13) must not be handed, because they answer with
// undefined behaviour, an assertion or a stack overflow instead of an error:
//   - a dotted key of very many parts: one nested table each, made without a limit and destroyed by recursion
//   - a table header without a name, such as `[[[`
//   - a character outside ASCII where only white space or the end of a value may stand (TOML allows none there)
// Not a parser: what it lets through may still be no TOML. A pure function, any thread.
#include <optional>
#include <string_view>

namespace fairlead::config {

struct Unparsable {
  int line = 1;
  std::string_view wrong;  // static text, with what is allowed
};

// The first place the parser must not reach.
std::optional<Unparsable> find_unparsable(std::string_view text);

}  // namespace fairlead::config
