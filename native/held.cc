#include "held.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>

#include "text.h"

namespace puppy {
namespace {

// openat2(2), Linux 5.6: its number and its argument, since the headers may be older.
constexpr long kOpenat2 = 437;
constexpr uint64_t kResolveNoSymlinks = 4;
struct OpenHow {
  uint64_t flags, mode, resolve;
};

constexpr int kHold = O_PATH | O_NOFOLLOW | O_CLOEXEC;
constexpr size_t kTargetMaxBytes = 4096;
constexpr size_t kCapabilityMaxBytes = 64;

// By number, as in scan.cc: glibc's function is newer than the oldest glibc that we load on.
long statAt(int fd, const char* name, int flags, struct stat* s) { return syscall(SYS_newfstatat, fd, name, s, flags); }

// Name by name, as every kernel can, and for paths of any length.
int walk(int root, const char* path) {
  int at = openat(root, *path == '/' ? "/" : ".", kHold | O_DIRECTORY);
  while (at >= 0) {
    path += strspn(path, "/");
    const char* end = strchrnul(path, '/');
    const std::string name(path, static_cast<size_t>(end - path));
    if (name.empty()) break;
    path = end + strspn(end, "/");
    const bool isLast = *path == '\0';
    const int next = openat(at, name.c_str(), kHold | (isLast ? 0 : O_DIRECTORY));
    int e = errno;
    struct stat s;
    // A symbolic link is none of the directories that were asked for.
    if (next < 0 && e == ENOTDIR && statAt(at, name.c_str(), AT_SYMLINK_NOFOLLOW, &s) == 0 && S_ISLNK(s.st_mode)) e = ELOOP;
    close(at);
    at = next;
    errno = e;
  }
  return at < 0 ? -errno : at;
}

int holdBeneath(int root, const char* path) {
  const OpenHow how = {static_cast<uint64_t>(kHold), 0, kResolveNoSymlinks};
  const long fd = syscall(kOpenat2, root, path, &how, sizeof how);
  if (fd >= 0) return static_cast<int>(fd);
  const int e = errno;
  return e == ENOSYS || e == EPERM || e == ENAMETOOLONG ? walk(root, path) : -e;
}

// The length of a leading /proc/PID/root, or 0.
size_t rootBytes(const std::string& path) {
  size_t i = 6;
  uint64_t pid = 0;
  if (path.compare(0, i, "/proc/") != 0 || !digits(path.data(), path.size(), &i, INT32_MAX, &pid)) return 0;
  if (path.compare(i, 5, "/root") != 0) return 0;
  i += 5;
  return i == path.size() || path[i] == '/' ? i : 0;
}

double ms(int64_t seconds, int64_t nanoseconds) { return static_cast<double>(seconds) * 1000 + static_cast<double>(nanoseconds) / 1e6; }

}  // namespace

int holdPath(const std::string& path) {
  const size_t n = rootBytes(path);
  if (n == 0) return holdBeneath(AT_FDCWD, path.c_str());
  const int root = open(path.substr(0, n).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) return -errno;
  const char* rest = path.c_str() + n;
  while (*rest == '/') rest++;
  const int held = holdBeneath(root, *rest == '\0' ? "." : rest);
  close(root);
  return held;
}

int statHeld(int fd, double* out) {
  struct stat s;
  if (statAt(fd, "", AT_EMPTY_PATH, &s) != 0) return -errno;
  const uint64_t inode = s.st_ino;
  const double numbers[kHeldNumbers] = {
      static_cast<double>(s.st_mode),          static_cast<double>(inode >> 32),       static_cast<double>(inode & 0xffffffff),
      static_cast<double>(major(s.st_dev)),    static_cast<double>(minor(s.st_dev)),   static_cast<double>(s.st_nlink),
      static_cast<double>(s.st_size),          static_cast<double>(s.st_uid),          static_cast<double>(s.st_gid),
      ms(s.st_mtim.tv_sec, s.st_mtim.tv_nsec), ms(s.st_ctim.tv_sec, s.st_ctim.tv_nsec)};
  memcpy(out, numbers, sizeof numbers);
  return 0;
}

int openHeld(int held) {
  char self[32];
  (void)snprintf(self, sizeof self, "/proc/self/fd/%d", held);
  constexpr int flags = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  int fd = open(self, flags | O_NOATIME);
  // Who may not leave the time of access as it is may still read.
  if (fd < 0 && errno == EPERM) fd = open(self, flags);
  return fd < 0 ? -errno : fd;
}

int linkTarget(int held, std::string* out) {
  char target[kTargetMaxBytes];
  const ssize_t n = readlinkat(held, "", target, sizeof target);
  if (n < 0) return -errno;
  out->assign(target, static_cast<size_t>(n));
  return 0;
}

int capabilityOf(int fd, std::string* out) {
  char value[kCapabilityMaxBytes];
  out->clear();
  const ssize_t n = fgetxattr(fd, "security.capability", value, sizeof value);
  if (n < 0) return errno == ENODATA || errno == EOPNOTSUPP ? 0 : -errno;
  out->assign(value, static_cast<size_t>(n));
  return 0;
}

}  // namespace puppy
