#pragma once
// Command lines of the shape PROGRAM [OPTIONS] COMMAND [OPTIONS] [WORDS]: a table in, values and help out. Serves the
// agent, whose size is weighed: a library for command lines brings exceptions and iostreams, half a megabyte of a
// static program. Called by main before any thread. Options are long: --name VALUE or --name=VALUE; `--` ends them.
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "common/config/command_line.h"

namespace fairlead::config {

enum class Need : std::uint8_t { optional, required };

// Where a value goes: a switch, one value, or one for each time that it is given.
using Into = std::variant<bool*, std::string*, std::vector<std::string>*>;

struct Option {
  std::string_view name;  // with its dashes
  Into into;
  std::string_view help;
  std::string_view value;  // what help calls the value; empty for a switch
  Need need = Need::optional;
  std::string_view excludes = {};  // another option of the same command
};

// What a command takes that is no option.
struct Operand {
  std::string_view name;
  Into into;  // never a switch
  std::string_view help;
  std::string_view value;
  Need need = Need::optional;
};

struct CommandUsage {
  std::string_view name;
  std::string_view help;
  std::string_view footer;
  std::vector<Option> options;
  std::vector<Operand> operands = {};  // in their order; the first alone may be required, the last alone a list
};

struct ProgramUsage {
  std::string_view program;
  std::string_view version;
  std::string_view about;
  std::string_view footer;
  std::vector<Option> options;  // stand before or after the command
  std::vector<CommandUsage> commands;
  std::span<const std::string_view> later;  // commands of coming versions
};

// The name of the command, its values filled in; or the answer to --help, --version or what cannot be used.
std::variant<std::string_view, Answer> parse_arguments(const ProgramUsage& usage, int argc, const char* const* argv);

}  // namespace fairlead::config
