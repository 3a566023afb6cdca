#include "agent/nat/journal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <utility>

#include "common/base/log.h"
#include "common/crypto/sha256.h"
#include "common/tls/private_file.h"

namespace fairlead::agent::nat {
namespace {

constexpr std::string_view kHead = "fairlead mappings 1\n";
constexpr std::string_view kSumWord = "sum ";
constexpr std::size_t kSumBytes = 8;
constexpr std::size_t kMostInterface = 15;  // IFNAMSIZ - 1
constexpr std::int64_t kMostSeconds = std::int64_t{1} << 40;
constexpr std::size_t kFields = 8;

std::string checksum(std::string_view text) {
  const crypto::Digest digest = crypto::sha256(as_bytes(text));
  return to_hex(ByteView(digest).first(kSumBytes));
}

// The text up to the separator, which is taken away with it; empty when there is none.
std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  if (end == std::string_view::npos) return {};
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(end + 1);
  return taken;
}

std::optional<std::int64_t> parse_seconds(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0 || value > kMostSeconds)
    return std::nullopt;
  return value;
}

std::optional<MappingProtocol> parse_protocol(std::string_view text) {
  for (const auto protocol : {MappingProtocol::pcp, MappingProtocol::nat_pmp, MappingProtocol::upnp}) {
    if (text == protocol_name(protocol)) return protocol;
  }
  return std::nullopt;
}

std::optional<MappingNonce> parse_nonce(std::string_view text) {
  MappingNonce nonce{};
  if (text.size() != 2 * nonce.size()) return std::nullopt;
  for (std::size_t i = 0; i < nonce.size(); ++i) {
    const char* at = text.data() + 2 * i;
    const auto [end, error] = std::from_chars(at, at + 2, nonce[i], 16);
    if (error != std::errc() || end != at + 2) return std::nullopt;
  }
  return nonce;
}

std::optional<MappingRecord> parse_record(std::string_view line) {
  std::array<std::string_view, kFields> fields;
  for (std::size_t i = 0; i + 1 < kFields; ++i) fields[i] = take_until(line, ' ');
  fields.back() = line;
  const auto protocol = parse_protocol(fields[0]);
  const auto gateway = IpAddress::parse(fields[2]);
  const auto internal = SocketAddress::parse(fields[3]);
  const auto external = SocketAddress::parse(fields[4]);
  const auto lifetime = parse_seconds(fields[5]);
  const auto nonce = parse_nonce(fields[6]);
  const auto since = parse_seconds(fields[7]);
  if (!protocol || !gateway || !internal || !external || !lifetime || !nonce || !since) return std::nullopt;
  if (fields[1].empty() || fields[1].size() > kMostInterface) return std::nullopt;
  if (internal->port == 0 || external->port == 0) return std::nullopt;
  return MappingRecord{*protocol, std::string(fields[1]),          *gateway, *internal,
                       *external, std::chrono::seconds(*lifetime), *nonce,   WallTime(std::chrono::seconds(*since))};
}

// Renewals change the lifetime by a second or two and nothing that matters to a later life.
bool same_mapping(const MappingRecord& a, const MappingRecord& b) {
  return a.protocol == b.protocol && a.interface == b.interface && a.gateway == b.gateway && a.internal == b.internal &&
         a.external == b.external && a.nonce == b.nonce && (a.lifetime == 0s) == (b.lifetime == 0s);
}

}  // namespace

std::string format_journal(const std::vector<MappingRecord>& records) {
  std::string text(kHead);
  for (const MappingRecord& r : records) {
    text += fmt::format("{} {} {} {} {} {} {} {}\n", protocol_name(r.protocol), r.interface, r.gateway.to_string(),
                        r.internal.to_string(), r.external.to_string(), r.lifetime.count(), to_hex(r.nonce),
                        r.since.time_since_epoch().count());
  }
  return text + fmt::format("{}{}\n", kSumWord, checksum(text));
}

Result<std::vector<MappingRecord>> parse_journal(std::string_view text) {
  if (text.size() > kMaxJournalBytes) return fail(Reason::io_failed, "too long");
  if (!text.starts_with(kHead)) return fail(Reason::io_failed, "another format");
  const std::size_t sum_line = kSumWord.size() + 2 * kSumBytes + 1;
  if (text.size() < kHead.size() + sum_line) return fail(Reason::io_failed, "cut off");
  std::string_view body = text.substr(0, text.size() - sum_line);
  if (text.substr(body.size()) != fmt::format("{}{}\n", kSumWord, checksum(body))) {
    return fail(Reason::io_failed, "the checksum is wrong");
  }
  body.remove_prefix(kHead.size());
  std::vector<MappingRecord> records;
  while (!body.empty()) {
    auto record = parse_record(take_until(body, '\n'));
    if (!record) return fail(Reason::io_failed, fmt::format("record {} is malformed", records.size() + 1));
    if (records.size() == kMaxJournalRecords) return fail(Reason::io_failed, "too many records");
    records.push_back(std::move(*record));
  }
  return records;
}

Journal::Journal(std::string file) : file_(std::move(file)) {}

std::vector<MappingRecord> Journal::load() {
  if (file_.empty() || ::access(file_.c_str(), F_OK) != 0) return {};
  const auto bytes = tls::read_own_file(file_, kMaxJournalBytes);
  auto records = bytes ? parse_journal(as_text(*bytes)) : tl::unexpected<Error>(bytes.error());
  if (records) return kept_ = std::move(*records);
  const std::string aside = file_ + ".bad";
  std::rename(file_.c_str(), aside.c_str());
  log(Level::warn, "journal of port mappings set aside; mappings of an earlier run may stay in the gateway",
      {{"file", aside}, {"reason", reason_code(records.error().reason)}, {"detail", records.error().detail}});
  return {};
}

void Journal::keep(std::vector<MappingRecord> records, WallTime now) {
  if (file_.empty()) return;
  if (records.size() > kMaxJournalRecords) records.resize(kMaxJournalRecords);
  for (MappingRecord& record : records) {
    const auto known = std::ranges::find_if(kept_, [&](const MappingRecord& k) { return same_mapping(k, record); });
    if (known != kept_.end()) {
      record = *known;
    } else {
      record.since = now;
    }
  }
  if (records == kept_) return;
  kept_ = std::move(records);
  write();
}

void Journal::write() {
  ++writes_;
  const std::string text = format_journal(kept_);
  const auto written = tls::replace_private_file(file_, as_bytes(text));
  const Disk before = std::exchange(disk_, written ? Disk::works : Disk::fails);
  if (written || before == Disk::fails) return;
  log(Level::warn, "journal of port mappings cannot be written",
      {{"reason", reason_code(Reason::state_unwritable)}, {"detail", written.error().detail}});
}

}  // namespace fairlead::agent::nat
