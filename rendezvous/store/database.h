#pragma once
// One SQLite file, and statements on it. WAL with full synchronisation: what was committed is on disk. Several programs
// may have it open: SQLite locks, and a writer waits up to kBusyWait for another. Blocking I/O; one thread at a time,
// and never one that relays or ends TLS.
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "common/base/bytes.h"
#include "common/base/result.h"
#include "common/base/time.h"

struct sqlite3;
struct sqlite3_stmt;

namespace fairlead::rendezvous {

inline constexpr std::chrono::milliseconds kBusyWait{5000};

// Bind in order, step() through the rows, read columns by number. A failure stays: step() is false, ok() tells.
class Statement {
 public:
  Statement(sqlite3* database, std::string_view sql);
  ~Statement();
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;

  Statement& bind(std::int64_t value);
  Statement& bind(std::string_view value);
  Statement& bind(ByteView value);
  bool step();  // true: a row stands here
  bool ok() const { return ok_; }
  std::int64_t integer(int column) const;
  std::string text(int column) const;
  Bytes blob(int column) const;

 private:
  void note(int code);

  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  bool ok_ = false;
};

class Database {
 public:
  // Opens or makes the file (mode 0600) and checks it. Statement n of `steps` makes version n + 1 of version n; an
  // empty file is version 0, and what is missing is done at once or not at all. Errors: state_newer (made by a newer
  // program), state_damaged, state_unwritable; each names the file.
  using Steps = std::span<const char* const>;
  static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file, Steps steps);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  sqlite3* get() const { return database_; }
  Result<void> execute(const char* sql);
  // What the last call failed with: state_unwritable (no room, no right, locked for too long) or state_damaged.
  Error error() const;

 private:
  explicit Database(std::filesystem::path file) : file_(std::move(file)) {}
  Result<void> prepare(Steps steps);
  Result<std::int64_t> ask(const char* sql);

  const std::filesystem::path file_;
  sqlite3* database_ = nullptr;
};

// Rolls back unless committed.
class Transaction {
 public:
  explicit Transaction(Database& database) : database_(database), begun_(database.execute("BEGIN IMMEDIATE")) {}
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  const Result<void>& begun() const { return begun_; }
  Result<void> commit();

 private:
  Database& database_;
  Result<void> begun_;
  bool over_ = false;
};

}  // namespace fairlead::rendezvous
