#include "scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "held.h"

namespace puppy {
namespace {

constexpr size_t kMountsMaxBytes = 16 << 20;

double ms(int64_t seconds, int64_t nanoseconds) { return static_cast<double>(seconds) * 1000 + static_cast<double>(nanoseconds) / 1e6; }

// Never follows a link, never mounts, and answers from what is cached: a server that is gone doesn't make us wait.
int statAt(int fd, const char* name, double* out) {
  struct statx x;
  // By number: glibc's function is newer than the oldest glibc that we load on, the kernel's is 4.11.
  const int flags = AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT | AT_EMPTY_PATH;
  if (syscall(SYS_statx, fd, name, flags | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &x) == 0) {
    const double numbers[kStatNumbers] = {static_cast<double>(x.stx_mode),
                                          static_cast<double>(x.stx_ino),
                                          static_cast<double>(x.stx_dev_major),
                                          static_cast<double>(x.stx_dev_minor),
                                          static_cast<double>(x.stx_nlink),
                                          ms(x.stx_mtime.tv_sec, x.stx_mtime.tv_nsec),
                                          ms(x.stx_ctime.tv_sec, x.stx_ctime.tv_nsec),
                                          static_cast<double>(x.stx_uid),
                                          static_cast<double>(x.stx_gid),
                                          static_cast<double>(x.stx_size)};
    memcpy(out, numbers, sizeof numbers);
    return 0;
  }
  if (errno != ENOSYS) return -errno;
  struct stat s;
  if (syscall(SYS_newfstatat, fd, name, &s, flags) != 0) return -errno;
  const double numbers[kStatNumbers] = {static_cast<double>(s.st_mode),          static_cast<double>(s.st_ino),
                                        static_cast<double>(major(s.st_dev)),    static_cast<double>(minor(s.st_dev)),
                                        static_cast<double>(s.st_nlink),         ms(s.st_mtim.tv_sec, s.st_mtim.tv_nsec),
                                        ms(s.st_ctim.tv_sec, s.st_ctim.tv_nsec), static_cast<double>(s.st_uid),
                                        static_cast<double>(s.st_gid),           static_cast<double>(s.st_size)};
  memcpy(out, numbers, sizeof numbers);
  return 0;
}

void add(std::vector<uint8_t>* out, const double* stat, const char* name, size_t nameBytes) {
  constexpr size_t kHead = 40;
  const size_t at = out->size();
  const size_t size = (kHead + nameBytes + 7) & ~static_cast<size_t>(7);
  out->resize(at + size);
  uint8_t* p = out->data() + at;
  const auto put = [&](size_t offset, auto v) { memcpy(p + offset, &v, sizeof v); };
  put(0, static_cast<int32_t>(size));
  put(4, static_cast<uint32_t>(stat[0]));
  put(8, stat[1]);
  put(16, stat[5]);
  put(24, stat[6]);
  put(32, static_cast<uint32_t>(stat[4]));
  put(36, static_cast<int32_t>(nameBytes));
  memcpy(p + kHead, name, nameBytes);
}

}  // namespace

int statPath(const char* path, double* out) {
  const int fd = holdPath(path);
  if (fd < 0) return fd;
  const int r = statAt(fd, "", out);
  close(fd);
  return r;
}

int readMounts(std::string* out) {
  const int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -errno;
  char piece[16384];
  ssize_t n;
  while ((n = read(fd, piece, sizeof piece)) > 0 && out->size() < kMountsMaxBytes) out->append(piece, static_cast<size_t>(n));
  const int e = n < 0 ? errno : 0;
  close(fd);
  return -e;
}

int scanDirectory(const char* path, size_t maxEntries, std::vector<uint8_t>* out) {
  const int held = holdPath(path);
  if (held < 0) return held;
  const int fd = openat(held, ".", O_RDONLY | O_DIRECTORY | O_NONBLOCK | O_CLOEXEC);
  const int refused = errno;
  close(held);
  if (fd < 0) return -refused;
  DIR* directory = fdopendir(fd);
  if (directory == nullptr) {
    const int e = errno;
    close(fd);
    return -e;
  }
  size_t entries = 0;
  double stat[kStatNumbers] = {};
  for (;;) {
    errno = 0;
    const dirent* d = readdir(directory);  // NOLINT(concurrency-mt-unsafe): a stream of our own
    if (d == nullptr) break;
    if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
    if (entries++ >= maxEntries) {
      const double none[kStatNumbers] = {};
      add(out, none, "", 0);
      break;
    }
    // One that went meanwhile isn't there.
    if (statAt(fd, d->d_name, stat) == 0) add(out, stat, d->d_name, strlen(d->d_name));
  }
  const int e = errno;
  closedir(directory);
  return -e;
}

}  // namespace puppy
