// EXECVE records to arguments: exact up to the bound, and a true prefix wherever something is missing. The texts are the kernel's.

#include "harness.h"

using namespace test;
using puppy::Assembler;
using puppy::AssemblerOptions;

namespace {

// One argument over several records: `a1_len`, then `a1[0]`…, as the kernel cuts it.
void pushLong(Assembler& a, uint32_t serial, const std::string& argument, size_t part, size_t skip = SIZE_MAX) {
  const std::string text = hex(argument);
  push(a, kSyscall, serial, "arch=c000003e syscall=59 success=yes");
  std::string record = "argc=3 a0=\"sh\" a1_len=" + std::to_string(text.size());
  size_t n = 0;
  for (size_t at = 0; at < text.size(); at += part, n++) {
    record += std::string(record.empty() ? "" : " ") + "a1[" + std::to_string(n) + "]=" + text.substr(at, part);
    if (n != skip) push(a, kExecve, serial, record);
    record.clear();
  }
  push(a, kExecve, serial, "a2=\"end\"");
  push(a, kProctitle, serial, "proctitle=7368");
}

void execveParts() {
  Assembler a({});
  const std::string argument = std::string(131071, 'x') + '\x01';
  pushLong(a, 1, argument, 7400);
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 1u);
  CHECK_EQ(events[0].args.size(), 3u);
  CHECK_EQ(events[0].args[1], argument);
  CHECK_EQ(events[0].args[2], std::string("end"));
  CHECK_EQ(events[0].flags & (puppy::kArgvGap | puppy::kArgvTruncated), 0);
  CHECK_EQ(events[0].records.size(), 3u);
}

// A lost record: what is stored is a true prefix, and said to be one.
void execveGap() {
  const std::string argument(40000, 'y');
  const size_t parts = (2 * argument.size() + 7399) / 7400;
  for (size_t lost = 0; lost < parts; lost++) {
    Assembler a({});
    pushLong(a, 1, argument, 7400, lost);
    const auto events = takeAll(a.ring());
    CHECK_EQ(events.size(), 1u);
    CHECK((events[0].flags & puppy::kArgvGap) != 0);
    if (lost == 0) {
      CHECK_EQ(events[0].args.size(), 0u);  // the first part is in the record with argc and a0
      CHECK_EQ(events[0].argc, -1);
    } else {
      CHECK_EQ(events[0].argc, 3);
      CHECK_EQ(events[0].args.size(), 2u);
      CHECK_EQ(events[0].args[0], std::string("sh"));
      CHECK_EQ(events[0].args[1], argument.substr(0, lost * 3700));
    }
  }
  Assembler a({});
  push(a, kExecve, 2, "argc=4 a0=\"a\" a1=\"b\"");
  push(a, kExecve, 2, "a3=\"d\"");
  push(a, kEoe, 2, "");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events[0].args.size(), 2u);
  CHECK((events[0].flags & puppy::kArgvGap) != 0);
}

void execveTail() {
  Assembler a({});
  push(a, kExecve, 2, "argc=4 a0=\"a\" a1=\"b\"");
  push(a, kEoe, 2, "");
  push(a, kExecve, 3, "argc=1 a0=\"\"");
  push(a, kEoe, 3, "");
  push(a, kExecve, 4, "argc=2 a0=\"q\" a1=(null)");
  push(a, kEoe, 4, "");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events[0].args.size(), 2u);
  CHECK((events[0].flags & puppy::kArgvGap) != 0);
  CHECK_EQ(events[1].args.size(), 1u);
  CHECK_EQ(events[1].args[0], std::string());
  CHECK_EQ(events[1].flags & puppy::kArgvGap, 0);
  CHECK_EQ(events[2].args.size(), 2u);
}

// No argument holds a NUL; a log that says so must not make two of one.
void execveNul() {
  Assembler a({});
  push(a, kExecve, 1, std::string("argc=3 a0=\"x\0y\" a1=610062 a2=6G", 31));
  push(a, kEoe, 1, "");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events[0].args.size(), 3u);
  CHECK_EQ(events[0].args[0], std::string("x?y"));
  CHECK_EQ(events[0].args[1], std::string("a?b"));
  CHECK_EQ(events[0].args[2], std::string("?"));
}

void cutAtBound() {
  for (size_t bound = 0; bound < 24; bound++) {
    AssemblerOptions o;
    o.argvMaxBytes = bound;
    Assembler a(o);
    push(a, kExecve, 1, "argc=3 a0=\"abcd\" a1=65666768 a2_len=8 a2[0]=696A a2[1]=6B6C");
    push(a, kEoe, 1, "");
    const auto events = takeAll(a.ring());
    CHECK_EQ(events.size(), 1u);
    CHECK_EQ(events[0].argc, 3);
    const std::string whole("abcd\0efgh\0ijkl\0", 15);
    std::string stored;
    for (const auto& arg : events[0].args) stored += arg + '\0';
    CHECK(stored.size() <= bound);
    CHECK_EQ(stored.size(), bound < 15 ? bound : 15u);
    if (!stored.empty()) CHECK_EQ(stored.substr(0, stored.size() - 1), whole.substr(0, stored.size() - 1));
    CHECK_EQ((events[0].flags & puppy::kArgvTruncated) != 0, bound < 15);
    CHECK_EQ(events[0].flags & puppy::kArgvGap, 0);
  }
}

void manyArguments() {
  AssemblerOptions o;
  Assembler a(o);
  std::string record = "argc=70000";
  size_t records = 0;
  for (int i = 0; i < 70000; i++) {
    const std::string field = " a" + std::to_string(i) + "=\"" + (i % 2 == 0 ? "" : "v") + "\"";
    if (record.size() + field.size() > 7500) {
      push(a, kExecve, 1, record);
      record.clear();
      records++;
    }
    record += record.empty() ? field.substr(1) : field;
  }
  push(a, kExecve, 1, record);
  push(a, kEoe, 1, "");
  const auto events = takeAll(a.ring());
  CHECK(records > 80);
  CHECK_EQ(events.size(), 1u);
  CHECK_EQ(events[0].argc, 70000);
  CHECK_EQ(events[0].args.size(), 70000u);
  CHECK_EQ(events[0].args[69999], std::string("v"));
  CHECK_EQ(events[0].flags & (puppy::kArgvGap | puppy::kArgvTruncated), 0);
  CHECK_EQ(events[0].records.size(), 1u);
}

void absurdNumbers() {
  Assembler a({});
  push(a, kExecve, 1, "argc=99999999999999999999 a99999999999999999999=\"x\" a2147483647=\"y\" a0[99999999999]=00 a0_len= a0[0] a0[0]=");
  push(a, kExecve, 1, "a a= a0 a0[ a0[] a0[1 a0[1] argc= argc a\"");
  push(a, kEoe, 1, "");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 1u);
  CHECK((events[0].flags & puppy::kArgvGap) != 0);
}

const Case kCases[] = {{"parts", execveParts},
                       {"gap", execveGap},
                       {"tail", execveTail},
                       {"NUL in an argument", execveNul},
                       {"cut at the bound", cutAtBound},
                       {"70,000 arguments", manyArguments},
                       {"absurd numbers", absurdNumbers}};

}  // namespace

int main(int argc, char** argv) { return test::main(kCases, argc, argv); }
