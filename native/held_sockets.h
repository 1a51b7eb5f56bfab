// Which processes hold which sockets, as /proc/PID/fd tells: read piece by piece, since a host may have a great many descriptors.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>

namespace puppy {

// Three numbers (f64) for each socket that a process holds: its pid, when it started (since boot, in USER_HZ), the socket's inode.
constexpr size_t kHeldSocketNumbers = 3;

class HeldSockets {
 public:
  ~HeldSockets() { end(); }
  HeldSockets() = default;
  HeldSockets(const HeldSockets&) = delete;
  HeldSockets& operator=(const HeldSockets&) = delete;

  // Of one process, or (0) of all. 0 or a negative errno.
  int begin(int32_t pid);
  // So many sockets at `out`: what `capacity` (of sockets) holds and about the time allows. Where `isDone` is false, there may be more.
  size_t read(double* out, size_t capacity, int64_t microseconds);
  bool isDone() const { return processes_.fd < 0 && descriptors_.fd < 0; }
  void end();

 private:
  // A directory that is read in small pieces: the kernel takes its time for each entry.
  struct Directory {
    int fd = -1;
    size_t at = 0;
    size_t end = 0;
    alignas(8) char bytes[2048];
    // The next name, or null at the end.
    const char* next();
    void close();
  };
  bool enter(const char* pid);

  Directory processes_;
  Directory descriptors_;
  int process_ = -1;
  double pid_ = 0;
  double startTicks_ = 0;
  bool isStarted_ = false;
};

// N of `socket:[N]`; 0 where it's none.
uint32_t socketOf(const char* link, size_t size);

}  // namespace puppy
