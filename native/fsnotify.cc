#include "fsnotify.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

// Newer than the headers that this must build with.
#ifndef FAN_EVENT_INFO_TYPE_PIDFD
#define FAN_EVENT_INFO_TYPE_PIDFD 4
#endif
#ifndef FAN_EVENT_INFO_TYPE_OLD_DFID_NAME
#define FAN_EVENT_INFO_TYPE_OLD_DFID_NAME 10
#define FAN_EVENT_INFO_TYPE_NEW_DFID_NAME 12
#endif

namespace puppy {
namespace {

// With pidfds each event of a read takes a descriptor until it was looked at: about 170 of them at once.
constexpr size_t kBufferBytes = 16 << 10;
// No event of either is longer: two names and three handles at most.
constexpr size_t kEventMaxBytes = 2 << 10;
constexpr int kTickMs = 1000;
// How long one drain may go on while events come as fast as they are read; then the reader looks up.
constexpr int kReadsMax = 256;
// So long, within one drain, what was read of a process is taken for what it is.
constexpr int64_t kFreshMs = 20;
// A pid can't come round within it.
constexpr int64_t kReuseMs = 100;
// The longest pause between two drains is this share of the time that events may gather in the ring; and there is none before so many
// came within that time.
constexpr int kPauseShare = 5;
constexpr uint64_t kManyEvents = 20;
constexpr int kNice = -10;

template <class T>
T load(const uint8_t* p) {
  T v;
  memcpy(&v, p, sizeof v);
  return v;
}

}  // namespace

FsReader::FsReader(const FsReaderOptions& options)
    : options_(options), ring_(options.ringBytes, options.batchBytes), buffer_(kBufferBytes) {}

FsReader::~FsReader() {
  stop();
  pthread_mutex_destroy(&mutex_);
}

int FsReader::start(ReaderThread::Wake wake, void* context) { return thread_.start(&FsReader::body, this, wake, context); }

void FsReader::stop() {
  thread_.stop();
  drain(true, true);
  publish();
}

FsReaderStats FsReader::stats() {
  Lock lock(&mutex_);
  return published_;
}

void FsReader::publish() {
  const size_t known = directories_.known();
  Lock lock(&mutex_);
  published_ = counters_;
  published_.directories = known;
  published_.refusedNumbers = directories_.refusedNumbers();
}

void FsReader::body(void* self) { static_cast<FsReader*>(self)->loop(); }

void FsReader::loop() {
  // Before those that it must meet alive, on a busy host too; it's allowed or it isn't.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), kNice);
  // Its readers are told of every mount and unmount by POLLERR|POLLPRI (proc(5)).
  const int mounts = ::open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
  pollfd fds[4] = {
      {thread_.stopFd(), POLLIN, 0}, {directories_.fanotifyFd(), POLLIN, 0}, {directories_.inotifyFd(), POLLIN, 0}, {mounts, POLLPRI, 0}};
  int64_t untoldMs = 0;  // since when something waits for the consumer's waking
  while (!thread_.stopping()) {
    // One wake-up is for many events: they gather in the ring, after they were read.
    const int64_t waitMs = given_ == told_ ? kTickMs : std::max<int64_t>(0, untoldMs + options_.coalesceMs - nowMs(CLOCK_MONOTONIC));
    const int ready = poll(fds, 4, static_cast<int>(waitMs));
    if (thread_.stopping()) break;
    if (ready < 0 && errno != EINTR) {
      counters_.error = errno;
      break;
    }
    const int64_t now = nowMs(CLOCK_MONOTONIC);
    if (given_ == told_) untoldMs = now;
    const bool remounted = ready > 0 && (fds[3].revents & (POLLERR | POLLPRI)) != 0;
    if (ready > 0) {
      if (remounted) directories_.mountsChanged();
      if (!drain(fds[1].revents != 0, fds[2].revents != 0)) break;
      // After what happened in a file system before it was unmounted.
      if (remounted) {
        Event e;
        e.mask = kFsMounts;
        give(e);
      }
      pause(now);
    }
    publish();
    // Also of what was dropped: the consumer looks for it. A container begins with a mount, and runs some 50 ms after it.
    if (given_ != told_ && (remounted || now - untoldMs >= options_.coalesceMs || ring_.bytes() >= options_.batchBytes)) {
      told_ = given_;
      thread_.wake();
    }
    if (ready > 0 && pauseMs_ > 0) poll(fds, 1, pauseMs_);
  }
  if (mounts >= 0) close(mounts);
  publish();
  thread_.wake();
}

// Settles how long to wait until the next drain. Somebody new may be gone in a millisecond, and others like it may follow: not at all.
// Where the same go on and on, the kernel may merge what it can meanwhile.
void FsReader::pause(int64_t now) {
  if (now - countedMs_ > options_.coalesceMs) {
    isBusy_ = now - countedMs_ <= 2 * options_.coalesceMs && counters_.events - counted_ >= kManyEvents;
    countedMs_ = now;
    counted_ = counters_.events;
  }
  if (counters_.events - counted_ >= kManyEvents) isBusy_ = true;
  const bool isSteady = isBusy_ && now - metNewMs_ > options_.coalesceMs;
  pauseMs_ = isSteady ? std::min(options_.coalesceMs / kPauseShare, std::max(1, 2 * pauseMs_)) : 0;
}

bool FsReader::drain(bool fanotify, bool inotify) {
  drains_++;
  return (!fanotify || readAll(directories_.fanotifyFd(), true)) && (!inotify || readAll(directories_.inotifyFd(), false));
}

bool FsReader::readAll(int fd, bool isFanotify) {
  if (fd < 0) return true;
  for (int i = 0; i < kReadsMax; i++) {
    const ssize_t n = read(fd, buffer_.data(), buffer_.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    if (n <= 0) {
      counters_.error = n < 0 ? errno : EPIPE;
      return false;
    }
    counters_.reads++;
    if (isFanotify) {
      parseFanotify(buffer_.data(), static_cast<size_t>(n));
    } else {
      parseInotify(buffer_.data(), static_cast<size_t>(n));
    }
    // There was room for another: that was all.
    if (static_cast<size_t>(n) + kEventMaxBytes <= buffer_.size()) return true;
  }
  return true;
}

void FsReader::parseFanotify(const uint8_t* p, size_t n) {
  for (size_t at = 0; at < n;) {
    if (n - at < sizeof(fanotify_event_metadata)) {
      counters_.malformed++;
      return;
    }
    const auto m = load<fanotify_event_metadata>(p + at);
    if (m.event_len < m.metadata_len || m.metadata_len < sizeof m || m.event_len > n - at || m.vers != FANOTIFY_METADATA_VERSION) {
      counters_.malformed++;
      return;
    }
    counters_.events++;
    Event e;
    e.mask = static_cast<uint32_t>(m.mask);
    e.pid = m.pid;
    e.flags = kFsFanotify;
    bool wanted = false;
    for (size_t i = m.metadata_len; i + 4 <= m.event_len;) {
      const auto length = load<uint16_t>(p + at + i + 2);
      if (length < 4 || length > m.event_len - i) {
        counters_.malformed++;
        break;
      }
      info(p + at + i, length, &e, &wanted);
      i += length;
    }
    at += m.event_len;
    if (wanted) e.task = taskOf(e.pid, e.pidfd);
    if (e.pidfd >= 0) close(e.pidfd);
    if ((e.mask & kFsOverflow) != 0) {
      counters_.overflows++;
      give(e);
    } else if (wanted) {
      give(e);
    } else {
      counters_.ignored++;
    }
  }
}

// One information record of an event. `wanted`: it happened in a directory that isn't ignored.
void FsReader::info(const uint8_t* p, size_t n, Event* e, bool* wanted) {
  const uint8_t type = p[0];
  if (type == FAN_EVENT_INFO_TYPE_PIDFD) {
    if (n >= 8 && e->pidfd < 0) e->pidfd = load<int32_t>(p + 4);
    return;
  }
  const bool second = type == FAN_EVENT_INFO_TYPE_NEW_DFID_NAME;
  const bool directory =
      type == FAN_EVENT_INFO_TYPE_DFID_NAME || type == FAN_EVENT_INFO_TYPE_DFID || second || type == FAN_EVENT_INFO_TYPE_OLD_DFID_NAME;
  if (!directory && type != FAN_EVENT_INFO_TYPE_FID) return;
  // header 4, fsid 8, handle_bytes 4, handle_type 4, the handle, and a name that ends with NUL
  constexpr size_t kHead = 20;
  if (n < kHead) return;
  const size_t bytes = load<uint32_t>(p + 12);
  if (bytes == 0 || bytes > n - kHead) return;
  const auto key = [&] { return handleKey(p + 4, load<int32_t>(p + 16), p + kHead, bytes); };
  if (!directory) {
    // What an event that made or moved a directory is about. Of others the handle isn't needed.
    const bool appeared = (e->mask & (FAN_CREATE | FAN_MOVED_TO)) != 0 || second || e->renamedTo != 0;
    if ((e->mask & FAN_ONDIR) != 0 && appeared && *wanted) e->target = directories_.ofHandle(key()).id;
    return;
  }
  const char* name = reinterpret_cast<const char*>(p + kHead + bytes);
  const size_t nameBytes = strnlen(name, n - kHead - bytes);
  const Directories::Named found = directories_.ofHandle(key());
  if (!found.ignored) *wanted = true;
  if (second) {
    e->renamedTo = found.id;
    e->name2 = name;
    e->name2Bytes = nameBytes;
  } else {
    e->directory = found.id;
    e->name = name;
    e->nameBytes = nameBytes;
  }
}

void FsReader::parseInotify(const uint8_t* p, size_t n) {
  for (size_t at = 0; at < n;) {
    if (n - at < sizeof(inotify_event)) {
      counters_.malformed++;
      return;
    }
    const auto m = load<inotify_event>(p + at);
    if (m.len > n - at - sizeof m) {
      counters_.malformed++;
      return;
    }
    counters_.events++;
    Event e;
    e.mask = m.mask;
    e.cookie = m.cookie;
    e.name = reinterpret_cast<const char*>(p + at + sizeof m);
    e.nameBytes = strnlen(e.name, m.len);
    at += sizeof m + m.len;
    if ((m.mask & kFsOverflow) != 0) {
      counters_.overflows++;
      give(e);
      continue;
    }
    e.directory = directories_.ofDescriptor(m.wd);
    if ((m.mask & kFsIgnored) != 0) directories_.descriptorGone(m.wd);
    if (e.directory != 0) {
      give(e);
    } else {
      counters_.ignored++;
    }
  }
}

void FsReader::give(const Event& e) {
  std::vector<uint8_t>& out = ring_.scratch();
  const size_t size = (kFsHeaderBytes + e.nameBytes + e.name2Bytes + 7) & ~static_cast<size_t>(7);
  out.resize(size);
  const auto put = [&](size_t at, auto v) { memcpy(out.data() + at, &v, sizeof v); };
  put(0, static_cast<int32_t>(size));
  put(4, e.mask);
  put(8, static_cast<double>(e.directory));
  put(16, static_cast<double>(e.renamedTo));
  put(24, static_cast<double>(e.target));
  put(32, static_cast<double>(nowMs(CLOCK_REALTIME)));
  put(40, e.pid);
  put(44, e.cookie);
  put(48, e.flags);
  put(52, static_cast<int32_t>(e.nameBytes));
  put(56, static_cast<int32_t>(e.name2Bytes));
  put(60, e.task);
  if (e.nameBytes > 0) memcpy(out.data() + kFsHeaderBytes, e.name, e.nameBytes);
  if (e.name2Bytes > 0) memcpy(out.data() + kFsHeaderBytes + e.nameBytes, e.name2, e.name2Bytes);
  given_++;
  if (!ring_.commit()) counters_.ringDropped++;
}

// The number of the task that had the pid at an event just read; 0 where that can't be learned any more.
uint32_t FsReader::taskOf(int32_t pid, int pidfd) {
  if (pid <= 0) return 0;
  const int64_t now = nowMs(CLOCK_MONOTONIC);
  const auto found = tasks_.find(pid);
  Known* known = found != tasks_.end() && lastTask_ - found->second.number < kFsTasks ? &found->second : nullptr;
  const bool isRecent = known != nullptr && now - known->checkedMs <= kReuseMs;
  if (isRecent && known->drain == drains_ && now - known->checkedMs <= kFreshMs) return known->number;
  if (isRecent && now - known->readMs <= kReuseMs && pidfd != kPidfdGone && isUnchanged(known->task)) {
    known->checkedMs = now;
    known->drain = drains_;
    return known->number;
  }
  Task task;
  const bool isThere = pidfd != kPidfdGone && readTask(pid, pidfd, &task);
  const bool isSame = known != nullptr && (isThere ? known->task.startTicks == task.startTicks : isRecent);
  if (!isSame) metNewMs_ = now;
  // Of one that is ending, what was read before is more.
  if (isSame && isRecent && task.exe.empty()) return known->number;
  const uint32_t number = isThere ? giveTask(task) : 0;
  if (number == 0) return 0;
  if (tasks_.size() >= kFsTasks) tasks_.clear();
  tasks_[pid] = {number, std::move(task), now, now, drains_};
  return number;
}

uint32_t FsReader::giveTask(const Task& task) {
  std::vector<uint8_t>& out = ring_.scratch();
  const size_t size = (kFsTaskHeaderBytes + task.comm.size() + task.exe.size() + 7) & ~static_cast<size_t>(7);
  out.resize(size);
  const auto put = [&](size_t at, auto v) { memcpy(out.data() + at, &v, sizeof v); };
  const uint32_t number = lastTask_ + 1 == 0 ? 1 : lastTask_ + 1;
  put(0, static_cast<int32_t>(size));
  put(4, kFsTask);
  put(8, static_cast<double>(task.startTicks));
  put(16, number);
  put(20, task.pid);
  put(24, task.ppid);
  put(28, task.tty);
  memcpy(out.data() + 32, task.uid, sizeof task.uid);
  memcpy(out.data() + 48, task.gid, sizeof task.gid);
  put(64, task.auid);
  put(68, task.session);
  put(72, static_cast<int32_t>(task.comm.size()));
  put(76, static_cast<int32_t>(task.exe.size()));
  memcpy(out.data() + kFsTaskHeaderBytes, task.comm.data(), task.comm.size());
  memcpy(out.data() + kFsTaskHeaderBytes + task.comm.size(), task.exe.data(), task.exe.size());
  // Its events will be refused and counted where it was.
  if (!ring_.commit()) return 0;
  return lastTask_ = number;
}

}  // namespace puppy
