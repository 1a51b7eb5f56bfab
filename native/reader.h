// A thread that drains a source and wakes the consumer: start, stop, one outstanding wake; and its clocks. Knows nothing of what is read.
#pragma once

#include <pthread.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace puppy {

inline int64_t nowMs(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return static_cast<int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1000000;
}

class ReaderThread {
 public:
  using Body = void (*)(void* self);
  using Wake = void (*)(void* context);

  ReaderThread() : stopFd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~ReaderThread() {
    stop();
    if (stopFd_ >= 0) close(stopFd_);
  }
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

  // 0 or a negative errno. `wake` is called on the reader's thread, at most once until `woken`.
  int start(Body body, void* self, Wake wake, void* context) {
    if (stopFd_ < 0) return -EMFILE;
    if (running_) return -EBUSY;
    wake_ = wake;
    context_ = context;
    const int r = pthread_create(&thread_, nullptr, &ReaderThread::run, this_(body, self));
    if (r == 0) running_ = true;
    return -r;
  }
  void stop() {
    if (!running_) return;
    const uint64_t one = 1;
    stopping_.store(true);
    (void)!write(stopFd_, &one, sizeof one);
    pthread_join(thread_, nullptr);
    running_ = false;
  }

  bool stopping() const { return stopping_.load(std::memory_order_relaxed); }
  int stopFd() const { return stopFd_; }
  // Before `start` there is nobody to wake: what was read until then is told by the thread's first wake.
  void wake() {
    if (wake_ != nullptr && !wakePending_.exchange(true)) wake_(context_);
  }
  // The consumer calls this before it takes, so that what comes meanwhile wakes it again.
  void woken() { wakePending_.store(false); }

 private:
  ReaderThread* this_(Body body, void* self) {
    body_ = body;
    self_ = self;
    return this;
  }
  static void* run(void* p) {
    auto* t = static_cast<ReaderThread*>(p);
    t->body_(t->self_);
    return nullptr;
  }

  int stopFd_;
  pthread_t thread_ = {};
  bool running_ = false;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> wakePending_{false};
  Body body_ = nullptr;
  void* self_ = nullptr;
  Wake wake_ = nullptr;
  void* context_ = nullptr;
};

}  // namespace puppy
