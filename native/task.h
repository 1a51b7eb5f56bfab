// Who a pid is at this moment, as /proc/PID says: numbers and names of its stat, status, exe, loginuid and sessionid. No meaning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace puppy {

constexpr uint32_t kUnsetId = 0xffffffff;

struct Task {
  int32_t pid = 0;
  int32_t ppid = 0;
  uint64_t startTicks = 0;  // since boot, in USER_HZ
  int32_t tty = 0;
  // Real, effective, saved, of the file system; kUnsetId where they couldn't be read.
  uint32_t uid[4] = {kUnsetId, kUnsetId, kUnsetId, kUnsetId};
  uint32_t gid[4] = {kUnsetId, kUnsetId, kUnsetId, kUnsetId};
  uint32_t auid = kUnsetId;
  uint32_t session = kUnsetId;
  std::string comm;
  std::string exe;  // as its link reads; empty for a kernel thread, and for what has ended but wasn't waited for
};

// What the kernel gave for an event's process: a pidfd, or one of these.
constexpr int kPidfdGone = -1;  // FAN_NOPIDFD: it ended, and its pid is free
constexpr int kPidfdNone = -2;  // FAN_EPIDFD, or a kernel without: nobody can say

// Reads who has the pid. True only if it surely is who the pidfd means: who had the pid all the while is still there, or was not waited
// for, afterwards. Without a pidfd, one and the same process must have had it from the first to the last reading.
bool readTask(int32_t pid, int pidfd, Task* out);

// Whether the pid's process, which was `task` a moment ago, still runs the same program for the same user: cheaper than reading all.
bool isUnchanged(const Task& task);

// The texts' parsers; false where they aren't what they should be. The name may hold anything: it ends at the last parenthesis.
bool parseStat(const char* p, size_t n, Task* out);
bool parseStatus(const char* p, size_t n, Task* out);

}  // namespace puppy
