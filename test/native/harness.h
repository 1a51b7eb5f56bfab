// What the native tests share: checks that tell where they failed, and a reader of batches that trusts nothing in them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "../../native/assembler.h"

#define CHECK(condition)                                                            \
  do {                                                                              \
    if (!(condition)) {                                                             \
      fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, __func__, #condition); \
      exit(1);                                                                      \
    }                                                                               \
  } while (0)

#define CHECK_EQ(actual, expected)                                                                                             \
  do {                                                                                                                         \
    const auto checkActual = (actual);                                                                                         \
    const decltype(checkActual) checkExpected = (expected);                                                                    \
    if (!(checkActual == checkExpected)) {                                                                                     \
      fprintf(stderr, "%s:%d: %s: %s is %s, not %s\n", __FILE__, __LINE__, __func__, #actual, test::show(checkActual).c_str(), \
              test::show(checkExpected).c_str());                                                                              \
      exit(1);                                                                                                                 \
    }                                                                                                                          \
  } while (0)

namespace test {

inline std::string show(const std::string& s) { return "\"" + (s.size() > 200 ? s.substr(0, 200) + "…" : s) + "\""; }
template <class Number>
std::string show(Number n) {
  return std::to_string(n);
}

struct Field {
  int32_t key;       // index into the keys, or negative
  std::string name;  // for a negative key
  std::string value;
  int32_t flags;
  uint32_t digest;
};

struct Record {
  int32_t type;
  std::string text;
  std::vector<Field> fields;
};

struct Event {
  uint32_t serial;
  double stampMs;
  int32_t flags;
  int32_t argc;
  int32_t inputBytes;
  std::vector<std::string> args;
  std::vector<Record> records;
  std::string bytes;
};

inline int32_t get(const uint8_t* p, size_t at) {
  int32_t v;
  memcpy(&v, p + at, 4);
  return v;
}

// Decodes one event by the layout that assembler.h documents, checking every bound and every promise of it.
inline Event decode(const uint8_t* p, size_t size) {
  constexpr size_t kHeader = 56;
  Event e;
  CHECK(size >= kHeader && size % 8 == 0);
  CHECK_EQ(static_cast<size_t>(get(p, 0)), size);
  e.bytes.assign(reinterpret_cast<const char*>(p), size);
  e.flags = get(p, 8);
  memcpy(&e.serial, p + 12, 4);
  memcpy(&e.stampMs, p + 16, 8);
  e.argc = get(p, 24);
  const int32_t argsStored = get(p, 28);
  const auto argvOffset = static_cast<size_t>(get(p, 32));
  const auto argvBytes = static_cast<size_t>(get(p, 36));
  const auto dataOffset = static_cast<size_t>(get(p, 40));
  e.inputBytes = get(p, 44);
  CHECK(argvOffset >= kHeader && argvOffset + argvBytes == dataOffset && dataOffset <= size);
  const char* argv = reinterpret_cast<const char*>(p + argvOffset);
  size_t at = 0;
  for (int32_t i = 0; i < argsStored; i++) {
    const void* nul = memchr(argv + at, 0, argvBytes - at);
    CHECK(nul != nullptr);
    const auto end = static_cast<size_t>(static_cast<const char*>(nul) - argv);
    e.args.emplace_back(argv + at, end - at);
    at = end + 1;
  }
  CHECK_EQ(at, argvBytes);
  size_t index = kHeader;
  const size_t dataBytes = size - dataOffset;
  const int32_t records = get(p, 4);
  for (int32_t r = 0; r < records; r++) {
    CHECK(index + 16 <= argvOffset);
    Record record;
    record.type = get(p, index);
    const int32_t fields = get(p, index + 4);
    const auto textOffset = static_cast<size_t>(get(p, index + 8));
    const auto textBytes = static_cast<size_t>(get(p, index + 12));
    CHECK(fields >= 0 && textOffset + textBytes <= dataBytes);
    const char* data = reinterpret_cast<const char*>(p + dataOffset);
    record.text.assign(data + textOffset, textBytes);
    index += 16;
    for (int32_t f = 0; f < fields; f++, index += 4 * puppy::kFieldInts) {
      CHECK(index + 4 * puppy::kFieldInts <= argvOffset);
      Field field;
      field.key = get(p, index);
      const auto valueOffset = static_cast<size_t>(get(p, index + 4));
      const int32_t packed = get(p, index + 8);
      CHECK(packed >= 0);
      const auto valueBytes = static_cast<size_t>(packed >> puppy::kFlagBits);
      field.flags = packed & ((1 << puppy::kFlagBits) - 1);
      field.digest = static_cast<uint32_t>(get(p, index + 12));
      CHECK(valueOffset >= textOffset && valueOffset + valueBytes <= textOffset + textBytes);
      field.value.assign(data + valueOffset, valueBytes);
      if (field.key < 0) {
        // The name stands before the value: before its `=`, and the opening quote.
        const size_t gap = 1 + ((field.flags & puppy::kQuoted) != 0 ? 1 : 0);
        const auto nameBytes = static_cast<size_t>(-field.key);
        CHECK(valueOffset >= textOffset + nameBytes + gap);
        field.name.assign(data + valueOffset - gap - nameBytes, nameBytes);
        CHECK_EQ(data[valueOffset - gap], '=');
      }
      record.fields.push_back(field);
    }
    e.records.push_back(record);
  }
  CHECK_EQ(index, argvOffset);
  return e;
}

// Takes everything that waits in a ring.
inline std::vector<Event> takeAll(puppy::BatchRing& ring) {
  std::vector<Event> events;
  std::vector<uint8_t> batch;
  while (ring.peek() > 0) {
    CHECK(ring.take(batch, ring.peek()));
    for (size_t at = 0; at < batch.size();) {
      CHECK(at + 4 <= batch.size());
      const auto size = static_cast<size_t>(get(batch.data(), at));
      CHECK(size > 0 && at + size <= batch.size());
      events.push_back(decode(batch.data() + at, size));
      at += size;
    }
    ring.recycle(batch);
  }
  CHECK_EQ(ring.bytes(), 0u);
  return events;
}

inline std::string stamp(uint32_t serial, int64_t ms = 1700000000000) {
  char text[64];
  snprintf(text, sizeof text, "audit(%lld.%03d:%u): ", static_cast<long long>(ms / 1000), static_cast<int>(ms % 1000), serial);
  return text;
}

inline void push(puppy::Assembler& a, uint16_t type, uint32_t serial, const std::string& text, int64_t ms = 1700000000000,
                 int64_t nowMs = 0) {
  const std::string record = stamp(serial, ms) + text;
  a.push(type, record.data(), record.size(), nowMs);
}

inline std::string hex(const std::string& bytes) {
  static const char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : bytes) {
    out += digits[static_cast<uint8_t>(c) >> 4];
    out += digits[static_cast<uint8_t>(c) & 15];
  }
  return out;
}

inline const Field* find(const Record& record, const std::string& name, const std::vector<std::string>& keys) {
  for (const Field& f : record.fields) {
    const std::string& have = f.key >= 0 ? keys[static_cast<size_t>(f.key)] : f.name;
    if (have == name) return &f;
  }
  return nullptr;
}

constexpr uint16_t kSyscall = 1300;
constexpr uint16_t kPath = 1302;
constexpr uint16_t kSockaddr = 1306;
constexpr uint16_t kCwd = 1307;
constexpr uint16_t kExecve = 1309;
constexpr uint16_t kEoe = 1320;
constexpr uint16_t kProctitle = 1327;
constexpr uint16_t kUserLogin = 1112;

struct Case {
  const char* name;
  void (*run)();
};

// Runs all cases, or those named on the command line; a failed check ends the program.
template <size_t N>
int main(const Case (&cases)[N], int argc, char** argv) {
  for (const Case& c : cases) {
    bool wanted = argc < 2;
    for (int i = 1; i < argc; i++) wanted = wanted || strcmp(argv[i], c.name) == 0;
    if (!wanted) continue;
    c.run();
    printf("ok %s\n", c.name);
    fflush(stdout);
  }
  return 0;
}

}  // namespace test
