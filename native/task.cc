#include "task.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstring>

// Newer than the headers that this must build with; the same number on every architecture.
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif

namespace puppy {
namespace {

// stat is at most some 400 bytes; status is longer, but the ids are within its first lines.
constexpr size_t kTextBytes = 1024;

// A decimal number; false where there is none at `*p`. What is no 64-bit number wraps: the kernel writes none.
bool number(const char** p, const char* end, uint64_t* out) {
  const char* from = *p;
  *out = 0;
  while (*p < end && **p >= '0' && **p <= '9') *out = *out * 10 + static_cast<uint64_t>(*(*p)++ - '0');
  return *p > from;
}

size_t readText(int directory, const char* name, char* out) {
  const int fd = openat(directory, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  const ssize_t n = read(fd, out, kTextBytes);
  close(fd);
  return n > 0 ? static_cast<size_t>(n) : 0;
}

uint32_t readId(int directory, const char* name) {
  char text[kTextBytes];
  const char* p = text;
  uint64_t id;
  return number(&p, text + readText(directory, name, text), &id) ? static_cast<uint32_t>(id) : kUnsetId;
}

bool ids(const char* p, const char* end, uint32_t* out) {
  for (int i = 0; i < 4; i++) {
    uint64_t id;
    while (p < end && *p == '\t') p++;
    if (!number(&p, end, &id)) return false;
    out[i] = static_cast<uint32_t>(id);
  }
  return true;
}

// Where the link leads, or nothing.
size_t readLink(int directory, const char* name, char (&out)[PATH_MAX]) {
  const ssize_t n = readlinkat(directory, name, out, sizeof out);
  return n > 0 ? static_cast<size_t>(n) : 0;
}

}  // namespace

bool parseStat(const char* p, size_t n, Task* out) {
  const auto* open = static_cast<const char*>(memchr(p, '(', n));
  const auto* close = static_cast<const char*>(memrchr(p, ')', n));
  if (open == nullptr || close == nullptr || close < open) return false;
  out->comm.assign(open + 1, close);
  const char* end = p + n;
  const char* at = close + 1;
  // state 0, ppid 1, pgrp 2, session 3, tty_nr 4, … starttime 19
  for (int field = 0; field < 20; field++) {
    if (at >= end || *at != ' ') return false;
    at++;
    uint64_t value = 0;
    const char* digits = at;
    if (field == 1 || field == 4 || field == 19) {
      if (!number(&digits, end, &value)) return false;
      if (field == 1) out->ppid = static_cast<int32_t>(value);
      if (field == 4) out->tty = static_cast<int32_t>(value);
      if (field == 19) out->startTicks = value;
    }
    while (at < end && *at != ' ') at++;
  }
  return true;
}

bool parseStatus(const char* p, size_t n, Task* out) {
  const auto line = [&](const char* label, uint32_t* to) {
    const auto* at = static_cast<const char*>(memmem(p, n, label, strlen(label)));
    return at != nullptr && ids(at + strlen(label), p + n, to);
  };
  // The kernel escapes newlines in the name here: a line starts where it seems to.
  return line("\nUid:", out->uid) && line("\nGid:", out->gid);
}

bool readTask(int32_t pid, int pidfd, Task* out) {
  char path[32];
  (void)snprintf(path, sizeof path, "/proc/%d", pid);
  // Once open it means one process, whoever has the pid later.
  const int directory = ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return false;
  *out = Task();
  out->pid = pid;
  // First what goes first when it ends.
  char exe[PATH_MAX];
  out->exe.assign(exe, readLink(directory, "exe", exe));
  char text[kTextBytes];
  bool known = parseStat(text, readText(directory, "stat", text), out);
  if (known) {
    parseStatus(text, readText(directory, "status", text), out);
    out->auid = readId(directory, "loginuid");
    out->session = readId(directory, "sessionid");
    // Signal 0 finds whoever wasn't waited for yet, allowed or not.
    if (pidfd >= 0) known = syscall(SYS_pidfd_send_signal, pidfd, 0, nullptr, 0) == 0 || errno == EPERM || errno == EACCES;
    if (pidfd < 0) known = readText(directory, "stat", text) > 0;
  }
  close(directory);
  return known;
}

bool isUnchanged(const Task& task) {
  char path[32];
  (void)snprintf(path, sizeof path, "/proc/%d", task.pid);
  // The directory is the effective user's. (By number: glibc's function is newer than the oldest glibc that we load on.)
  struct stat s;
  if (syscall(SYS_newfstatat, AT_FDCWD, path, &s, 0) != 0 || s.st_uid != task.uid[1] || s.st_gid != task.gid[1]) return false;
  (void)snprintf(path, sizeof path, "/proc/%d/exe", task.pid);
  char exe[PATH_MAX];
  const size_t n = readLink(AT_FDCWD, path, exe);
  return n == task.exe.size() && memcmp(exe, task.exe.data(), n) == 0;
}

}  // namespace puppy
