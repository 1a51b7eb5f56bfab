// The log feeder: lines out of any pieces of a file, the same events whatever the cut.

#include "../../native/logline.h"

#include "harness.h"

using namespace test;
using puppy::Assembler;
using puppy::AssemblerOptions;
using puppy::LogFeeder;

namespace {

const LogFeeder::Types kTypes = {{"SYSCALL", 1300}, {"PATH", 1302},  {"CWD", 1307},       {"EXECVE", 1309},
                                 {"EOE", 1320},     {"LOGIN", 1006}, {"PROCTITLE", 1327}, {"USER_LOGIN", 1112}};

struct Result {
  std::vector<Event> events;
  puppy::LogStats log;
  puppy::AssemblerStats assembler;
};

Result feedAll(const std::vector<std::string>& pieces) {
  AssemblerOptions o;
  o.timeoutByStamp = true;
  Assembler a(o);
  LogFeeder feeder(&a, kTypes);
  for (const auto& piece : pieces) feeder.feed(piece.data(), piece.size());
  feeder.finish();
  return {takeAll(a.ring()), feeder.stats(), a.stats()};
}

const char kLog[] =
    "type=SYSCALL msg=audit(1489999368.391:10): arch=c000003e syscall=59 success=yes exit=0 pid=1\n"
    "type=EXECVE msg=audit(1489999368.391:10): argc=2 a0=\"ls\" a1=\"-l\"\n"
    "node=web-1 type=CWD msg=audit(1489999368.391:10):  cwd=\"/root\"\r\n"
    "\n"
    "type=PROCTITLE msg=audit(1489999368.391:10): proctitle=6C73002D6C\n"
    "type=EOE msg=audit(1489999368.391:10): \n"
    "type=UNKNOWN[1334] msg=audit(1489999368.400:11): prog-id=14 op=LOAD\n"
    "type=NOBODY_KNOWS msg=audit(1489999368.400:12): x=1\n"
    "hello\n"
    "type=USER_LOGIN msg=audit(1489999368.500:13): pid=1 msg='op=login res=success'";

void whole() {
  const Result r = feedAll({kLog});
  CHECK_EQ(r.events.size(), 3u);
  CHECK_EQ(r.events[0].args.size(), 2u);
  CHECK_EQ(r.events[0].records[2].text, std::string("cwd=\"/root\""));
  CHECK_EQ(r.events[1].serial, 13u);
  CHECK_EQ(r.events[2].records[0].type, 1334);
  CHECK_EQ(r.log.lines, 9u);
  CHECK_EQ(r.log.unknownType, 1u);
  CHECK_EQ(r.log.notAudit, 1u);
  CHECK_EQ(r.assembler.missing, 1u);
}

void everySplit() {
  const std::string log = kLog;
  const Result expected = feedAll({log});
  for (size_t cut = 0; cut <= log.size(); cut++) {
    const Result r = feedAll({log.substr(0, cut), log.substr(cut)});
    CHECK_EQ(r.events.size(), expected.events.size());
    for (size_t i = 0; i < r.events.size(); i++) CHECK_EQ(r.events[i].bytes, expected.events[i].bytes);
    CHECK_EQ(r.log.lines, expected.log.lines);
  }
  std::vector<std::string> bytes;
  for (const char c : log) bytes.emplace_back(1, c);
  const Result r = feedAll(bytes);
  for (size_t i = 0; i < r.events.size(); i++) CHECK_EQ(r.events[i].bytes, expected.events[i].bytes);
}

// Over the bound a line is passed over and counted, in one piece or in many.
void tooLong() {
  const std::string good = "type=EOE msg=audit(1489999368.391:10): \n";
  for (const size_t size : {256u * 1024 - 60, 256u * 1024 + 1, 3u * 1024 * 1024}) {
    const std::string line = "type=PATH msg=audit(1489999368.391:11): name=" + std::string(size, 'n');
    const bool fits = line.size() <= 256 * 1024;
    for (const size_t piece : {SIZE_MAX, size_t{4096}, size_t{256 * 1024}}) {
      const std::string log = good + line + "\n" + good;
      std::vector<std::string> pieces;
      for (size_t at = 0; at < log.size(); at += piece == SIZE_MAX ? log.size() : piece) pieces.push_back(log.substr(at, piece));
      const Result r = feedAll(pieces);
      CHECK_EQ(r.log.lines, 3u);
      CHECK_EQ(r.log.tooLong, fits ? 0u : 1u);
      CHECK_EQ(r.events.size(), fits ? 2u : 1u);
    }
  }
}

void tooLongAtTheEnd() {
  const Result r = feedAll({std::string(300 * 1024, 'x')});
  CHECK_EQ(r.log.tooLong, 1u);
  CHECK_EQ(r.events.size(), 0u);
}

// A file that grew after a crash has a hole of NULs.
void nulBytes() {
  const Result r = feedAll({std::string(5000, '\0') + "type=EOE msg=audit(1489999368.391:10): \n" + std::string(10, '\0')});
  CHECK_EQ(r.events.size(), 1u);
  CHECK_EQ(r.log.lines, 1u);
  const std::string inside = std::string("type=CWD msg=audit(1489999368.391:10): cwd=\"/a") + '\0' + "b\"\n";
  const Result s = feedAll({inside});
  CHECK_EQ(s.events.size(), 1u);
  CHECK_EQ(s.events[0].records[0].fields[0].value, std::string("/a\0b", 4));
}

void oddLines() {
  const char* const lines[] = {"type=",
                               "type= msg=audit(1.1:1): x",
                               "type=SYSCALL",
                               "type=SYSCALL msg=",
                               "type=SYSCALL msg=audit(",
                               "node=",
                               "node= type=EOE",
                               "node=x type=EOE msg=audit(1489999368.391:10): ",
                               "node=a node=b type=EOE msg=audit(1489999368.391:10): ",
                               "type=UNKNOWN[] msg=audit(1489999368.391:11): x",
                               "type=UNKNOWN[70000] msg=audit(1489999368.391:11): x",
                               "type=UNKNOWN[-1] msg=audit(1489999368.391:11): x",
                               "type=UNKNOWN[99999999999999999999] msg=audit(1489999368.391:11): x"};
  std::string log;
  for (const char* line : lines) log += std::string(line) + "\n";
  const Result r = feedAll({log});
  CHECK_EQ(r.log.lines, sizeof lines / sizeof *lines);
  CHECK_EQ(r.events.size(), 1u);
  CHECK_EQ(r.assembler.malformed, 2u);
}

void nothing() {
  CHECK_EQ(feedAll({}).events.size(), 0u);
  CHECK_EQ(feedAll({"", "\n\n\r\n", ""}).log.lines, 0u);
}

const Case kCases[] = {
    {"whole", whole},        {"every split", everySplit}, {"too long", tooLong}, {"too long at the end", tooLongAtTheEnd},
    {"NUL bytes", nulBytes}, {"odd lines", oddLines},     {"nothing", nothing}};

}  // namespace

int main(int argc, char** argv) { return test::main(kCases, argc, argv); }
