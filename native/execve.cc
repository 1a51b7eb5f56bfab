#include "execve.h"

#include <cstring>

#include "text.h"

namespace puppy {

void ExecveArguments::add(const char* p, size_t n, size_t maxBytes) {
  size_t i = 0;
  const auto skipWord = [&] {
    while (i < n && p[i] != ' ') i++;
  };
  while (i < n) {
    while (i < n && p[i] == ' ') i++;
    if (n - i > 5 && memcmp(p + i, "argc=", 5) == 0) {
      i += 5;
      uint64_t argc = 0;
      if (digits(p, n, &i, INT32_MAX, &argc)) argc_ = static_cast<int64_t>(argc);
      skipWord();
      continue;
    }
    if (i >= n) break;
    size_t at = i + 1;
    uint64_t number = 0;
    if (p[i] != 'a' || !digits(p, n, &at, INT32_MAX, &number)) {
      skipWord();  // an enriched log's tail, or something unknown
      continue;
    }
    const auto arg = static_cast<int64_t>(number);
    if (n - at >= 5 && memcmp(p + at, "_len=", 5) == 0) {
      endParts();
      if (arg != next_) stopAtGap();
      beginParts(arg);
      i = at + 5;
      digits(p, n, &i, INT32_MAX, &partsAnnouncedBytes_);
      skipWord();
      continue;
    }
    const bool part = at < n && p[at] == '[';
    if (part) {
      uint64_t index = 0;
      at++;
      if (!digits(p, n, &at, INT32_MAX, &index) || at >= n || p[at] != ']') {
        skipWord();
        continue;
      }
      at++;
      if (partsOf_ != arg) {
        endParts();
        stopAtGap();
        beginParts(arg);
      } else if (nextPart_ != static_cast<int64_t>(index)) {
        stopAtGap();
      }
      nextPart_ = static_cast<int64_t>(index) + 1;
    } else {
      endParts();
      if (arg != next_) stopAtGap();
      next_ = arg;
    }
    if (at >= n || p[at] != '=') {
      skipWord();
      continue;
    }
    at++;
    const bool quoted = at < n && p[at] == '"';
    if (quoted) at++;
    size_t end = at;
    while (end < n && (quoted ? p[end] != '"' : p[end] != ' ')) end++;
    i = quoted && end < n ? end + 1 : end;
    if (part) partsTextBytes_ += end - at;
    if (!stopped_) store(p + at, end - at, quoted, part, maxBytes);
    if (!part) next_++;
  }
}

void ExecveArguments::finish() {
  if (!any()) return;
  endParts();
  if (argc_ < 0 || next_ < argc_) gap_ = true;
}

void ExecveArguments::reset() {
  argc_ = partsOf_ = -1;
  next_ = nextPart_ = stored_ = 0;
  stopped_ = gap_ = truncated_ = false;
  blob_.clear();
  if (blob_.capacity() > 16 * 1024) blob_.shrink_to_fit();
}

void ExecveArguments::beginParts(int64_t arg) {
  next_ = partsOf_ = arg;
  nextPart_ = 0;
  partsTextBytes_ = partsAnnouncedBytes_ = 0;
}

// Ends the long argument. Less text than announced: its last part is missing. (The kernel announces the length of the text it is going
// to write, kernel/auditsc.c audit_log_execve_info.)
void ExecveArguments::endParts() {
  if (partsOf_ < 0) return;
  if (partsTextBytes_ < partsAnnouncedBytes_) {
    stopAtGap();
  } else if (!stopped_) {
    endArgument();
  }
  next_ = partsOf_ + 1;
  partsOf_ = -1;
}

// Something is missing before what comes next. What is stored stays a true prefix, an argument that was begun included.
void ExecveArguments::stopAtGap() {
  gap_ = true;
  if (!stopped_ && partsOf_ >= 0 && nextPart_ > 0) endArgument();
  stopped_ = true;
}

void ExecveArguments::endArgument() {
  blob_.push_back('\0');
  stored_++;
}

// What an argument can't hold and the kernel doesn't write (a NUL, something else than hex, as in a log that was tampered with) becomes
// a question mark: a NUL ends an argument here.
void ExecveArguments::store(const char* text, size_t n, bool quoted, bool part, size_t maxBytes) {
  const size_t start = blob_.size();
  const size_t room = maxBytes > start ? maxBytes - start : 0;
  const size_t bytes = quoted ? n : n / 2;
  const bool cut = bytes + 1 > room;
  const size_t take = cut ? (room > 0 ? room - 1 : 0) : bytes;
  if (quoted) {
    blob_.append(text, take);
    for (size_t nul = blob_.find('\0', start); nul != std::string::npos; nul = blob_.find('\0', nul)) blob_[nul] = '?';
  } else {
    blob_.resize(start + take);
    for (size_t k = 0; k < take; k++) {
      const int high = hexValue(text[2 * k]);
      const int low = hexValue(text[2 * k + 1]);
      blob_[start + k] = high < 0 || low < 0 || (high | low) == 0 ? '?' : static_cast<char>(high << 4 | low);
    }
  }
  if (cut) {
    truncated_ = stopped_ = true;
    if (room > 0) endArgument();
  } else if (!part) {
    endArgument();
  }
}

}  // namespace puppy
