#include "common/net/file_watch.h"

#include <sys/stat.h>

namespace fairlead::net {

FileWatch::FileWatch(Loop& loop, std::array<std::string, 3> files, std::function<void()> on_change)
    : loop_(loop),
      files_(std::move(files)),
      on_change_(std::move(on_change)),
      seen_(look()),
      timer_([](void* self) { static_cast<FileWatch*>(self)->on_timer(); }, this) {
  loop_.timers().arm(timer_, loop_.now() + kFileCheck);
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

void FileWatch::on_timer() {
  loop_.timers().arm(timer_, loop_.now() + kFileCheck);
  const Stamps now = look();
  if (now == seen_) return;
  seen_ = now;
  on_change_();
}

}  // namespace fairlead::net
