#include "held_sockets.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "task.h"

namespace puppy {
namespace {

constexpr char kSocket[] = "socket:[";
constexpr size_t kSocketBytes = sizeof kSocket - 1;
constexpr size_t kStatBytes = 1024;
// Between two looks at the clock.
constexpr int kSteps = 16;

int64_t nowUs() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000 + t.tv_nsec / 1000;
}

double startTicksOf(int process) {
  const int fd = openat(process, "stat", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return -1;
  char text[kStatBytes];
  const ssize_t n = read(fd, text, sizeof text);
  close(fd);
  Task task;
  return n > 0 && parseStat(text, static_cast<size_t>(n), &task) ? static_cast<double>(task.startTicks) : -1;
}

}  // namespace

uint32_t socketOf(const char* link, size_t size) {
  if (size <= kSocketBytes + 1 || memcmp(link, kSocket, kSocketBytes) != 0 || link[size - 1] != ']') return 0;
  uint64_t inode = 0;
  for (size_t i = kSocketBytes; i < size - 1; i++) {
    if (link[i] < '0' || link[i] > '9') return 0;
    inode = inode * 10 + static_cast<uint64_t>(link[i] - '0');
    if (inode > UINT32_MAX) return 0;
  }
  return static_cast<uint32_t>(inode);
}

const char* HeldSockets::Directory::next() {
  // struct linux_dirent64: u64 inode, i64 offset, u16 size, u8 type, the name.
  constexpr size_t kSizeAt = 16;
  constexpr size_t kNameAt = 19;
  if (at >= end) {
    const auto n = syscall(SYS_getdents64, fd, bytes, sizeof bytes);
    if (n <= 0) return nullptr;
    at = 0;
    end = static_cast<size_t>(n);
  }
  uint16_t size = 0;
  memcpy(&size, bytes + at + kSizeAt, sizeof size);
  const char* name = bytes + at + kNameAt;
  at += size;
  return name;
}

void HeldSockets::Directory::close() {
  if (fd >= 0) ::close(fd);
  fd = -1;
  at = end = 0;
}

int HeldSockets::begin(int32_t pid) {
  end();
  if (pid != 0) return enter(("/proc/" + std::to_string(pid)).c_str()) ? 0 : -errno;
  processes_.fd = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return processes_.fd < 0 ? -errno : 0;
}

void HeldSockets::end() {
  processes_.close();
  descriptors_.close();
  if (process_ >= 0) close(process_);
  process_ = -1;
}

// Once it is open, the directory means one process, whoever has the pid later.
bool HeldSockets::enter(const char* pid) {
  process_ = openat(processes_.fd, pid, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (process_ < 0) return false;
  descriptors_.fd = openat(process_, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptors_.fd < 0) {
    const int e = errno;
    close(process_);
    process_ = -1;
    errno = e;
    return false;
  }
  const char* name = strrchr(pid, '/');
  pid_ = atoi(name == nullptr ? pid : name + 1);  // NOLINT(cert-err34-c): the kernel's own digits, or ours
  isStarted_ = false;
  return true;
}

size_t HeldSockets::read(double* out, size_t capacity, int64_t microseconds) {
  const int64_t untilUs = nowUs() + microseconds;
  size_t n = 0;
  for (int step = 1; n < capacity && !isDone(); step++) {
    if (step % kSteps == 0 && nowUs() > untilUs) break;
    if (descriptors_.fd < 0) {
      const char* name = processes_.next();
      if (name == nullptr)
        processes_.close();
      else if (*name >= '1' && *name <= '9')
        enter(name);
      continue;
    }
    const char* name = descriptors_.next();
    if (name == nullptr) {
      descriptors_.close();
      close(process_);
      process_ = -1;
      continue;
    }
    if (*name == '.') continue;
    char link[64];
    const ssize_t size = readlinkat(descriptors_.fd, name, link, sizeof link);
    const uint32_t inode = size <= 0 ? 0 : socketOf(link, static_cast<size_t>(size));
    if (inode == 0) continue;
    if (!isStarted_) startTicks_ = startTicksOf(process_);
    isStarted_ = true;
    if (startTicks_ < 0) continue;
    double* row = out + kHeldSocketNumbers * n++;
    row[0] = pid_;
    row[1] = startTicks_;
    row[2] = inode;
  }
  return n;
}

}  // namespace puppy
