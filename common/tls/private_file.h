#pragma once
// Small files with secrets in them: read whole, written whole and durably, readable by their owner alone. Blocking.
#include <filesystem>

#include "common/base/bytes.h"
#include "common/base/result.h"

namespace fairlead::tls {

// A file of at most `most` bytes. The error names the file and says what is wrong (Reason::io_failed).
Result<Bytes> read_whole_file(const std::filesystem::path& file, std::size_t most);
// The same for a file that a program of this user wrote: no link, nothing but a regular file, and ours.
Result<Bytes> read_own_file(const std::filesystem::path& file, std::size_t most);
// Replaces or makes `file`: temporary file, fsync, rename, fsync of the directory.
Result<void> replace_file(const std::filesystem::path& file, ByteView content, std::filesystem::perms mode);
// The same with mode 0600.
Result<void> replace_private_file(const std::filesystem::path& file, ByteView content);
// `to` is what `from` was, whatever it was before; both are in one directory.
Result<void> rename_file(const std::filesystem::path& from, const std::filesystem::path& to);
// Durably; it is no error when it is not there.
Result<void> remove_file(const std::filesystem::path& file);
// Makes `file` durably; fails when it exists.
Result<void> create_file(const std::filesystem::path& file, ByteView content, std::filesystem::perms mode);
// That a file can be made in `directory`, which is made if it is missing (Reason::state_unwritable).
Result<void> check_writable(const std::filesystem::path& directory);
// `mkdir -p`, for nobody else to write in, whatever the umask; what fails is told by the first file that cannot be made
// there.
void make_directories(const std::filesystem::path& directory);

}  // namespace fairlead::tls
