#include "assembler.h"

#include <cstring>

#include "text.h"

namespace puppy {
namespace {

constexpr uint16_t kFirstDaemon = 1200;
constexpr uint16_t kLastDaemon = 1299;
constexpr uint16_t kExecve = 1309;
constexpr uint16_t kEoe = 1320;
constexpr uint16_t kProctitle = 1327;
constexpr int kHeaderBytes = 56;

// Records that the kernel writes with a task's context, so that they share the serial of its syscall and its EOE (linux/audit.h:
// LOGIN, 1300-1499 events and LSM, 1700-1899 anomalies and integrity), as opposed to those that are an event each (user space,
// daemon). One that had no context ends by time.
bool isPart(uint16_t type) { return type == 1006 || (type >= 1300 && type < 1500) || (type >= 1700 && type < 1900); }

bool isHexUpper(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); }

bool isPlain(const char* p, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if ((p[i] & 0x80) != 0 || p[i] == '\\') return false;
  }
  return true;
}

// What one look at a value tells, so that JavaScript needn't look at its bytes again: flags, and its number or a hash.
int32_t digestValue(const char* p, size_t n, uint32_t* digest) {
  bool plain = true;
  bool hex = n > 0 && (n & 1) == 0;
  bool number = n > 0 && n <= 10;
  uint64_t value = 0;
  auto hash = static_cast<uint32_t>(n);
  for (size_t i = 0; i < n; i++) {
    const char c = p[i];
    hash = (hash ^ static_cast<uint8_t>(c)) * 16777619u;
    if ((c & 0x80) != 0 || c == '\\') plain = false;
    if (hex && !isHexUpper(c)) hex = false;
    if (number) {
      number = c >= '0' && c <= '9';
      value = value * 10 + static_cast<uint64_t>(c - '0');
    }
  }
  number = number && value <= UINT32_MAX;
  *digest = number ? static_cast<uint32_t>(value) : hash;
  return (plain ? kPlain : 0) | (hex ? kHex : 0) | (number ? kNumber : 0);
}

uint32_t hashName(const char* p, size_t n) {
  uint32_t h = 2166136261u;
  for (size_t i = 0; i < n; i++) h = (h ^ static_cast<uint8_t>(p[i])) * 16777619u;
  return h;
}

}  // namespace

struct Assembler::Event {
  uint32_t serial = 0;
  int64_t stampMs = 0;
  int64_t firstSeenMs = 0;
  uint64_t lastRecord = 0;  // how many records had come with its latest
  Event* prev = nullptr;
  Event* next = nullptr;
  int32_t flags = 0;
  int32_t records = 0;
  int64_t inputBytes = 0;
  size_t heldBytes = 0;
  std::vector<int32_t> index;
  std::string data;
  ExecveArguments arguments;

  void reset() {
    flags = records = 0;
    inputBytes = 0;
    heldBytes = 0;
    index.clear();
    data.clear();
    arguments.reset();
    if (data.capacity() > 16 * 1024) data.shrink_to_fit();
    if (index.capacity() > 4096) index.shrink_to_fit();
  }
};

Assembler::Assembler(const AssemblerOptions& options)
    : options_(options), ring_(options.ringBytes, options.batchBytes), slots_(kSlots, nullptr), doneSerial_(kDone, 0), doneMs_(kDone, -1) {
  size_t size = 16;
  while (size < options_.keys.size() * 4) size *= 2;
  keyTable_.assign(size, -1);
  for (size_t k = 0; k < options_.keys.size(); k++) {
    size_t at = hashName(options_.keys[k].data(), options_.keys[k].size()) & (size - 1);
    while (keyTable_[at] >= 0) at = (at + 1) & (size - 1);
    keyTable_[at] = static_cast<int32_t>(k);
  }
}

Assembler::~Assembler() {
  while (oldest_ != nullptr) {
    Event* next = oldest_->next;
    delete oldest_;
    oldest_ = next;
  }
  for (Event* e : free_) delete e;
}

int32_t Assembler::keyIndex(const char* name, size_t n) const {
  const size_t mask = keyTable_.size() - 1;
  for (size_t at = hashName(name, n) & mask; keyTable_[at] >= 0; at = (at + 1) & mask) {
    const std::string& k = options_.keys[static_cast<size_t>(keyTable_[at])];
    if (k.size() == n && memcmp(k.data(), name, n) == 0) return keyTable_[at];
  }
  return -1;
}

// `audit(1364481363.243:24287): text`
bool Assembler::parseStamp(const char* p, size_t n, Stamp* out) {
  if (n < 12 || memcmp(p, "audit(", 6) != 0) return false;
  size_t i = 6;
  uint64_t seconds = 0;
  uint64_t millis = 0;
  uint64_t serial = 0;
  // At most year 9999, so that the stamp is always a valid date.
  if (!digits(p, n, &i, 253402300799ull, &seconds) || i >= n || p[i] != '.') return false;
  i++;
  if (!digits(p, n, &i, 999, &millis) || i >= n || p[i] != ':') return false;
  i++;
  if (!digits(p, n, &i, UINT32_MAX, &serial) || i >= n || p[i] != ')') return false;
  i++;
  if (i < n && p[i] == ':') i++;
  while (i < n && p[i] == ' ') i++;
  out->ms = static_cast<int64_t>(seconds * 1000 + millis);
  out->serial = static_cast<uint32_t>(serial);
  out->textStart = i;
  return true;
}

void Assembler::push(uint16_t type, const char* payload, size_t size, int64_t nowMs) {
  stats_.records++;
  stats_.bytes += size;
  while (size > 0 && (payload[size - 1] == '\0' || payload[size - 1] == '\n')) size--;
  Stamp stamp;
  if (!parseStamp(payload, size, &stamp)) {
    stats_.malformed++;
    return;
  }
  if (options_.timeoutByStamp) {
    // A log's clock is its latest stamp: a syscall that blocked carries the time of its start.
    if (stamp.ms > logClockMs_) logClockMs_ = stamp.ms;
    nowMs = logClockMs_;
  }
  // auditd numbers its own records (AUDIT_FIRST_DAEMON …) itself.
  if (type < kFirstDaemon || type > kLastDaemon) serials_.see(stamp.serial, nowMs);
  if (options_.timeoutByStamp) {
    while (oldest_ != nullptr && oldest_->firstSeenMs + kStampTimeoutMs < nowMs && stats_.records - oldest_->lastRecord > kReorderRecords) {
      stats_.timedOut++;
      close(oldest_, kEndTimeout);
    }
  }
  const char* text = payload + stamp.textStart;
  const size_t n = size - stamp.textStart;
  Event* e = slots_[stamp.serial % kSlots];
  const bool same = e != nullptr && e->serial == stamp.serial && e->stampMs == stamp.ms;
  if (!same) {
    const size_t done = stamp.serial % kDone;
    // The EOE that follows the PROCTITLE which already ended the event.
    if (type == kEoe && doneSerial_[done] == stamp.serial && doneMs_[done] == stamp.ms) return;
    if (e != nullptr) {
      stats_.forced++;
      close(e, kEndForced);
    }
    e = open(stamp, nowMs);
  }
  e->lastRecord = stats_.records;
  e->inputBytes += static_cast<int64_t>(size);
  e->heldBytes += size;
  pendingBytes_ += size;
  if (type == kEoe) {
    close(e, kEndEoe);
    return;
  }
  if (type == kExecve) e->arguments.add(text, n, options_.argvMaxBytes);
  addRecord(e, type, text, n);
  if (type == kProctitle) {
    close(e, kEndProctitle);
  } else if (!isPart(type)) {
    close(e, kEndSingle);
  } else {
    while (pendingBytes_ > kMaxPendingBytes) {
      stats_.forced++;
      close(oldest_, kEndForced);
    }
  }
}

Assembler::Event* Assembler::open(const Stamp& stamp, int64_t nowMs) {
  Event* e;
  if (free_.empty()) {
    e = new Event();
  } else {
    e = free_.back();
    free_.pop_back();
  }
  e->serial = stamp.serial;
  e->stampMs = stamp.ms;
  const size_t done = stamp.serial % kDone;
  if (doneSerial_[done] == stamp.serial && doneMs_[done] == stamp.ms) e->flags |= kContinuation;
  e->firstSeenMs = nowMs;
  e->prev = newest_;
  e->next = nullptr;
  if (newest_ != nullptr) newest_->next = e;
  newest_ = e;
  if (oldest_ == nullptr) oldest_ = e;
  slots_[stamp.serial % kSlots] = e;
  pending_++;
  return e;
}

void Assembler::close(Event* e, int32_t flag) {
  e->flags |= flag;
  emit(e);
  slots_[e->serial % kSlots] = nullptr;
  doneSerial_[e->serial % kDone] = e->serial;
  doneMs_[e->serial % kDone] = e->stampMs;
  (e->prev != nullptr ? e->prev->next : oldest_) = e->next;
  (e->next != nullptr ? e->next->prev : newest_) = e->prev;
  pending_--;
  pendingBytes_ -= e->heldBytes;
  if (free_.size() >= kMaxFree) {
    delete e;
    return;
  }
  e->reset();
  free_.push_back(e);
}

void Assembler::expire(int64_t beforeMs) {
  while (oldest_ != nullptr && oldest_->firstSeenMs < beforeMs) {
    stats_.timedOut++;
    close(oldest_, kEndTimeout);
  }
}

void Assembler::finish() {
  while (oldest_ != nullptr) {
    stats_.forced++;
    close(oldest_, kEndForced);
  }
  serials_.finish();
}

void Assembler::addRecord(Event* e, uint16_t type, const char* text, size_t n) {
  if (type == kExecve) {
    // Its arguments are in the blob; the first record stands for all, and only `argc` is kept of it.
    if (e->flags & kRecordsDropped) return;
    for (size_t at = 0; at + 4 <= e->index.size();) {
      if (e->index[at] == kExecve) return;
      at += 4 + kFieldInts * static_cast<size_t>(e->index[at + 1]);
    }
    size_t end = 0;
    while (end < n && text[end] != ' ') end++;
    n = (n >= 5 && memcmp(text, "argc=", 5) == 0) ? end : 0;
  }
  if (e->records >= static_cast<int32_t>(kMaxRecords) || e->data.size() + n > kMaxDataBytes) {
    e->flags |= kRecordsDropped;
    stats_.recordsDropped++;
    return;
  }
  const size_t start = e->data.size();
  e->data.append(text, n);
  const size_t head = e->index.size();
  e->index.push_back(type);
  e->index.push_back(0);
  e->index.push_back(static_cast<int32_t>(start));
  e->index.push_back(static_cast<int32_t>(n));
  e->records++;
  splitFields(e, e->data.data(), start, start + n, 0);
  e->index[head + 1] = static_cast<int32_t>((e->index.size() - head - 4) / kFieldInts);
}

// name=value pairs apart by spaces (or by 0x1d, before the names that an enriched log adds). A value is "quoted", 'quoted' (then it
// holds pairs itself) or runs to the next space. Words without `=` are passed over.
void Assembler::splitFields(Event* e, const char* base, size_t from, size_t to, int32_t flags) {
  size_t i = from;
  bool parentheses = false;
  while (i < to) {
    while (i < to && (base[i] == ' ' || base[i] == '\x1d' || base[i] == ',' || base[i] == '\n')) i++;
    // Old user-space records put their last fields in parentheses.
    const bool inParentheses = (flags & kNested) != 0 && i < to && base[i] == '(';
    if (inParentheses) i++;
    parentheses = parentheses || inParentheses;
    const size_t name = i;
    while (i < to && base[i] != '=' && base[i] != ' ' && base[i] != '\x1d') i++;
    if (i >= to || base[i] != '=' || i == name) {
      if (i < to && base[i] == '=') i++;
      continue;
    }
    const size_t nameLength = i - name;
    size_t value = ++i;
    size_t end;
    int32_t f = flags;
    if (i < to && (base[i] == '"' || base[i] == '\'')) {
      const char quote = base[i];
      value = ++i;
      // msg='...' is written by user space, and what is inside it may hold an apostrophe: it ends at the record's last one.
      if (quote == '\'' && flags == 0) {
        end = to;
        while (end > value && base[end - 1] != '\'') end--;
        end = end > value ? end - 1 : to;
        splitFields(e, base, value, end, kNested);
        i = end < to ? end + 1 : to;
      } else {
        end = value;
        while (end < to && base[end] != quote) end++;
        i = end < to ? end + 1 : to;
      }
      f |= kQuoted;
    } else {
      while (i < to && base[i] != ' ' && base[i] != '\x1d') i++;
      end = i;
      // `pid=1,` in user-space records
      if (end > value && base[end - 1] == ',') end--;
      if (parentheses && end == to && end > value && base[end - 1] == ')') end--;
    }
    const int32_t key = keyIndex(base + name, nameLength);
    e->index.push_back(key >= 0 ? key : -static_cast<int32_t>(nameLength));
    e->index.push_back(static_cast<int32_t>(value));
    uint32_t digest = 0;
    const int32_t told = digestValue(base + value, end - value, &digest);
    e->index.push_back(static_cast<int32_t>((end - value) << kFlagBits) | f | told);
    e->index.push_back(static_cast<int32_t>(digest));
  }
}

void Assembler::emit(Event* e) {
  e->arguments.finish();
  const std::string& argv = e->arguments.blob();
  if (e->arguments.any()) {
    if (e->arguments.gap()) e->flags |= kArgvGap;
    if (e->arguments.truncated()) e->flags |= kArgvTruncated;
    if (isPlain(argv.data(), argv.size())) e->flags |= kArgvPlain;
  }
  stats_.events++;
  std::vector<uint8_t>& out = ring_.scratch();
  const size_t indexBytes = e->index.size() * 4;
  const size_t argvOffset = kHeaderBytes + indexBytes;
  const size_t dataOffset = argvOffset + argv.size();
  const size_t size = (dataOffset + e->data.size() + 7) & ~static_cast<size_t>(7);
  out.resize(size);
  const auto put = [&](size_t at, int64_t v) {
    const auto v32 = static_cast<int32_t>(v);
    memcpy(out.data() + at, &v32, 4);
  };
  const auto stamp = static_cast<double>(e->stampMs);
  put(0, static_cast<int64_t>(size));
  put(4, e->records);
  put(8, e->flags);
  memcpy(out.data() + 12, &e->serial, 4);
  memcpy(out.data() + 16, &stamp, 8);
  put(24, e->arguments.argc());
  put(28, e->arguments.stored());
  put(32, static_cast<int64_t>(argvOffset));
  put(36, static_cast<int64_t>(argv.size()));
  put(40, static_cast<int64_t>(dataOffset));
  put(44, e->inputBytes);
  put(48, 0);
  put(52, 0);
  if (indexBytes > 0) memcpy(out.data() + kHeaderBytes, e->index.data(), indexBytes);
  if (!argv.empty()) memcpy(out.data() + argvOffset, argv.data(), argv.size());
  if (!e->data.empty()) memcpy(out.data() + dataOffset, e->data.data(), e->data.size());
  if (!ring_.commit()) stats_.ringDropped++;
}

AssemblerStats Assembler::stats() const {
  AssemblerStats s = stats_;
  s.missing = serials_.missing();
  s.late = serials_.late();
  s.pending = pending_;
  s.firstSerial = serials_.first();
  s.highestSerial = serials_.highest();
  return s;
}

}  // namespace puppy
