#include "common/config/included.h"

#include <fmt/core.h>
#include <glob.h>

#include <cerrno>
#include <memory>
#include <set>

#include "common/config/fields.h"

namespace fairlead::config {
namespace {

struct FreeGlob {
  void operator()(glob_t* found) const { ::globfree(found); }
};

// A folder that is not there matches nothing; one that cannot be read is a problem, or what stands in it would be
// believed to be gone.
int on_unreadable_folder(const char* /*path*/, int error) {
  return error != ENOENT && error != ENOTDIR ? 1 : 0;
}

// The pattern beside `file`, whose own folder is no part of the pattern.
std::string beside(const std::string& file, const std::string& pattern) {
  if (pattern.starts_with('/')) return pattern;
  std::string out;
  for (const char c : relative_to(file, "")) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out + pattern;
}

// The files that match, in the order of their names. A pattern without wildcards must name a file.
std::vector<std::string> matching_files(Section& section, const Text& text) {
  glob_t storage{};
  const int status = ::glob(beside(section.file(), text.value).c_str(), 0, &on_unreadable_folder, &storage);
  const std::unique_ptr<glob_t, FreeGlob> found(&storage);
  const bool has_wildcard = text.value.find_first_of("*?[") != std::string::npos;
  if (status != 0 && (status != GLOB_NOMATCH || !has_wildcard)) {
    section.refuse(text, status == GLOB_NOMATCH ? "no such file" : "the folder cannot be read",
                   "a file, or a pattern with * or ?");
    return {};
  }
  if (found->gl_pathc > kMaxIncluded) {
    section.refuse(text, fmt::format("matches {} files", found->gl_pathc), fmt::format("at most {}", kMaxIncluded));
    return {};
  }
  return {found->gl_pathv, found->gl_pathv + found->gl_pathc};
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
