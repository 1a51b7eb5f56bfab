#include "scan.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>

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

constexpr size_t kHead = 40;
// Longer than any file system's names.
constexpr size_t kNameMaxBytes = 1024;
constexpr int64_t kPieceNs = 4'000'000;
constexpr size_t kMaxScans = 64;
static_assert(kHead + kNameMaxBytes + 8 <= kScanMinBytes);

// Those that have more to give, by their numbers less one.
std::array<DIR*, kMaxScans> scans = {};

int64_t nowNs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * int64_t{1'000'000'000} + t.tv_nsec;
}

size_t put(uint8_t* p, const double* stat, const char* name, size_t nameBytes) {
  const size_t size = (kHead + nameBytes + 7) & ~static_cast<size_t>(7);
  const auto set = [&](size_t offset, auto v) { memcpy(p + offset, &v, sizeof v); };
  set(0, static_cast<int32_t>(size));
  set(4, static_cast<uint32_t>(stat[0]));
  set(8, stat[1]);
  set(16, stat[5]);
  set(24, stat[6]);
  set(32, static_cast<uint32_t>(stat[4]));
  set(36, static_cast<int32_t>(nameBytes));
  memcpy(p + kHead, name, nameBytes);
  return size;
}

// The next piece; `*more` is false where it was the last.
int64_t readPiece(DIR* directory, uint8_t* out, size_t size, bool* more) {
  const int64_t end = nowNs() + kPieceNs;
  double stat[kStatNumbers] = {};
  size_t n = 0;
  for (*more = true; size - n >= kHead + kNameMaxBytes + 8 && (n == 0 || nowNs() < end);) {
    errno = 0;
    const dirent* d = readdir(directory);  // NOLINT(concurrency-mt-unsafe): a stream of our own
    if (d == nullptr) {
      *more = false;
      return errno == 0 ? static_cast<int64_t>(n) : -errno;
    }
    if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0) continue;
    const size_t nameBytes = strlen(d->d_name);
    // One that went meanwhile isn't there.
    if (nameBytes <= kNameMaxBytes && statAt(dirfd(directory), d->d_name, stat) == 0) n += put(out + n, stat, d->d_name, nameBytes);
  }
  return static_cast<int64_t>(n);
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

int64_t scanDirectory(const char* path, uint8_t* out, size_t size, uint32_t* scan) {
  *scan = 0;
  size_t at = 0;
  while (at < scans.size() && scans[at] != nullptr) at++;
  if (at == scans.size()) return -EMFILE;
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
  scans[at] = directory;
  *scan = static_cast<uint32_t>(at + 1);
  return scanOn(scan, out, size);
}

int64_t scanOn(uint32_t* scan, uint8_t* out, size_t size) {
  if (*scan == 0 || *scan > scans.size() || scans[*scan - 1] == nullptr) return -EBADF;
  bool more = false;
  const int64_t n = size < kScanMinBytes ? -EINVAL : readPiece(scans[*scan - 1], out, size, &more);
  if (!more) {
    endScan(*scan);
    *scan = 0;
  }
  return n;
}

void endScan(uint32_t scan) {
  if (scan == 0 || scan > scans.size() || scans[scan - 1] == nullptr) return;
  closedir(scans[scan - 1]);
  scans[scan - 1] = nullptr;
}

}  // namespace puppy
