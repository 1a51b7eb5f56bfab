#include "logline.h"

#include <cstdlib>
#include <cstring>

namespace puppy {

void LogFeeder::feed(const char* p, size_t n) {
  while (n > 0) {
    const auto* newline = static_cast<const char*>(memchr(p, '\n', n));
    const size_t piece = newline != nullptr ? static_cast<size_t>(newline - p) : n;
    if (rest_.empty() && !skipping_ && newline != nullptr && piece <= kMaxLine) {
      line(p, piece);
    } else if (skipping_) {
      // the rest of a line that was too long
    } else if (rest_.size() + piece > kMaxLine) {
      stats_.lines++;
      stats_.tooLong++;
      rest_.clear();
      skipping_ = true;
    } else {
      rest_.append(p, piece);
      if (newline != nullptr) {
        line(rest_.data(), rest_.size());
        rest_.clear();
      }
    }
    if (newline == nullptr) return;
    skipping_ = false;
    p += piece + 1;
    n -= piece + 1;
  }
}

void LogFeeder::finish() {
  if (!rest_.empty()) line(rest_.data(), rest_.size());
  rest_.clear();
  skipping_ = false;
  assembler_->finish();
}

void LogFeeder::line(const char* p, size_t n) {
  while (n > 0 && (*p == ' ' || *p == '\0' || *p == '\t')) p++, n--;
  while (n > 0 && (p[n - 1] == '\r' || p[n - 1] == ' ')) n--;
  if (n == 0) return;
  stats_.lines++;
  size_t i = 0;
  if (n > 5 && memcmp(p, "node=", 5) == 0) {
    while (i < n && p[i] != ' ') i++;
    while (i < n && p[i] == ' ') i++;
  }
  if (n - i < 6 || memcmp(p + i, "type=", 5) != 0) {
    stats_.notAudit++;
    return;
  }
  i += 5;
  const size_t name = i;
  while (i < n && p[i] != ' ') i++;
  const std::string type(p + name, i - name);
  while (i < n && p[i] == ' ') i++;
  if (n - i < 4 || memcmp(p + i, "msg=", 4) != 0) {
    stats_.notAudit++;
    return;
  }
  i += 4;
  uint16_t number = 0;
  const auto known = types_.find(type);
  if (known != types_.end()) {
    number = known->second;
  } else if (type.size() > 9 && type.compare(0, 8, "UNKNOWN[") == 0 && type.back() == ']') {
    const long v = strtol(type.c_str() + 8, nullptr, 10);
    number = v > 0 && v < 65536 ? static_cast<uint16_t>(v) : 0;
  }
  if (number == 0) {
    stats_.unknownType++;
    return;
  }
  assembler_->push(number, p + i, n - i, 0);
}

}  // namespace puppy
