// `join`: a device gets its identity with a token, and a configuration that `run` finds.
#include <fmt/format.h>

#include <array>
#include <cstdio>

#include "agent/commands.h"
#include "agent/join/identity_folder.h"
#include "agent/join/joiner.h"
#include "agent/resource/host_label.h"
#include "common/base/json_writer.h"
#include "common/config/fields.h"
#include "common/config/usage.h"
#include "common/crypto/secret.h"
#include "common/program/start_line.h"
#include "common/tls/certificate_request.h"
#include "common/tls/private_file.h"
#include "common/tls/time_text.h"

namespace fairlead::agent {
namespace {

Result<std::string> read_standard_input() {
  std::array<char, wire::kMaxJoinTokenText + 1> text{};
  const std::size_t size = std::fread(text.data(), 1, text.size(), stdin);
  if (std::ferror(stdin) != 0) return fail(Reason::config_invalid, "--token-file -: standard input cannot be read");
  return std::string(text.data(), size);
}

Result<wire::JoinToken> read_token(const JoinCommand& command) {
  if (command.token_file.empty()) return wire::parse_join_token(command.token);
  if (command.token_file == "-") {
    const auto text = read_standard_input();
    if (!text) return tl::unexpected(text.error());
    return wire::parse_join_token(*text);
  }
  const auto text = tls::read_whole_file(command.token_file, wire::kMaxJoinTokenText);
  if (!text) return fail(Reason::config_invalid, "--token-file " + text.error().detail);
  return wire::parse_join_token(as_text(*text));
}

// In a person's words: who joins has neither a log nor the habit of `explain`.
Error in_words(const Error& why) {
  if (why.reason == Reason::config_invalid || why.reason == Reason::io_failed) return why;
  const ReasonText& text = reason_text(why.reason);
  return {why.reason,
          fmt::format("{}{}; next: {}", text.cause, why.detail.empty() ? "" : " (" + why.detail + ")", text.next_step)};
}

std::string run_line(const JoinCommand& command, const IdentityFolder& folder) {
  return program::start_line(kProgram, folder.config().string(), config::user_of_process(),
                             command.dir.empty() ? program::Found::alone : program::Found::by_option);
}

// What of it the next command needs, too.
std::string dir_words(const JoinCommand& command) {
  return command.dir.empty() ? "" : " --dir " + command.dir;
}

std::string answer_text(const JoinCommand& command, const IdentityFolder& folder, const wire::Joined& joined,
                        const tls::Credentials& credentials) {
  const std::string not_after = tls::time_text(credentials.not_after());
  if (command.format == config::AnswerFormat::json) {
    JsonWriter json;
    json.begin_object().field("name", joined.name).field("cluster", joined.cluster);
    json.field("id", credentials.spiffe_id()).field("not_after", not_after);
    json.field("config", folder.config().string()).field("run", run_line(command, folder));
    return json.end_object().take() + "\n";
  }
  return fmt::format(
      "{}.{} joined {}, until {}\nstart its agent:\n  {}\nand offer a service of this host, such as:\n"
      "  fairlead-agent expose web=http://127.0.0.1:8080{}\n",
      joined.name, joined.cluster, joined.trust_domain, not_after, run_line(command, folder), dir_words(command));
}

Result<config::Answer> join(const JoinCommand& command, wire::JoinToken token) {
  const IdentityFolder folder = IdentityFolder::find(command.dir);
  if (folder.has_identity() && command.again == Again::no)
    return fail(Reason::already_joined, folder.config().string() + " is there");
  const std::string name = command.name.empty() ? host_label() : command.name;
  if (name.empty()) return fail(Reason::config_invalid, "the host's name is not a label; choose one with --name");
  if (auto usable = folder.check(token, name); !usable) return tl::unexpected(usable.error());
  auto key = folder.take_key();
  if (!key) return tl::unexpected(key.error());
  auto csr = tls::write_certificate_request(*key);
  crypto::wipe({reinterpret_cast<std::uint8_t*>(key->data()), key->size()});
  if (!csr)
    return fail(csr.error().reason,
                fmt::format("agent.key in {}: {}", folder.config().parent_path().string(), csr.error().detail));
  const auto joined = Joiner({std::move(token), name, std::move(*csr)}).run();
  if (!joined) return tl::unexpected(joined.error());
  const auto credentials = folder.keep(*joined);
  if (!credentials) return tl::unexpected(credentials.error());
  config::Answer out{.out = answer_text(command, folder, *joined, **credentials), .err = {}};
  for (const std::string& warning : (*credentials)->warnings()) out.err += warning + "\n";
  return out;
}

}  // namespace

int run_command(const JoinCommand& command) {
  auto token = read_token(command);
  if (!token && token.error().reason == Reason::token_malformed)
    return config::print(config::unusable(kProgram, "token_malformed: " + in_words(token.error()).detail));
  if (!token) return config::complain(kProgram, token.error());
  const auto answer = join(command, std::move(*token));
  return answer ? config::print(*answer) : config::complain(kProgram, in_words(answer.error()));
}

}  // namespace fairlead::agent
