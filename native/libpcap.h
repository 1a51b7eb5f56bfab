// What is taken from under libpcap by the linker's --wrap (binding.gyp): names that it would look up, streams, and its filter's scanner,
// which is watched so that an error can tell its place.
#pragma once

#include <cstddef>

namespace puppy {

// While it lives, the place that this thread's pcap_compile has read to in `filter`.
class FilterPlace {
 public:
  explicit FilterPlace(const char* filter);
  ~FilterPlace();
  FilterPlace(const FilterPlace&) = delete;
  FilterPlace& operator=(const FilterPlace&) = delete;

  // The last token's first byte.
  size_t at() const { return at_; }
  size_t length() const { return length_; }
  bool atEnd() const { return atEnd_; }

  // For the scanner: a token, or the end.
  void read(const char* token, bool isEnd);

 private:
  const char* filter_;
  const char* base_ = nullptr;  // of libpcap's copy
  size_t at_ = 0;
  size_t length_ = 0;
  bool atEnd_ = true;
};

}  // namespace puppy
