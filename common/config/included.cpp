#include "common/config/included.h"

#include <fmt/core.h>

#include <filesystem>
#include <set>
#include <system_error>

#include "common/config/fields.h"

namespace fairlead::config {
namespace {

constexpr std::string_view kWildcards = "*?";

bool has_wildcard(std::string_view text) {
  return text.find_first_of(kWildcards) != std::string_view::npos;
}

// `*` stands for any characters, `?` for one. Where a character does not fit, the last `*` takes one more.
bool name_matches(std::string_view pattern, std::string_view name) {
  constexpr auto kNone = std::string_view::npos;
  std::size_t at = 0;
  std::size_t star = kNone;
  std::size_t taken = 0;
  for (std::size_t i = 0; i < name.size();) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = at++;
      taken = i;
    } else if (at < pattern.size() && (pattern[at] == '?' || pattern[at] == name[i])) {
      ++at;
      ++i;
    } else if (star != kNone) {
      at = star + 1;
      i = ++taken;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', at) == kNone;
}

// The names in the folder that match, hidden ones aside, in their order. A folder that is not there holds none; one
// that cannot be read is an error, or what stands in it would be believed to be gone.
std::error_code read_names(const std::filesystem::path& folder, const std::string& pattern,
                           std::set<std::string>& out) {
  std::error_code error;
  std::filesystem::directory_iterator entry(folder, error);
  for (; !error && entry != std::filesystem::directory_iterator(); entry.increment(error)) {
    const std::string name = entry->path().filename();
    if (!name.starts_with('.') && name_matches(pattern, name)) out.insert(name);
  }
  const bool absent = error == std::errc::no_such_file_or_directory || error == std::errc::not_a_directory;
  return absent ? std::error_code() : error;
}

// The files that match, in the order of their names. A pattern without wildcards must name a file.
std::vector<std::string> matching_files(Section& section, const Text& text) {
  constexpr const char* kAllowed = "a file, or a pattern with * or ? in its last part";
  const std::filesystem::path path = relative_to(section.file(), text.value);
  const auto refuse = [&](const std::string& problem) {
    section.refuse(text, problem, kAllowed);
    return std::vector<std::string>();
  };
  if (!has_wildcard(text.value)) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) return refuse("no such file");
    return {path};
  }
  if (has_wildcard(std::filesystem::path(text.value).parent_path().native())) return refuse("a folder with a wildcard");
  std::set<std::string> names;
  if (read_names(path.parent_path(), path.filename(), names)) return refuse("the folder cannot be read");
  if (names.size() > kMaxIncluded) {
    section.refuse(text, fmt::format("matches {} files", names.size()), fmt::format("at most {}", kMaxIncluded));
    return {};
  }
  std::vector<std::string> out;
  for (const std::string& name : names) out.push_back(path.parent_path() / name);
  return out;
}

std::vector<Text> patterns_of(Section& section, std::string_view otherwise) {
  if (section.has("include")) return section.texts("include", "a list of files or patterns");
  if (otherwise.empty()) return {};
  return {{.value = std::string(otherwise), .written = std::string(otherwise), .key = "include"}};
}

}  // namespace

void read_included(Section& section, std::string_view otherwise, const std::function<void(Section& root)>& read) {
  std::set<std::string> seen;
  for (const Text& pattern : patterns_of(section, otherwise)) {
    for (const std::string& file : matching_files(section, pattern)) {
      if (section.report().failed()) return;
      if (!seen.insert(file).second) continue;
      const auto value = read_toml(file);
      if (!value) return section.report().refuse(value.error(), Problem::wrong);
      Section root(*value, file, "", section.report());
      read(root);
      root.done();
    }
  }
}

}  // namespace fairlead::config
