#include "rendezvous/store/database.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace fairlead::rendezvous {

Statement::Statement(sqlite3* database, std::string_view sql) {
  note(sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement_, nullptr));
}

Statement::~Statement() {
  sqlite3_finalize(statement_);
}

void Statement::note(int code) {
  ok_ = code == SQLITE_OK;
}

Statement& Statement::bind(std::int64_t value) {
  if (ok_) note(sqlite3_bind_int64(statement_, ++bound_, value));
  return *this;
}

Statement& Statement::bind(std::string_view value) {
  if (ok_) {
    note(sqlite3_bind_text64(statement_, ++bound_, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
  }
  return *this;
}

Statement& Statement::bind(ByteView value) {
  if (ok_) note(sqlite3_bind_blob64(statement_, ++bound_, value.data(), value.size(), SQLITE_TRANSIENT));
  return *this;
}

bool Statement::step() {
  if (!ok_) return false;
  const int code = sqlite3_step(statement_);
  ok_ = code == SQLITE_ROW || code == SQLITE_DONE;
  return code == SQLITE_ROW;
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string Statement::text(int column) const {
  const Bytes bytes = blob(column);
  return std::string(as_text(bytes));
}

Bytes Statement::blob(int column) const {
  const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
  const int size = sqlite3_column_bytes(statement_, column);
  return data == nullptr ? Bytes{} : Bytes(data, data + size);
}

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file, Steps steps) {
  // SQLite would make it with what the umask leaves, and its log and index take the mode from it.
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return fail(Reason::state_unwritable, fmt::format("{}: {}", file.string(), std::strerror(errno)));
  ::close(fd);
  std::unique_ptr<Database> out(new Database(file));
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX;
  if (sqlite3_open_v2(file.c_str(), &out->database_, flags, nullptr) != SQLITE_OK) return tl::unexpected(out->error());
  sqlite3_extended_result_codes(out->database_, 1);
  sqlite3_busy_timeout(out->database_, static_cast<int>(kBusyWait.count()));
  if (auto ready = out->prepare(steps); !ready) return tl::unexpected(ready.error());
  return out;
}

Database::~Database() {
  sqlite3_close(database_);
}

Result<void> Database::prepare(Steps steps) {
  const auto version = static_cast<std::int64_t>(steps.size());
  // The version first: what a newer program wrote is not judged, and not touched.
  const auto found = ask("PRAGMA user_version");
  if (!found) return tl::unexpected(found.error());
  if (*found > version) {
    return fail(Reason::state_newer,
                fmt::format("{}: version {}, this program knows {}", file_.string(), *found, version));
  }
  for (const char* pragma : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA trusted_schema = OFF"}) {
    if (auto set = execute(pragma); !set) return set;
  }
  Statement check(database_, "PRAGMA integrity_check(1)");
  if (!check.step() || check.text(0) != "ok") {
    return fail(Reason::state_damaged, fmt::format("{}: the check of the file failed", file_.string()));
  }
  Transaction transaction(*this);
  if (!transaction.begun()) return transaction.begun();
  const auto again = ask("PRAGMA user_version");  // another program may have been quicker
  if (!again) return tl::unexpected(again.error());
  if (*again >= version) return transaction.commit();
  for (const char* step : steps.subspan(static_cast<std::size_t>(*again))) {
    if (auto made = execute(step); !made) return made;
  }
  if (auto set = execute(fmt::format("PRAGMA user_version = {}", version).c_str()); !set) return set;
  return transaction.commit();
}

Result<std::int64_t> Database::ask(const char* sql) {
  Statement statement(database_, sql);
  if (!statement.step()) return tl::unexpected(error());
  return statement.integer(0);
}

Result<void> Database::execute(const char* sql) {
  if (sqlite3_exec(database_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return tl::unexpected(error());
  return {};
}

Error Database::error() const {
  const int code = sqlite3_errcode(database_) & 0xff;
  const bool damaged = code == SQLITE_CORRUPT || code == SQLITE_NOTADB || code == SQLITE_ERROR;
  return {damaged ? Reason::state_damaged : Reason::state_unwritable,
          fmt::format("{}: {}", file_.string(), sqlite3_errmsg(database_))};
}

Transaction::~Transaction() {
  if (!begun_ || over_) return;
  [[maybe_unused]] const auto undone = database_.execute("ROLLBACK");  // else the next opening does it
}

Result<void> Transaction::commit() {
  auto done = database_.execute("COMMIT");
  over_ = done.has_value();
  return done;
}

}  // namespace fairlead::rendezvous
