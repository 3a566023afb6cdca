#pragma once
// What strangers say, made fit to be shown: printable ASCII of bounded length. Pure; any thread.
#include <string>
#include <string_view>

namespace fairlead::agent::nat {

// Other bytes become one '?' per run; leading and trailing blanks go.
std::string printable(std::string_view text, std::size_t most);

}  // namespace fairlead::agent::nat
