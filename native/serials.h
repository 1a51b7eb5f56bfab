// Which audit serials were seen: gaps are events that were lost in a socket, exactly. Pure arithmetic; time is given, and never goes
// back: of arrival, or a log's latest stamp.
#pragma once

#include <cstdint>
#include <cstring>

namespace puppy {

class SerialWindow {
 public:
  // Records that `serial` was seen at `ms`. Serials wrap at 2^32 and restart at boot.
  void see(uint32_t serial, int64_t ms) {
    if (!started_) {
      first_ = serial;
      restart(serial);
    }
    // A boot inside a log: serials well below the highest, and time has passed since. (The kernel's own disorder is a few serials.)
    if (static_cast<int32_t>(highest_ - serial) > kDisorder && ms > latestMs_ + kSlackMs) {
      judgeAll();
      restart(serial);
    }
    latestMs_ = ms;
    const int64_t ahead = static_cast<int32_t>(serial - base_);
    if (ahead < 0) {
      if (-ahead <= kBits) {
        late_++;  // already judged: only possible after more than the slack
        return;
      }
      judgeAll();
      restart(serial);
    } else if (ahead >= kBits) {
      if (ahead > kMaxGap) {
        judgeAll();
        restart(serial);
      } else {
        judgeUpTo(serial - kBits + 1);
      }
    }
    set(serial);
    if (static_cast<int32_t>(serial - highest_) > 0) highest_ = serial;
    tick(ms);
  }

  // Judges what is older than the slack: a serial below one seen that long ago will not come any more.
  void tick(int64_t ms) {
    if (!started_) return;
    if (ms - checkpointMs_ < kSlackMs) return;
    judgeUpTo(checkpointSerial_);
    checkpointMs_ = ms;
    checkpointSerial_ = highest_;
  }

  // At the end of the input: every gap below the highest serial is missing.
  void finish() {
    if (started_) judgeAll();
  }

  uint64_t missing() const { return missing_; }
  uint64_t late() const { return late_; }
  uint32_t first() const { return first_; }
  uint32_t highest() const { return highest_; }

 private:
  static constexpr int64_t kBits = 1 << 17;
  static constexpr int64_t kMaxGap = 1 << 26;
  static constexpr int64_t kSlackMs = 2000;
  static constexpr int32_t kDisorder = 64;

  void restart(uint32_t serial) {
    memset(bits_, 0, sizeof bits_);
    base_ = highest_ = checkpointSerial_ = serial;
    checkpointMs_ = INT64_MIN / 2;
    started_ = true;
  }
  void set(uint32_t s) { bits_[(s % kBits) >> 6] |= 1ULL << (s & 63); }
  bool clear(uint32_t s) {
    uint64_t& w = bits_[(s % kBits) >> 6];
    const uint64_t m = 1ULL << (s & 63);
    const bool was = (w & m) != 0;
    w &= ~m;
    return was;
  }
  // Judges [base_, end). Beyond the highest seen serial all are missing without a bit each.
  void judgeUpTo(uint32_t end) {
    while (static_cast<int32_t>(end - base_) > 0) {
      if (static_cast<int32_t>(base_ - highest_) > 0) {
        missing_ += static_cast<uint32_t>(end - base_);
        base_ = end;
        return;
      }
      if (!clear(base_)) missing_++;
      base_++;
    }
  }
  void judgeAll() { judgeUpTo(highest_ + 1); }

  uint64_t bits_[kBits / 64] = {};
  bool started_ = false;
  uint32_t first_ = 0;
  uint32_t base_ = 0;
  uint32_t highest_ = 0;
  int64_t latestMs_ = INT64_MIN / 2;
  int64_t checkpointMs_ = 0;
  uint32_t checkpointSerial_ = 0;
  uint64_t missing_ = 0;
  uint64_t late_ = 0;
};

}  // namespace puppy
