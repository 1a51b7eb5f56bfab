// Reads fanotify and inotify on a thread of its own and hands over what they say: mask, pid, directory, name; and who had the pid, read
// at once, since many a process is gone a millisecond later. No meaning and no policy.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

#include "directories.h"
#include "reader.h"
#include "task.h"

namespace puppy {

// A message (little-endian, padded to 8 bytes):
//    0 i32 size         4 u32 mask (the bits that fanotify and inotify share, and kFs… below)
//    8 f64 directory   16 f64 the directory that a rename led to   24 f64 the directory that the event is about, where it tells one
//   32 f64 time read, ms since the epoch
//   40 i32 pid (0: not told)   44 u32 cookie   48 i32 flags   52 i32 name bytes   56 i32 second name's bytes
//   60 u32 the number of a task (0: the process had gone before it could be looked at)
//   64 the name, the second name
// A task is a message of its own before the first event that names it, with the mask kFsTask. An event names none older than the last
// kFsTasks of them.
//    8 f64 start ticks   16 u32 number   20 i32 pid   24 i32 parent's pid   28 i32 tty   32 u32 uids: real, effective, saved, fs
//   48 u32 gids   64 u32 loginuid   68 u32 session   72 i32 bytes of comm   76 i32 bytes of exe   80 comm, exe
constexpr size_t kFsHeaderBytes = 64;
constexpr uint32_t kFsOverflow = 0x4000;
constexpr uint32_t kFsIgnored = 0x8000;     // inotify: the watch is gone
constexpr uint32_t kFsMounts = 0x00800000;  // the mount table changed
constexpr uint32_t kFsTask = 0x00400000;
constexpr int32_t kFsFanotify = 1;  // who said it
constexpr size_t kFsTaskHeaderBytes = 80;
constexpr uint32_t kFsTasks = 1024;

struct FsReaderOptions {
  Backend backend = Backend::kAuto;
  bool plain = false;
  // How long what was read may wait for more before the consumer is woken.
  int coalesceMs = 20;
  size_t ringBytes = 16 << 20;
  size_t batchBytes = 256 << 10;
};

struct FsReaderStats {
  uint64_t reads = 0;
  uint64_t events = 0;
  uint64_t overflows = 0;    // of the kernel's queue; each is at least one event
  uint64_t ringDropped = 0;  // the consumer was too slow
  uint64_t ignored = 0;      // in directories that aren't watched
  uint64_t malformed = 0;
  uint64_t refusedNumbers = 0;
  uint64_t directories = 0;
  int32_t error = 0;  // errno that ended the reader, or 0
};

class FsReader {
 public:
  explicit FsReader(const FsReaderOptions& options);
  ~FsReader();
  FsReader(const FsReader&) = delete;
  FsReader& operator=(const FsReader&) = delete;

  int open() { return directories_.open(options_.backend, options_.plain); }
  int start(ReaderThread::Wake wake, void* context);
  // Ends the thread and drains what is left.
  void stop();

  // For tests: what a read of either would give.
  void parseFanotify(const uint8_t* p, size_t n);
  void parseInotify(const uint8_t* p, size_t n);

  Directories& directories() { return directories_; }
  BatchRing& ring() { return ring_; }
  ReaderThread& thread() { return thread_; }
  FsReaderStats stats();

 private:
  struct Event {
    uint32_t mask = 0;
    uint64_t directory = 0;
    uint64_t renamedTo = 0;
    uint64_t target = 0;
    int32_t pid = 0;
    uint32_t cookie = 0;
    int32_t flags = 0;
    uint32_t task = 0;
    int pidfd = kPidfdNone;
    const char* name = nullptr;
    size_t nameBytes = 0;
    const char* name2 = nullptr;
    size_t name2Bytes = 0;
  };
  struct Known {
    uint32_t number = 0;
    Task task;
    // Monotonic: when all was read, and when it was seen last that it still holds.
    int64_t readMs = 0;
    int64_t checkedMs = 0;
    uint64_t drain = 0;  // in which that was
  };
  static void body(void* self);
  void loop();
  // False when it broke.
  bool drain(bool fanotify, bool inotify);
  void pause(int64_t now);
  bool readAll(int fd, bool isFanotify);
  void info(const uint8_t* p, size_t n, Event* e, bool* wanted);
  uint32_t taskOf(int32_t pid, int pidfd);
  uint32_t giveTask(const Task& task);
  void give(const Event& e);
  void publish();

  FsReaderOptions options_;
  Directories directories_;
  BatchRing ring_;
  ReaderThread thread_;
  FsReaderStats counters_;
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  FsReaderStats published_;
  std::vector<uint8_t> buffer_;

  std::unordered_map<int32_t, Known> tasks_;
  uint32_t lastTask_ = 0;
  uint64_t drains_ = 0;
  int64_t metNewMs_ = 0;  // monotonic: when there last was a process that wasn't known
  // Events and when they were counted last; whether there were many since the time before.
  int64_t countedMs_ = 0;
  uint64_t counted_ = 0;
  bool isBusy_ = false;
  int pauseMs_ = 0;
  // Messages, and how many of them the consumer was woken for.
  uint64_t given_ = 0;
  uint64_t told_ = 0;
};

}  // namespace puppy
