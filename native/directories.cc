#include "directories.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <vector>

#include "held.h"

// Newer than the headers that this must build with.
#ifndef FAN_REPORT_PIDFD
#define FAN_REPORT_PIDFD 0x80
#endif
#ifndef FAN_REPORT_TARGET_FID
#define FAN_REPORT_TARGET_FID 0x1000
#endif
#ifndef FAN_RENAME
#define FAN_RENAME 0x10000000
#endif
#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif

namespace puppy {
namespace {

constexpr size_t kMaxDirectories = 1 << 19;
constexpr size_t kMaxIgnored = 1 << 16;
constexpr unsigned kBasic = FAN_CLASS_NOTIF | FAN_CLOEXEC | FAN_NONBLOCK | FAN_UNLIMITED_MARKS | FAN_REPORT_DIR_FID | FAN_REPORT_NAME;
constexpr unsigned kTargets = FAN_REPORT_FID | FAN_REPORT_TARGET_FID;
constexpr uint64_t kFileMask = FAN_MODIFY | FAN_CLOSE_WRITE | FAN_ATTRIB;
constexpr uint64_t kMoves = FAN_MOVED_FROM | FAN_MOVED_TO;
constexpr uint64_t kAlways = FAN_CREATE | FAN_DELETE | FAN_ONDIR;

struct Handle {
  file_handle head;
  unsigned char bytes[MAX_HANDLE_SZ];
};

// The handle by which fanotify names what `fd` is.
int handleOf(int fd, std::string* key) {
  struct statfs s;
  if (fstatfs(fd, &s) < 0) return -errno;
  int mountId = 0;
  // AT_HANDLE_FID (Linux 6.5): of file systems whose handles can't be opened, an overlay's for one.
  for (const int flags : {AT_EMPTY_PATH, AT_EMPTY_PATH | AT_HANDLE_FID}) {
    Handle h;
    memset(&h, 0, sizeof h);
    h.head.handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(fd, "", &h.head, &mountId, flags) == 0) {
      *key = handleKey(&s.f_fsid, h.head.handle_type, h.bytes, h.head.handle_bytes);
      return 0;
    }
  }
  return -errno;
}

constexpr size_t kFsidBytes = 8;

// The device that the directory is on. 0 or a negative errno.
int directory(int fd, uint64_t* device) {
  double s[kHeldNumbers];
  const int r = statHeld(fd, s);
  if (r < 0) return r;
  *device = static_cast<uint64_t>(s[3]) << 32 | static_cast<uint64_t>(s[4]);
  return S_ISDIR(static_cast<mode_t>(s[0])) ? 0 : -ENOTDIR;
}

bool isThere(const std::string& path, uint64_t device) {
  const int fd = holdPath(path);
  uint64_t now = 0;
  const bool is = fd >= 0 && directory(fd, &now) == 0 && now == device;
  if (fd >= 0) close(fd);
  return is;
}

}  // namespace

std::string handleKey(const void* fsid, int32_t type, const void* bytes, size_t n) {
  std::string key(static_cast<const char*>(fsid), kFsidBytes);
  key.append(reinterpret_cast<const char*>(&type), sizeof type);
  key.append(static_cast<const char*>(bytes), n);
  return key;
}

Directories::~Directories() {
  if (fanotify_ >= 0) close(fanotify_);
  if (inotify_ >= 0) close(inotify_);
  pthread_mutex_destroy(&mutex_);
}

int Directories::open(Backend backend, bool plain) {
  if (backend != Backend::kInotify) {
    const unsigned best[] = {kBasic | kTargets | FAN_REPORT_PIDFD, kBasic | kTargets, kBasic | FAN_REPORT_PIDFD, kBasic};
    for (const unsigned flags : best) {
      if (plain && flags != kBasic) continue;
      fanotify_ = fanotify_init(flags, O_RDONLY | O_CLOEXEC);
      if (fanotify_ >= 0) {
        tellsTargets_ = (flags & FAN_REPORT_TARGET_FID) != 0;
        break;
      }
      if (refused_ == 0 || errno != EINVAL) refused_ = errno;
    }
    if (fanotify_ >= 0) refused_ = 0;
    if (fanotify_ < 0 && backend == Backend::kFanotify) return -refused_;
  }
  if (backend != Backend::kFanotify) {
    inotify_ = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (inotify_ < 0 && fanotify_ < 0) return -errno;
  }
  return 0;
}

int Directories::watch(const char* path, uint32_t mask, Watched* out) {
  const int fd = holdPath(path);
  if (fd < 0) return fd;
  uint64_t device = 0;
  int r = directory(fd, &device);
  if (r == 0) {
    r = fanotify_ >= 0 ? byFanotify(fd, device, path, mask, out) : -EOPNOTSUPP;
    if (r < 0 && inotify_ >= 0) r = byInotify(fd, mask, out);
  }
  close(fd);
  return r;
}

int Directories::byFanotify(int fd, uint64_t device, const char* path, uint32_t mask, Watched* out) {
  std::string key;
  const int r = handleOf(fd, &key);
  if (r < 0) return r;
  const uint64_t moves = tellsTargets_ ? static_cast<uint64_t>(FAN_RENAME) : kMoves;
  if (mountsChanged_.exchange(false)) filesystems_.clear();
  auto found = filesystems_.find(key.substr(0, kFsidBytes));
  if (found != filesystems_.end() && found->second.device != device && !isThere(found->second.path, found->second.device)) {
    filesystems_.erase(found);
    found = filesystems_.end();
  }
  if (found == filesystems_.end()) {
    // One mark sees every directory of the file system, whichever mount or container writes to it.
    const uint64_t all = kAlways | kFileMask | moves | (mask & FAN_ACCESS);
    const bool whole = fanotify_mark(fanotify_, FAN_MARK_ADD | FAN_MARK_FILESYSTEM, all, fd, ".") == 0;
    found = filesystems_.emplace(key.substr(0, kFsidBytes), Filesystem{whole, device, path}).first;
  }
  // An overlay without an id of its own has its upper layer's, and its handles those of the image's files: they name no container.
  if (found->second.device != device) return -EOPNOTSUPP;
  bool anew = false;
  if (!found->second.whole) {
    // Takes away what no mark of ours has: it's asked whether there is one.
    anew = fanotify_mark(fanotify_, FAN_MARK_REMOVE, FAN_OPEN, fd, ".") < 0;
    const uint64_t some = kAlways | FAN_EVENT_ON_CHILD | moves | (mask & (kFileMask | FAN_ACCESS));
    if (fanotify_mark(fanotify_, FAN_MARK_ADD | FAN_MARK_ONLYDIR, some, fd, ".") < 0) return -errno;
  }
  Lock lock(&mutex_);
  const uint64_t id = numberOf(key);
  if (id == 0) return -ENOSPC;
  Entry& entry = entries_[id];
  if (entry.ignored) ignored_--;
  entry.ignored = false;
  *out = {id, found->second.whole, anew};
  return 0;
}

int Directories::byInotify(int fd, uint32_t mask, Watched* out) {
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  const uint32_t wanted =
      IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | (mask & (IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB | IN_ACCESS));
  // The reader must not see the descriptor before it has its number.
  Lock lock(&mutex_);
  const int wd = inotify_add_watch(inotify_, path.c_str(), wanted | IN_ONLYDIR | IN_EXCL_UNLINK | IN_MASK_ADD);
  if (wd < 0) return -errno;
  uint64_t& id = byWd_[wd];
  const bool anew = id == 0;
  if (anew) {
    id = next_++;
    entries_[id].wd = wd;
  }
  *out = {id, false, anew};
  return 0;
}

// The number of a handle, made where there is none; 0 when there are too many. The mutex is held.
uint64_t Directories::numberOf(const std::string& key) {
  const auto found = byKey_.find(key);
  if (found != byKey_.end()) return found->second;
  if (entries_.size() - ignored_ >= kMaxDirectories) {
    refusedNumbers_++;
    return 0;
  }
  const uint64_t id = next_++;
  entries_[id].key = key;
  byKey_[key] = id;
  return id;
}

void Directories::forget(uint64_t id) {
  Lock lock(&mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end()) return;
  const Entry& entry = found->second;
  if (entry.wd >= 0) {
    inotify_rm_watch(inotify_, entry.wd);
    byWd_.erase(entry.wd);
  } else {
    byKey_.erase(entry.key);
  }
  if (entry.ignored) ignored_--;
  entries_.erase(found);
}

void Directories::ignore(uint64_t id) {
  Lock lock(&mutex_);
  const auto found = entries_.find(id);
  if (found == entries_.end() || found->second.ignored || found->second.wd >= 0) return;
  found->second.ignored = true;
  if (++ignored_ > kMaxIgnored) dropIgnored();
}

// Each of them is asked about once more when it has an event.
void Directories::dropIgnored() {
  for (auto it = entries_.begin(); it != entries_.end();) {
    if (it->second.ignored) {
      byKey_.erase(it->second.key);
      it = entries_.erase(it);
    } else {
      ++it;
    }
  }
  ignored_ = 0;
}

int Directories::path(uint64_t id, std::string* out) {
  std::string key;
  {
    Lock lock(&mutex_);
    const auto found = entries_.find(id);
    if (found == entries_.end() || found->second.wd >= 0) return -ENOENT;
    key = found->second.key;
  }
  const auto filesystem = filesystems_.find(key.substr(0, kFsidBytes));
  if (filesystem == filesystems_.end()) return -ENOENT;
  // Opened for this alone: a descriptor that stays open would keep the file system from being unmounted.
  const int mount = ::open(filesystem->second.path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (mount < 0) return -errno;
  Handle h;
  memset(&h, 0, sizeof h);
  const size_t start = kFsidBytes + sizeof(int32_t);
  memcpy(&h.head.handle_type, key.data() + kFsidBytes, sizeof(int32_t));
  h.head.handle_bytes = static_cast<unsigned>(key.size() - start);
  memcpy(h.bytes, key.data() + start, key.size() - start);
  struct statfs s;
  int fd = -1;
  if (fstatfs(mount, &s) == 0 && memcmp(&s.f_fsid, key.data(), kFsidBytes) == 0) {
    fd = open_by_handle_at(mount, &h.head, O_PATH | O_DIRECTORY | O_CLOEXEC);
  }
  close(mount);
  if (fd < 0) return -ESTALE;
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  char text[PATH_MAX];
  const ssize_t n = readlink(link.c_str(), text, sizeof text);
  close(fd);
  if (n <= 0 || n == static_cast<ssize_t>(sizeof text) || text[0] != '/') return -ENAMETOOLONG;
  out->assign(text, static_cast<size_t>(n));
  return 0;
}

Directories::Named Directories::ofHandle(const std::string& key) {
  Lock lock(&mutex_);
  const uint64_t id = numberOf(key);
  return {id, id == 0 || entries_[id].ignored};
}

uint64_t Directories::ofDescriptor(int wd) {
  Lock lock(&mutex_);
  const auto found = byWd_.find(wd);
  return found == byWd_.end() ? 0 : found->second;
}

void Directories::descriptorGone(int wd) {
  Lock lock(&mutex_);
  const auto found = byWd_.find(wd);
  if (found == byWd_.end()) return;
  entries_.erase(found->second);
  byWd_.erase(found);
}

size_t Directories::known() {
  Lock lock(&mutex_);
  return entries_.size() - ignored_;
}

}  // namespace puppy
