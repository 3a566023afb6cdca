#pragma once
// The mappings that stand, or may stand, in gateways, on disk: what a killed agent left behind is found again at its
// next start. One small text file, mode 0600, replaced whole (write, fsync, rename), and only when a mapping came, went
// or moved: flash wears out, so renewals do not touch it. Owned by the port mapper; one loop; blocks for the write.
//
//   fairlead mappings 1
//   pcp eth0 192.168.1.1 192.168.1.10:15443 203.0.113.5:40000 7200 000102030405060708090a0b 1700000000
//   sum 0123456789abcdef
#include <string>
#include <string_view>
#include <vector>

#include "agent/nat/mapping_record.h"
#include "common/base/result.h"

namespace fairlead::agent::nat {

inline constexpr std::size_t kMaxJournalRecords = 64;
inline constexpr std::size_t kMaxJournalBytes = 32 * 1024;

std::string format_journal(const std::vector<MappingRecord>& records);
// The whole text as format_journal() writes it, or io_failed with what is wrong: a record that is almost right would
// have a mapping deleted that is not ours.
Result<std::vector<MappingRecord>> parse_journal(std::string_view text);

class Journal {
 public:
  explicit Journal(std::string file);  // empty: keeps nothing

  // What the last life knew; a file that cannot be understood is moved aside (".bad") with a warning.
  std::vector<MappingRecord> load();
  // Makes the file say `records` (the first kMaxJournalRecords). A failure is logged once until a write succeeds.
  void keep(std::vector<MappingRecord> records, WallTime now);
  std::size_t writes() const { return writes_; }

 private:
  void write();

  std::string file_;
  std::vector<MappingRecord> kept_;
  std::size_t writes_ = 0;
  enum class Disk : std::uint8_t { works, fails } disk_ = Disk::works;
};

}  // namespace fairlead::agent::nat
