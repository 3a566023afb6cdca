#pragma once
// Patterns over names and SPIFFE ids, as policies and names have them. A pattern never crosses a separator:
//   names, separated by '.':       `*` is one whole label
//   SPIFFE ids, separated by '/':  `*` is one whole segment, a final `**` the rest (at least one segment)
// `{x}` captures one whole label or segment; when x already has a value, the text must equal it.
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace fairlead {

enum class PatternKind { name, spiffe };
using Captures = std::map<std::string, std::string, std::less<>>;

// True when `pattern` can be used: wildcards and captures are whole labels, `**` only last and only in SPIFFE ids.
bool pattern_valid(PatternKind kind, std::string_view pattern);
// Matches and adds captures; on no match `captures` is unchanged. Names are compared as given: lower-case them first.
bool pattern_match(PatternKind kind, std::string_view pattern, std::string_view text, Captures& captures);
// Replaces each `{x}` that has a value by it; what has none stays (and then matches anything as a capture).
std::string pattern_expand(std::string_view pattern, const Captures& captures);

// Lower-cases ASCII and drops one trailing dot.
std::string normalize_name(std::string_view name);
// One DNS label of lower-case letters, digits and hyphens (not first or last), 1 to 63 characters.
bool is_label(std::string_view text);

}  // namespace fairlead
