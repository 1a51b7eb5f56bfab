// Which directories are watched, and by what: each has a number, whatever the kernel calls it (a file handle for fanotify, a watch
// descriptor for inotify). Marks what it is told to and resolves handles; which directories and why is decided in JavaScript.
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "batch.h"

namespace puppy {

enum class Backend : uint8_t { kAuto, kFanotify, kInotify };

struct Watched {
  uint64_t id = 0;
  bool whole = false;  // with all of its file system, so that nothing made in it is missed
  bool anew = false;   // nothing watched it until now: what did ended with its file system, if it was watched before
};

// A handle of fanotify's: file system, type and bytes in one, as a key.
std::string handleKey(const void* fsid, int32_t type, const void* bytes, size_t n);

class Directories {
 public:
  Directories() = default;
  ~Directories();
  Directories(const Directories&) = delete;
  Directories& operator=(const Directories&) = delete;

  // Opens what `backend` asks for. `plain`: without what kernels before 5.17 lack. 0 or a negative errno: what the first choice said.
  int open(Backend backend, bool plain);
  int fanotifyFd() const { return fanotify_; }
  int inotifyFd() const { return inotify_; }
  // One event for a rename, and the handle of a directory that an event is about (Linux 5.17).
  bool tellsTargets() const { return tellsTargets_; }
  // errno of fanotify_init where inotify stands in for it.
  int refused() const { return refused_; }

  // Watches one directory, following no symbolic link on its path (held.h), for the events of `mask`. 0 or a negative errno.
  int watch(const char* path, uint32_t mask, Watched* out);
  // The number isn't used any more.
  void forget(uint64_t id);
  // Its events aren't wanted: they no longer leave the reader, until it's watched again.
  void ignore(uint64_t id);
  // The present path of a directory that fanotify named, as the first watched directory of its file system sees it. 0 or a negative errno.
  int path(uint64_t id, std::string* out);
  // After a mount or an unmount a file system may have lost its mark.
  void mountsChanged() { mountsChanged_.store(true); }

  // For the reader: the number of what an event names, made where there is none; 0 if there are too many.
  struct Named {
    uint64_t id = 0;
    bool ignored = false;
  };
  Named ofHandle(const std::string& key);
  uint64_t ofDescriptor(int wd);
  void descriptorGone(int wd);

  size_t known();
  // Directories without a number, because there were too many.
  uint64_t refusedNumbers() const { return refusedNumbers_.load(); }

 private:
  struct Entry {
    std::string key;
    int wd = -1;
    bool ignored = false;
  };
  int byFanotify(int fd, uint64_t device, const char* path, uint32_t mask, Watched* out);
  int byInotify(int fd, uint32_t mask, Watched* out);
  uint64_t numberOf(const std::string& key);
  void dropIgnored();

  int fanotify_ = -1;
  int inotify_ = -1;
  bool tellsTargets_ = false;
  int refused_ = 0;
  std::atomic<bool> mountsChanged_{false};
  std::atomic<uint64_t> refusedNumbers_{0};
  // File systems by fsid: marked as a whole or not, and a directory on it. Only the consumer's thread asks for them.
  struct Filesystem {
    bool whole;
    uint64_t device;
    std::string path;
  };
  std::unordered_map<std::string, Filesystem> filesystems_;

  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  uint64_t next_ = 1;
  std::unordered_map<uint64_t, Entry> entries_;
  std::unordered_map<std::string, uint64_t> byKey_;
  std::unordered_map<int, uint64_t> byWd_;
  size_t ignored_ = 0;
};

}  // namespace puppy
