#include "common/net/file_watch.h"

#include <sys/stat.h>

#include "common/base/check.h"

#ifdef __linux__
#include <sys/inotify.h>
#endif

namespace fairlead::net {
namespace {

#ifdef __linux__

std::string directory_of(const std::string& file) {
  const auto slash = file.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : file.substr(0, slash);
}

// The directories, where a file is replaced, and the files, which may be links to others that are rewritten. Invalid
// where not all directories can be watched.
Fd open_inotify(const std::array<std::string, 3>& files) {
  // Also that the directory itself makes room for another: the watch stays with the one that went.
  constexpr std::uint32_t kInDirectory =
      IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_DELETE | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF;
  constexpr std::uint32_t kOnFile = IN_CLOSE_WRITE | IN_ATTRIB;
  Fd fd(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!fd.valid()) return fd;
  for (const std::string& file : files) {
    if (::inotify_add_watch(fd.get(), directory_of(file).c_str(), kInDirectory) < 0) return Fd();
    static_cast<void>(::inotify_add_watch(fd.get(), file.c_str(), kOnFile));  // it may not be there yet
  }
  return fd;
}

#else

Fd open_inotify(const std::array<std::string, 3>& /*files*/) {
  return Fd();
}

#endif

}  // namespace

FileWatch::FileWatch(Loop& loop, std::array<std::string, 3> files, std::function<void()> on_change)
    : loop_(loop),
      files_(std::move(files)),
      on_change_(std::move(on_change)),
      timer_([](void* self) { static_cast<FileWatch*>(self)->on_timer(); }, this) {
  watch();
  seen_ = look();
}

FileWatch::Stamps FileWatch::look() const {
  Stamps stamps;
  for (std::size_t i = 0; i < files_.size(); ++i) {
    struct stat info{};
    if (::stat(files_[i].c_str(), &info) != 0) continue;
    stamps[i] = {info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_ino, info.st_size};
  }
  return stamps;
}

// Anew after each event: what it named may be another file by now.
void FileWatch::watch() {
  poll_.reset();
  inotify_ = open_inotify(files_);
  if (inotify_.valid()) {
    poll_.emplace(this);
    CHECK(uv_poll_init(loop_.uv(), poll_->get(), inotify_.get()) == 0);
    CHECK(uv_poll_start(poll_->get(), UV_READABLE, on_poll) == 0);
  }
  loop_.timers().arm(timer_, loop_.now() + (inotify_.valid() ? kFileCheckSeldom : kFileCheck));
}

void FileWatch::on_poll(uv_poll_t* handle, int /*status*/, int /*events*/) {
  if (handle->data != nullptr) static_cast<FileWatch*>(handle->data)->on_event();
}

// Deaf until it has looked: a folder where much happens wakes this process twice a second at most.
void FileWatch::on_event() {
  poll_.reset();
  loop_.timers().arm(timer_, loop_.now() + kFileSettle);
}

void FileWatch::on_timer() {
  watch();
  const Stamps now = look();
  if (now == seen_) return;
  seen_ = now;
  on_change_();
}

}  // namespace fairlead::net
