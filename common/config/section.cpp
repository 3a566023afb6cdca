#include "common/config/section.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdlib>

#include "common/config/nearest.h"
#include "common/config/units.h"

namespace fairlead::config {
namespace {

constexpr std::size_t kMaxWarnings = 50;  // a file of nonsense must not fill the log

const Value* find_member(const Value& table, std::string_view key) {
  const auto at = std::find_if(table.members.begin(), table.members.end(),
                               [key](const Member& member) { return member.key == key; });
  return at == table.members.end() ? nullptr : &at->value;
}

bool is_variable_name(std::string_view name) {
  return !name.empty() && (name.front() < '0' || name.front() > '9') &&
         name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_") ==
             std::string_view::npos;
}

// Tables of other programs and of templates (`[x-defaults]`) are nobody's business here.
bool is_ignored(const Member& member) {
  if (!member.key.starts_with("x-")) return false;
  if (member.value.kind == Kind::table) return true;
  return member.value.kind == Kind::array && !member.value.items.empty() &&
         member.value.items.front().kind == Kind::table;
}

}  // namespace

Environment process_environment() {
  return [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

void Report::refuse(Error error, Problem problem) {
  const bool outranked = error_ && (problem_ == Problem::wrong || problem == Problem::missing);
  if (outranked) return;
  error_ = std::move(error);
  problem_ = problem;
}

bool Report::warnings_full() const {
  return warnings_.size() >= kMaxWarnings;
}

void Report::warn(std::string line) {
  if (!warnings_full()) warnings_.push_back(std::move(line));
}

Section::Section(const Value& table, std::string file, std::string prefix, Report& report)
    : table_(&table), file_(std::move(file)), prefix_(std::move(prefix)), report_(&report) {}

bool Section::has(std::string_view key) {
  return find(key) != nullptr;
}

std::optional<Kind> Section::kind_of(std::string_view key) const {
  const Value* value = find_member(*table_, key);
  if (value == nullptr) return std::nullopt;
  return value->kind;
}

const Value* Section::find(std::string_view key) {
  known_.emplace(key);
  return find_member(*table_, key);
}

const Value* Section::find(std::string_view key, Kind kind, std::string_view allowed) {
  const Value* value = find(key);
  if (value == nullptr || value->kind == kind) return value;
  refuse(key, fmt::format("must be {}, is {}", kind_name(kind), kind_name(value->kind)), allowed);
  return nullptr;
}

std::string Section::path_of(std::string_view key) const {
  return prefix_.empty() ? std::string(key) : fmt::format("{}.{}", prefix_, key);
}

std::optional<std::string> Section::expand(const Value& value, const std::string& path) {
  std::string out;
  std::string_view rest = value.text;
  while (true) {
    const auto at = rest.find("${");
    out += rest.substr(0, at);
    if (at == std::string_view::npos) return out;
    if (at > 0 && rest[at - 1] == '$') {  // "$${" is a literal "${"
      out += '{';
      rest.remove_prefix(at + 2);
      continue;
    }
    const auto end = rest.find('}', at);
    const std::string name(rest.substr(at + 2, end == std::string_view::npos ? end : end - at - 2));
    if (end == std::string_view::npos || !is_variable_name(name)) {
      refuse_at(value.line, path, fmt::format("\"${{{}\" does not name an environment variable", shown(name)),
                "${NAME}, or $${ for a literal ${");
      return std::nullopt;
    }
    const auto variable = report_->variable(name);
    if (!variable) {
      refuse_at(value.line, path, fmt::format("the environment variable {} is not set", shown(name)),
                "a variable that is set");
      return std::nullopt;
    }
    out += *variable;
    rest.remove_prefix(end + 1);
  }
}

std::optional<Text> Section::find_text(std::string_view key, std::string_view allowed) {
  const Value* value = find(key, Kind::text, allowed);
  if (value == nullptr) return std::nullopt;
  const std::string path = path_of(key);
  auto expanded = expand(*value, path);
  if (!expanded) return std::nullopt;
  return Text{std::move(*expanded), value->text, path, value->line};
}

std::string Section::text(std::string_view key, std::string_view otherwise) {
  auto found = find_text(key);
  return found ? std::move(found->value) : std::string(otherwise);
}

std::optional<Text> Section::required_text(std::string_view key, std::string_view allowed) {
  auto found = find_text(key, allowed);
  if (!has(key)) refuse(key, "is missing", allowed);
  if (found && found->value.empty()) {
    refuse(*found, "is empty", allowed);
    return std::nullopt;
  }
  return found;
}

std::vector<Text> Section::texts(std::string_view key, std::string_view allowed) {
  std::vector<Text> out;
  const Value* list = find(key, Kind::array, allowed);
  if (list == nullptr) return out;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Value& item = list->items[i];
    const std::string path = fmt::format("{}[{}]", path_of(key), i + 1);
    if (item.kind != Kind::text) {
      refuse_at(item.line, path, fmt::format("must be a string, is {}", kind_name(item.kind)), allowed);
      return {};
    }
    auto expanded = expand(item, path);
    if (!expanded) return {};
    out.push_back(Text{std::move(*expanded), item.text, path, item.line});
  }
  return out;
}

bool Section::flag(std::string_view key, bool otherwise) {
  const Value* value = find(key, Kind::boolean, "true, false");
  return value != nullptr ? value->integer != 0 : otherwise;
}

std::int64_t Section::integer(std::string_view key, Range<std::int64_t> range, std::int64_t otherwise) {
  const std::string allowed = fmt::format("{} to {}", range.least, range.most);
  const Value* value = find(key, Kind::integer, allowed);
  if (value == nullptr) return otherwise;
  if (value->integer >= range.least && value->integer <= range.most) return value->integer;
  refuse(key, fmt::format("{} is out of range", value->integer), allowed);
  return otherwise;
}

Duration Section::duration(std::string_view key, Range<Duration> range, Duration otherwise) {
  const auto found = find_text(key, kDurationForm);
  if (!found) return otherwise;
  const auto duration = parse_duration(found->value);
  if (!duration) {
    refuse(*found, fmt::format("\"{}\" is not a duration", shown(found->written)), kDurationForm);
    return otherwise;
  }
  if (*duration >= range.least && *duration <= range.most) return *duration;
  refuse(*found, fmt::format("\"{}\" is out of range", shown(found->written)),
         fmt::format("{} to {}", format_duration(range.least), format_duration(range.most)));
  return otherwise;
}

std::size_t Section::size(std::string_view key, Range<std::size_t> range, std::size_t otherwise) {
  const Value* value = find(key);
  if (value == nullptr) return otherwise;
  std::optional<std::size_t> size;
  if (value->kind == Kind::integer && value->integer >= 0) size = static_cast<std::size_t>(value->integer);
  if (value->kind == Kind::text) {
    const auto expanded = expand(*value, path_of(key));
    if (!expanded) return otherwise;
    size = parse_size(*expanded);
  }
  if (!size) {
    refuse(key, "is not a size", kSizeForm);
    return otherwise;
  }
  if (*size >= range.least && *size <= range.most) return *size;
  refuse(key, fmt::format("{} is out of range", format_size(*size)),
         fmt::format("{} to {}", format_size(range.least), format_size(range.most)));
  return otherwise;
}

std::optional<std::size_t> Section::choose(std::string_view key, std::span<const std::string_view> names) {
  const std::string allowed = fmt::format("{}", fmt::join(names, ", "));
  const auto found = find_text(key, allowed);
  if (!found) return std::nullopt;
  const auto at = std::find(names.begin(), names.end(), found->value);
  if (at != names.end()) return static_cast<std::size_t>(at - names.begin());
  refuse(*found, fmt::format("\"{}\" is not known", shown(found->written)), allowed);
  return std::nullopt;
}

Section Section::table(std::string_view key) {
  static const Value kEmpty;
  const Value* found = find(key, Kind::table, fmt::format("[{}]", path_of(key)));
  return Section(found == nullptr ? kEmpty : *found, file_, path_of(key), *report_);
}

std::vector<Section> Section::tables(std::string_view key) {
  std::vector<Section> out;
  const std::string allowed = fmt::format("[[{}]]", path_of(key));
  const Value* list = find(key, Kind::array, allowed);
  if (list == nullptr) return out;
  for (std::size_t i = 0; i < list->items.size(); ++i) {
    const Value& item = list->items[i];
    const std::string path = fmt::format("{}[{}]", path_of(key), i + 1);
    if (item.kind != Kind::table) {
      refuse_at(item.line, path, fmt::format("must be a table, is {}", kind_name(item.kind)), allowed);
      return {};
    }
    out.emplace_back(item, file_, path, *report_);
  }
  return out;
}

void Section::not_available(std::string_view key, std::string_view what) {
  if (find(key) == nullptr) return;
  refuse(key, fmt::format("{} is not available in this version", what), "leave it out");
}

void Section::refuse(std::string_view key, std::string_view wrong, std::string_view allowed) {
  const Value* value = find(key);
  refuse_at(value == nullptr ? table_->line : value->line, path_of(key), wrong, allowed,
            value == nullptr ? Problem::missing : Problem::wrong);
}

void Section::refuse(const Text& text, std::string_view wrong, std::string_view allowed) {
  refuse_at(text.line, text.key, wrong, allowed);
}

void Section::refuse_table(std::string_view wrong) {
  refuse_at(table_->line, prefix_, wrong, "");
}

void Section::refuse_at(int line, const std::string& path, std::string_view wrong, std::string_view allowed,
                        Problem problem) {
  std::string text = fmt::format("{}:{}: {}: {}", file_, line, path, wrong);
  if (!allowed.empty()) text += fmt::format("; allowed: {}", allowed);
  report_->refuse({Reason::config_invalid, one_line(std::move(text))}, problem);
}

void Section::done() {
  const std::vector<std::string_view> names(known_.begin(), known_.end());
  for (const Member& member : table_->members) {
    if (known_.contains(member.key) || is_ignored(member)) continue;
    const std::string path = path_of(shown(member.key));
    const std::string wrong = "unknown key" + nearest_hint(member.key, names);
    const std::string allowed = fmt::format("{}", fmt::join(names, ", "));
    if (report_->unknown_keys() == UnknownKeys::refuse) {
      refuse_at(member.value.line, path, wrong, allowed);
      return;
    }
    if (report_->warnings_full()) return;
    report_->warn(fmt::format("{}:{}: {}: {}; allowed: {}", file_, member.value.line, path, wrong, allowed));
  }
}

}  // namespace fairlead::config
