// What parsers of record text share.
#pragma once

#include <cstddef>
#include <cstdint>

namespace puppy {

// Digits at `*i`; false when there is none or the number passes `max`.
inline bool digits(const char* p, size_t n, size_t* i, uint64_t max, uint64_t* out) {
  const size_t start = *i;
  uint64_t v = 0;
  while (*i < n && p[*i] >= '0' && p[*i] <= '9') {
    v = v * 10 + static_cast<uint64_t>(p[*i] - '0');
    if (v > max) return false;
    ++*i;
  }
  *out = v;
  return *i > start;
}

// The value of a hex digit, or -1.
inline int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

}  // namespace puppy
