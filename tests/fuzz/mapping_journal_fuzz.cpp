// The journal of port mappings on arbitrary bytes, and its records behind a checksum that fits: what is read is written
// and read again to the same records.
#include <fmt/format.h>

#include "agent/nat/journal.h"
#include "common/base/check.h"
#include "common/crypto/sha256.h"

namespace {

void check(std::string_view text) {
  using namespace fairlead::agent::nat;
  const auto records = parse_journal(text);
  if (!records) return;
  CHECK(records->size() <= kMaxJournalRecords);
  CHECK(parse_journal(format_journal(*records)).value() == *records);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace fairlead;
  const std::string text(as_text({data, size}));
  check(text);
  const std::string body = text.substr(0, text.rfind("sum "));
  const crypto::Digest digest = crypto::sha256(as_bytes(body));
  check(body + fmt::format("sum {}\n", to_hex(ByteView(digest).first(8))));
  return 0;
}
