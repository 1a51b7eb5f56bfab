// The compact form in which a native reader hands events to JavaScript, and the bounded ring they wait in.
// Knows nothing of audit, packets or JavaScript: bytes in, bytes out, counted.
#pragma once

#include <pthread.h>

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

namespace puppy {

// Holds a POSIX mutex for a scope. (std::mutex pulls in newer glibc symbols.)
class Lock {
 public:
  explicit Lock(pthread_mutex_t* m) : m_(m) { pthread_mutex_lock(m_); }
  ~Lock() { pthread_mutex_unlock(m_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  pthread_mutex_t* m_;
};

// A bounded queue of batches between one producer thread and one consumer. A batch is a run of whole messages, each padded to
// 8 bytes by its writer. What doesn't fit is refused, and counted by the caller: nothing here ever blocks.
class BatchRing {
 public:
  // `batchBytes`: a batch is closed when it reaches this size; a single larger message makes a batch of its own.
  BatchRing(size_t capacityBytes, size_t batchBytes) : capacity_(capacityBytes), batchBytes_(batchBytes) {}
  ~BatchRing() { pthread_mutex_destroy(&mutex_); }
  BatchRing(const BatchRing&) = delete;
  BatchRing& operator=(const BatchRing&) = delete;

  // Where the producer writes the next message; `commit` makes it part of the ring, or refuses it (false) when the ring is full.
  std::vector<uint8_t>& scratch() { return scratch_; }
  bool commit() {
    Lock lock(&mutex_);
    const size_t n = scratch_.size();
    if (bytes_ + n > capacity_) {
      scratch_.clear();
      return false;
    }
    if (batches_.empty() || batches_.back().size() + n > batchBytes_) {
      batches_.emplace_back();
      if (!spare_.empty()) {
        batches_.back().swap(spare_.back());
        spare_.pop_back();
      }
    }
    std::vector<uint8_t>& b = batches_.back();
    b.insert(b.end(), scratch_.begin(), scratch_.end());
    bytes_ += n;
    scratch_.clear();
    return true;
  }

  // Size of the next batch, or 0.
  size_t peek() {
    Lock lock(&mutex_);
    return batches_.empty() ? 0 : batches_.front().size();
  }

  // Moves the next batch into `out`; false when there is none, or it has grown over `maxBytes` since `peek`.
  bool take(std::vector<uint8_t>& out, size_t maxBytes) {
    Lock lock(&mutex_);
    if (batches_.empty() || batches_.front().size() > maxBytes) return false;
    out.swap(batches_.front());
    bytes_ -= out.size();
    batches_.pop_front();
    return true;
  }

  // Gives a taken buffer back for reuse; only ordinary sizes are kept.
  void recycle(std::vector<uint8_t>& used) {
    Lock lock(&mutex_);
    if (used.capacity() > 2 * batchBytes_ || spare_.size() >= 2) return;
    used.clear();
    spare_.emplace_back();
    spare_.back().swap(used);
  }

  size_t bytes() {
    Lock lock(&mutex_);
    return bytes_;
  }

 private:
  const size_t capacity_;
  const size_t batchBytes_;
  pthread_mutex_t mutex_ = PTHREAD_MUTEX_INITIALIZER;
  std::deque<std::vector<uint8_t>> batches_;
  std::vector<std::vector<uint8_t>> spare_;
  std::vector<uint8_t> scratch_;
  size_t bytes_ = 0;
};

}  // namespace puppy
