// libFuzzer's entry: any bytes as a log, or as records of the kernel, under small bounds. Whatever comes out must be a batch as
// assembler.h documents it (harness.h checks that), and a log must give the same events however it is cut.
//   first byte even: the rest is a log;  odd: records, each a type (2 bytes), a length (2 bytes) and its text

#include "../../native/logline.h"
#include "harness.h"

namespace {

const puppy::LogFeeder::Types kTypes = {{"SYSCALL", 1300}, {"PATH", 1302},  {"CWD", 1307},       {"EXECVE", 1309},
                                        {"EOE", 1320},     {"LOGIN", 1006}, {"PROCTITLE", 1327}, {"USER_LOGIN", 1112}};

puppy::AssemblerOptions options(uint8_t bounds) {
  puppy::AssemblerOptions o;
  o.keys = {"syscall", "name", "argc", "msg", "a0", ""};
  o.argvMaxBytes = bounds & 1 ? 16 : 4096;
  o.ringBytes = bounds & 2 ? 4096 : 1 << 20;
  o.batchBytes = 1024;
  return o;
}

void checkEvents(const std::vector<test::Event>& events, const puppy::AssemblerOptions& o) {
  for (const auto& e : events) {
    size_t stored = 0;
    for (const auto& arg : e.args) stored += arg.size() + 1;
    CHECK(stored <= o.argvMaxBytes);
  }
}

std::vector<test::Event> feed(const uint8_t* p, size_t n, size_t piece, puppy::AssemblerOptions o) {
  o.timeoutByStamp = true;
  puppy::Assembler a(o);
  puppy::LogFeeder feeder(&a, kTypes);
  for (size_t at = 0; at < n; at += piece) feeder.feed(reinterpret_cast<const char*>(p) + at, n - at < piece ? n - at : piece);
  feeder.finish();
  const auto s = a.stats();
  CHECK_EQ(s.pending, 0u);
  auto events = test::takeAll(a.ring());
  CHECK_EQ(events.size() + s.ringDropped, s.events);
  checkEvents(events, o);
  return events;
}

void fuzzLog(const uint8_t* p, size_t n, const puppy::AssemblerOptions& o) {
  const auto whole = feed(p, n, SIZE_MAX, o);
  const auto cut = feed(p, n, 7, o);
  CHECK_EQ(cut.size(), whole.size());
  for (size_t i = 0; i < whole.size(); i++) CHECK(cut[i].bytes == whole[i].bytes);
}

void fuzzRecords(const uint8_t* p, size_t n, const puppy::AssemblerOptions& o) {
  puppy::Assembler a(o);
  int64_t nowMs = 0;
  for (size_t at = 0; at + 4 <= n;) {
    const auto type = static_cast<uint16_t>(p[at] | p[at + 1] << 8);
    size_t size = static_cast<size_t>(p[at + 2] | p[at + 3] << 8);
    at += 4;
    if (size > n - at) size = n - at;
    a.push(type, reinterpret_cast<const char*>(p + at), size, nowMs);
    at += size;
    nowMs += 100;
    if (type % 16 == 0) a.expire(nowMs - 2000);
  }
  a.finish();
  const auto s = a.stats();
  CHECK_EQ(s.pending, 0u);
  const auto events = test::takeAll(a.ring());
  CHECK_EQ(events.size() + s.ringDropped, s.events);
  checkEvents(events, o);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const puppy::AssemblerOptions o = options(static_cast<uint8_t>(data[0] >> 1));
  if ((data[0] & 1) == 0) {
    fuzzLog(data + 1, size - 1, o);
  } else {
    fuzzRecords(data + 1, size - 1, o);
  }
  return 0;
}
