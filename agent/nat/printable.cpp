#include "agent/nat/printable.h"

namespace fairlead::agent::nat {

std::string printable(std::string_view text, std::size_t most) {
  std::string out;
  bool strange = false;
  for (const char c : text) {
    const bool blank = c == ' ' || c == '\t' || c == '\r' || c == '\n';
    const bool shown = c > ' ' && c <= '~';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    if (!blank && !shown && strange) continue;
    strange = !blank && !shown;
    out += blank ? ' ' : shown ? c : '?';
    if (out.size() == most) break;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace fairlead::agent::nat
