#include "common/config/arguments.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>

#include "common/config/nearest.h"
#include "common/config/usage.h"

namespace fairlead::config {
namespace {

constexpr std::size_t kHelpColumn = 26;
constexpr Option kHelp{"--help", static_cast<bool*>(nullptr), "Print this and exit", ""};
constexpr Option kVersion{"--version", static_cast<bool*>(nullptr), "Print the version and exit", ""};

void append_row(std::string& out, std::string_view left, std::string_view help) {
  std::string row = fmt::format("  {} ", left);
  if (row.size() < kHelpColumn) row.resize(kHelpColumn, ' ');
  out += fmt::format("{}{}\n", row, help);
}

void append_option(std::string& out, const Option& option) {
  const std::string_view need = option.need == Need::required ? " (required)" : "";
  append_row(out, fmt::format("{}{}{}{}", option.name, option.value.empty() ? "" : " ", option.value, need),
             option.help);
}

std::string help_of(const ProgramUsage& usage) {
  std::string out = fmt::format("{}\n\nUsage: {} [OPTIONS] COMMAND ...\n\nOptions:\n", usage.about, usage.program);
  append_option(out, kHelp);
  append_option(out, kVersion);
  for (const Option& option : usage.options) append_option(out, option);
  out += "\nCommands:\n";
  for (const CommandUsage& command : usage.commands) append_row(out, command.name, command.help);
  return out + fmt::format("\n{}\n", usage.footer);
}

std::string help_of(const ProgramUsage& usage, const CommandUsage& command) {
  std::string out = fmt::format("{}\n\nUsage: {} {} [OPTIONS]", command.help, usage.program, command.name);
  for (const Operand& operand : command.operands) {
    const bool many = std::holds_alternative<std::vector<std::string>*>(operand.into);
    const std::string shape = fmt::format("{}{}", operand.value, many ? "..." : "");
    out += operand.need == Need::required ? fmt::format(" {}", shape) : fmt::format(" [{}]", shape);
  }
  out += "\n\n";
  for (const Operand& operand : command.operands) append_row(out, operand.value, operand.help);
  if (!command.operands.empty()) out += "\n";
  out += "Options:\n";
  append_option(out, kHelp);
  append_option(out, kVersion);
  for (const Option& option : command.options) append_option(out, option);
  for (const Option& option : usage.options) append_option(out, option);
  return out + fmt::format("\n{}\n", command.footer);
}

class Parser {
 public:
  Parser(const ProgramUsage& usage, int argc, const char* const* argv)
      : usage_(usage), words_(argv + std::min(argc, 1), argv + argc) {}

  std::variant<std::string_view, Answer> parse() {
    while (!answer_ && next_ < words_.size()) {
      const std::string_view word = words_[next_++];
      if (options_ended_ || !word.starts_with("-") || word == "-") {
        on_word(word);
      } else if (word == "--") {
        options_ended_ = true;
      } else {
        on_option(word);
      }
    }
    if (!answer_) check_complete();
    if (answer_) return std::move(*answer_);
    return command_->name;
  }

 private:
  void refuse(std::string_view wrong) { answer_ = unusable(usage_.program, wrong); }

  void on_word(std::string_view word) {
    if (command_ == nullptr) return on_command(word);
    if (operands_given_ < command_->operands.size()) {
      const Operand& operand = command_->operands[operands_given_];
      if (auto* const* all = std::get_if<std::vector<std::string>*>(&operand.into)) {
        (*all)->emplace_back(word);
        return;
      }
      ++operands_given_;
      *std::get<std::string*>(operand.into) = word;
      return;
    }
    refuse(fmt::format("{} was not expected", shown(word)));
  }

  void on_command(std::string_view word) {
    const auto found = std::ranges::find(usage_.commands, word, &CommandUsage::name);
    if (found != usage_.commands.end()) {
      command_ = &*found;
    } else {
      no_command_named({std::string(word)});
    }
  }

  void no_command_named(const std::vector<std::string>& words) {
    std::vector<std::string_view> names;
    for (const CommandUsage& command : usage_.commands) names.push_back(command.name);
    answer_ = no_command(usage_.program, words, names, usage_.later);
  }

  void on_option(std::string_view word) {
    const std::size_t equals = word.find('=');
    const std::string_view name = word.substr(0, equals);
    if (word == "--help" || word == "-h") {
      answer_ = Answer{kExitSuccess, command_ == nullptr ? help_of(usage_) : help_of(usage_, *command_), ""};
      return;
    }
    if (word == kVersion.name) {
      answer_ = Answer{kExitSuccess, fmt::format("{} {}\n", usage_.program, usage_.version), ""};
      return;
    }
    const Option* option = find_option(name);
    if (option == nullptr) return refuse(fmt::format("{} is not an option here", shown(name)));
    given_.push_back(option);
    if (bool* const* on = std::get_if<bool*>(&option->into)) {
      if (equals != std::string_view::npos) return refuse(fmt::format("{} takes no value", name));
      **on = true;
      return;
    }
    if (equals != std::string_view::npos) return take_value(*option, word.substr(equals + 1));
    // A value that reads as an option is more likely a forgotten value; --name=VALUE takes anything.
    if (next_ == words_.size() || words_[next_].starts_with("--")) {
      return refuse(fmt::format("{}: {} is missing", name, option->value));
    }
    take_value(*option, words_[next_++]);
  }

  void take_value(const Option& option, std::string_view value) {
    if (auto* const* all = std::get_if<std::vector<std::string>*>(&option.into)) {
      (*all)->emplace_back(value);
    } else if (std::ranges::count(given_, &option) > 1) {
      refuse(fmt::format("{} stands here twice", option.name));
    } else {
      *std::get<std::string*>(option.into) = value;
    }
  }

  const Option* find_option(std::string_view name) const {
    if (command_ != nullptr) {
      const auto own = std::ranges::find(command_->options, name, &Option::name);
      if (own != command_->options.end()) return &*own;
    }
    const auto found = std::ranges::find(usage_.options, name, &Option::name);
    return found == usage_.options.end() ? nullptr : &*found;
  }

  bool given(std::string_view name) const { return std::ranges::find(given_, name, &Option::name) != given_.end(); }

  void check_complete() {
    if (command_ == nullptr) return no_command_named({});
    for (const Option& option : command_->options) {
      if (option.need == Need::required && !given(option.name))
        return refuse(fmt::format("{} is missing", option.name));
      if (!option.excludes.empty() && given(option.name) && given(option.excludes)) {
        return refuse(fmt::format("{} and {} exclude each other", option.name, option.excludes));
      }
    }
    for (const Operand& operand : command_->operands) {
      const auto* const* all = std::get_if<std::vector<std::string>*>(&operand.into);
      const bool none = all != nullptr ? (*all)->empty() : operands_given_ == 0;
      if (operand.need == Need::required && none) return refuse(fmt::format("{} is missing", operand.name));
    }
  }

  const ProgramUsage& usage_;
  const std::vector<std::string_view> words_;
  std::size_t next_ = 0;
  bool options_ended_ = false;
  const CommandUsage* command_ = nullptr;  // null until it is named
  std::size_t operands_given_ = 0;         // those that take one value
  std::vector<const Option*> given_;
  std::optional<Answer> answer_;
};

}  // namespace

std::variant<std::string_view, Answer> parse_arguments(const ProgramUsage& usage, int argc, const char* const* argv) {
  return Parser(usage, argc, argv).parse();
}

}  // namespace fairlead::config
