#pragma once
// The strict reader both programs read their configuration with. A Section is one TOML table; each getter takes a key,
// its limits and its default, and marks the key as known. done() refuses the keys nobody asked for.
// The first problem is kept in the Report and everything after it is harmless: like a ByteReader, it fails once and
// stays failed, so readers are straight lists of fields and check Report::failed() at the end. What is wrong outranks
// what is missing: a misspelt required key is reported as unknown, with the right one named.
// Every problem is one line: `FILE:LINE: KEY: what is wrong; allowed: ...`.
// A Section points into the Value and the Report it was made from; both outlive it. One thread.
#include <functional>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/base/result.h"
#include "common/base/time.h"
#include "common/config/value.h"

namespace fairlead::config {

enum class UnknownKeys : std::uint8_t { refuse, warn };
enum class Problem : std::uint8_t { wrong, missing };
using Environment = std::function<std::optional<std::string>(const std::string& name)>;
// The variables of this process.
Environment process_environment();

// What reading found, over all files of one configuration.
class Report {
 public:
  Report(UnknownKeys unknown, Environment environment) : unknown_(unknown), environment_(std::move(environment)) {}

  bool failed() const { return error_.has_value(); }
  const Error& error() const { return *error_; }  // only when failed()
  const std::vector<std::string>& warnings() const { return warnings_; }

  UnknownKeys unknown_keys() const { return unknown_; }
  std::optional<std::string> variable(const std::string& name) const { return environment_(name); }
  void refuse(Error error, Problem problem);
  bool warnings_full() const;
  void warn(std::string line);

 private:
  UnknownKeys unknown_;
  Environment environment_;
  std::optional<Error> error_;
  Problem problem_ = Problem::wrong;
  std::vector<std::string> warnings_;
};

template <class T>
struct Range {
  T least;
  T most;
};

// A string as it stands in a file, after expansion of `${NAME}`, with its place for messages.
struct Text {
  std::string value;
  std::string written;  // before expansion: messages must not repeat a secret from the environment
  std::string key;      // "service[2].target"
  int line = 1;
};

class Section {
 public:
  // `file` and `prefix` name the table in messages; "" is the root.
  Section(const Value& table, std::string file, std::string prefix, Report& report);

  bool has(std::string_view key);                           // makes the key known, like every getter
  std::optional<Kind> kind_of(std::string_view key) const;  // nullopt: no such key

  std::string text(std::string_view key, std::string_view otherwise);
  std::optional<Text> find_text(std::string_view key, std::string_view allowed = "");
  // Refused when absent or empty.
  std::optional<Text> required_text(std::string_view key, std::string_view allowed);
  // A list of strings; a missing key is an empty list.
  std::vector<Text> texts(std::string_view key, std::string_view allowed = "");
  std::int64_t integer(std::string_view key, Range<std::int64_t> range, std::int64_t otherwise);
  bool flag(std::string_view key, bool otherwise);
  // "250ms", "5s", "2m", "1h", "7d"; a bare number is refused: seconds or milliseconds?
  Duration duration(std::string_view key, Range<Duration> range, Duration otherwise);
  // Bytes: 65536, "64KiB", "1MiB".
  std::size_t size(std::string_view key, Range<std::size_t> range, std::size_t otherwise);

  template <class E>
  using Choice = std::pair<std::string_view, E>;
  template <class E, std::size_t N>
  E one_of(std::string_view key, const Choice<E> (&choices)[N], E otherwise);

  // An absent table is an empty one; an absent list of tables is an empty list.
  Section table(std::string_view key);
  std::vector<Section> tables(std::string_view key);

  // A key of a later version: refused when set, so that nobody believes it works.
  void not_available(std::string_view key, std::string_view what);

  // `allowed` may be empty. The key need not exist: the line is then that of the table.
  void refuse(std::string_view key, std::string_view wrong, std::string_view allowed);
  void refuse(const Text& text, std::string_view wrong, std::string_view allowed);
  void refuse_table(std::string_view wrong);  // the whole table: its keys do not go together
  // Refuses (or warns of) each key that no getter named.
  void done();

  const std::string& file() const { return file_; }
  Report& report() { return *report_; }

 private:
  const Value* find(std::string_view key);
  const Value* find(std::string_view key, Kind kind, std::string_view allowed);
  std::string path_of(std::string_view key) const;
  void refuse_at(int line, const std::string& path, std::string_view wrong, std::string_view allowed,
                 Problem problem = Problem::wrong);
  std::optional<std::string> expand(const Value& value, const std::string& path);
  std::optional<std::size_t> choose(std::string_view key, std::span<const std::string_view> names);

  const Value* table_;
  std::string file_;
  std::string prefix_;
  Report* report_;
  std::set<std::string, std::less<>> known_;
};

template <class E, std::size_t N>
E Section::one_of(std::string_view key, const Choice<E> (&choices)[N], E otherwise) {
  std::string_view names[N];
  for (std::size_t i = 0; i < N; ++i) names[i] = choices[i].first;
  const auto chosen = choose(key, names);
  return chosen ? choices[*chosen].second : otherwise;
}

}  // namespace fairlead::config
