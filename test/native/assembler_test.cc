// The assembler: whole events out of records, in any order, with any of them missing. The texts are the kernel's.

#include "harness.h"

using namespace test;
using puppy::Assembler;
using puppy::AssemblerOptions;

namespace {

const std::vector<std::string> kKeys = {"syscall", "success", "pid", "auid", "name", "argc", "msg", "res"};

AssemblerOptions options() {
  AssemblerOptions o;
  o.keys = kKeys;
  return o;
}

const char kSyscallText[] =
    "arch=c000003e syscall=59 success=yes exit=0 a0=55d0 a1=55d1 a2=55d2 a3=8 items=2 ppid=1 pid=7 auid=4294967295 uid=0 comm=\"sh\" "
    "exe=\"/usr/bin/dash\" key=(null)";

void pushExec(Assembler& a, uint32_t serial, int64_t ms = 1700000000000) {
  push(a, kSyscall, serial, kSyscallText, ms);
  push(a, kExecve, serial, "argc=3 a0=\"sh\" a1=\"-c\" a2=6563686F2022686922", ms);
  push(a, kCwd, serial, "cwd=\"/root\"", ms);
  push(a, kPath, serial, "item=0 name=\"/bin/sh\" inode=3 nametype=NORMAL", ms);
  push(a, kPath, serial, "item=1 name=\"/lib64/ld-linux-x86-64.so.2\" inode=4 nametype=NORMAL", ms);
  push(a, kProctitle, serial, "proctitle=7368002D63", ms);
  push(a, kEoe, serial, "", ms);
}

void inOrder() {
  Assembler a(options());
  pushExec(a, 10);
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 1u);
  const Event& e = events[0];
  CHECK_EQ(e.serial, 10u);
  CHECK_EQ(e.stampMs, 1700000000000.0);
  CHECK_EQ(e.flags, puppy::kEndProctitle | puppy::kArgvPlain);
  CHECK_EQ(e.argc, 3);
  CHECK_EQ(e.args.size(), 3u);
  CHECK_EQ(e.args[2], std::string("echo \"hi\""));
  CHECK_EQ(e.records.size(), 6u);
  CHECK_EQ(e.records[1].text, std::string("argc=3"));
  const Field* syscall = find(e.records[0], "syscall", kKeys);
  CHECK(syscall != nullptr && syscall->key == 0);
  CHECK_EQ(syscall->value, std::string("59"));
  CHECK_EQ(syscall->flags, puppy::kPlain | puppy::kHex | puppy::kNumber);
  CHECK_EQ(syscall->digest, 59u);
  const Field* exe = find(e.records[0], "exe", kKeys);
  CHECK(exe != nullptr && exe->key == -3);
  CHECK_EQ(exe->value, std::string("/usr/bin/dash"));
  CHECK_EQ(exe->flags, puppy::kPlain | puppy::kQuoted);
  const auto s = a.stats();
  CHECK_EQ(s.records, 7u);
  CHECK_EQ(s.events, 1u);
  CHECK_EQ(s.pending, 0u);
  CHECK_EQ(s.missing, 0u);
}

void interleaved() {
  Assembler a(options());
  push(a, kSyscall, 20, "arch=c000003e syscall=42");
  push(a, kSyscall, 21, "arch=c000003e syscall=43");
  push(a, kSockaddr, 21, "saddr=02001F907F000001");
  push(a, kSockaddr, 20, "saddr=020000507F000001");
  push(a, kEoe, 21, "");
  push(a, kEoe, 20, "");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 2u);
  CHECK_EQ(events[0].serial, 21u);
  CHECK_EQ(events[0].records[1].text, std::string("saddr=02001F907F000001"));
  CHECK_EQ(events[1].serial, 20u);
  CHECK_EQ(events[1].flags, static_cast<int32_t>(puppy::kEndEoe));
  CHECK_EQ(a.stats().missing, 0u);
}

// Records of one event whose order was lost: SYSCALL after its PATH.
void outOfOrder() {
  Assembler a(options());
  push(a, kPath, 5, "item=0 name=\"/x\"");
  push(a, kCwd, 5, "cwd=\"/\"");
  push(a, kSyscall, 5, "arch=c000003e syscall=2");
  push(a, kEoe, 5, "");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 1u);
  CHECK_EQ(events[0].records.size(), 3u);
  CHECK_EQ(events[0].records[2].type, static_cast<int32_t>(kSyscall));
}

void sameSerialOtherTime() {
  Assembler a(options());
  push(a, kSyscall, 9, "syscall=1", 1700000000000);
  push(a, kSyscall, 9, "syscall=2", 1800000000000);
  push(a, kEoe, 9, "", 1800000000000);
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 2u);
  CHECK_EQ(events[0].flags, static_cast<int32_t>(puppy::kEndForced));
  CHECK_EQ(events[1].records[0].text, std::string("syscall=2"));
}

void missingEoeTimesOut() {
  Assembler a(options());
  push(a, kSyscall, 1, "syscall=42", 1700000000000, 1000);
  push(a, kSyscall, 2, "syscall=42", 1700000000000, 2000);
  a.expire(1500);
  auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 1u);
  CHECK_EQ(events[0].serial, 1u);
  CHECK_EQ(events[0].flags, static_cast<int32_t>(puppy::kEndTimeout));
  CHECK_EQ(a.stats().timedOut, 1u);
  CHECK_EQ(a.stats().pending, 1u);
  a.finish();
  events = takeAll(a.ring());
  CHECK_EQ(events.size(), 1u);
  CHECK_EQ(events[0].flags, static_cast<int32_t>(puppy::kEndForced));
}

void timeoutByStamp() {
  auto o = options();
  o.timeoutByStamp = true;
  Assembler a(o);
  push(a, kSyscall, 1, "syscall=42", 1700000000000);
  push(a, kSyscall, 2, "syscall=42", 1700000001999);
  CHECK_EQ(takeAll(a.ring()).size(), 0u);
  push(a, kSyscall, 3, "syscall=42", 1700000002001);
  // Time alone isn't enough: on a quiet host the next event is far away, and this one's records may still come.
  CHECK_EQ(takeAll(a.ring()).size(), 0u);
  for (uint32_t serial = 4; serial < 12; serial++) push(a, kSyscall, serial, "syscall=42", 1700000002001);
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 1u);
  CHECK_EQ(events[0].serial, 1u);
  CHECK_EQ(events[0].flags, static_cast<int32_t>(puppy::kEndTimeout));
}

// A syscall that blocked for an hour carries the stamp of its start, between records of now: it is as whole as any other.
void oldStampIsNotLate() {
  auto o = options();
  o.timeoutByStamp = true;
  Assembler a(o);
  pushExec(a, 1, 1700003600000);
  push(a, kSyscall, 2, "syscall=43", 1700000000000);
  pushExec(a, 3, 1700003600010);
  push(a, kSockaddr, 2, "saddr=02001F907F000001", 1700000000000);
  push(a, kEoe, 2, "", 1700000000000);
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 3u);
  CHECK_EQ(events[2].serial, 2u);
  CHECK_EQ(events[2].records.size(), 2u);
  CHECK_EQ(a.stats().timedOut, 0u);
}

void proctitleThenLateEoe() {
  Assembler a(options());
  pushExec(a, 1);
  push(a, kEoe, 1, "");
  CHECK_EQ(takeAll(a.ring()).size(), 1u);
  CHECK_EQ(a.stats().events, 1u);
}

void eoeAlone() {
  Assembler a(options());
  push(a, kEoe, 4, "");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 1u);
  CHECK_EQ(events[0].records.size(), 0u);
  CHECK_EQ(events[0].flags, static_cast<int32_t>(puppy::kEndEoe));
}

// What comes after its event was given out is marked, so that nobody counts one execution twice.
void continuation() {
  Assembler a(options());
  pushExec(a, 1);
  push(a, kPath, 1, "item=2 name=\"/y\"");
  push(a, kEoe, 1, "");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 2u);
  CHECK((events[1].flags & puppy::kContinuation) != 0);
  CHECK_EQ(events[1].records.size(), 1u);
}

void slotCollision() {
  Assembler a(options());
  push(a, kSyscall, 1, "syscall=42");
  push(a, kSyscall, 1 + 8192, "syscall=42");
  auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 1u);
  CHECK_EQ(events[0].flags, static_cast<int32_t>(puppy::kEndForced));
  push(a, kCwd, 1, "cwd=\"/\"");
  push(a, kEoe, 1, "");
  events = takeAll(a.ring());
  CHECK_EQ(events.size(), 2u);
  CHECK_EQ(events[0].serial, 8193u);
  CHECK((events[1].flags & puppy::kContinuation) != 0);
  CHECK_EQ(a.stats().forced, 2u);
}

void singleRecords() {
  Assembler a(options());
  push(a, kUserLogin, 30,
       "pid=99 uid=0 auid=1000 ses=3 msg='op=login id=1000 exe=\"/usr/sbin/sshd\" hostname=? addr=? terminal=/dev/pts/0 res=success'");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 1u);
  CHECK_EQ(events[0].flags, static_cast<int32_t>(puppy::kEndSingle));
  const Record& r = events[0].records[0];
  const Field* res = find(r, "res", kKeys);
  CHECK(res != nullptr);
  CHECK_EQ(res->value, std::string("success"));
  CHECK((res->flags & puppy::kNested) != 0);
  const Field* msg = find(r, "msg", kKeys);
  CHECK(msg != nullptr && (msg->flags & puppy::kQuoted) != 0 && (msg->flags & puppy::kNested) == 0);
  const Field* exe = find(r, "exe", kKeys);
  CHECK(exe != nullptr && (exe->flags & (puppy::kNested | puppy::kQuoted)) == (puppy::kNested | puppy::kQuoted));
}

void nestedApostrophe() {
  Assembler a(options());
  push(a, kUserLogin, 31, "pid=99 msg='op=PAM:x acct=\"o'brien\" res=failed'");
  push(a, kUserLogin, 32, "pid=99 msg='op=never-ended");
  push(a, kUserLogin, 33, "pid=99 msg='");
  push(a, kUserLogin, 34, "pid=99 msg=''");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 4u);
  CHECK_EQ(find(events[0].records[0], "res", kKeys)->value, std::string("failed"));
  CHECK_EQ(find(events[0].records[0], "acct", kKeys)->value, std::string("o'brien"));
  CHECK_EQ(find(events[1].records[0], "op", kKeys)->value, std::string("never-ended"));
  CHECK_EQ(find(events[2].records[0], "msg", kKeys)->value, std::string());
  CHECK_EQ(find(events[3].records[0], "msg", kKeys)->value, std::string());
}

// An enriched log adds names after 0x1d.
void enriched() {
  Assembler a(options());
  push(a, kSyscall, 1,
       "syscall=59 auid=1000 key=\"k\"\x1d"
       "ARCH=x86_64 SYSCALL=execve AUID=\"ada\"");
  push(a, kExecve, 1, "argc=1 a0=\"x\"\x1dnothing here");
  push(a, kUserLogin, 2, "pid=1 msg='op=x res=success'\x1dUID=\"root\" AUID=\"unset\"");
  push(a, kEoe, 1, "");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 2u);
  const Record& r = events[1].records[0];
  CHECK_EQ(find(r, "key", kKeys)->value, std::string("k"));
  CHECK_EQ(find(r, "ARCH", kKeys)->value, std::string("x86_64"));
  CHECK_EQ(find(r, "AUID", kKeys)->value, std::string("ada"));
  CHECK_EQ(events[1].args.size(), 1u);
  CHECK_EQ(events[1].args[0], std::string("x"));
  CHECK_EQ(find(events[0].records[0], "res", kKeys)->value, std::string("success"));
  CHECK_EQ(find(events[0].records[0], "UID", kKeys)->value, std::string("root"));
}

void oddFields() {
  Assembler a(options());
  push(a, kSyscall, 1, "= =x a= b=\"\" c=\"open d e=1, f=(null) avc:  denied  { read } for  g=\\");
  push(a, kEoe, 1, "");
  const auto events = takeAll(a.ring());
  const Record& r = events[0].records[0];
  CHECK_EQ(find(r, "a", kKeys)->value, std::string());
  CHECK_EQ(find(r, "b", kKeys)->value, std::string());
  CHECK_EQ(find(r, "c", kKeys)->value.substr(0, 6), std::string("open d"));
  CHECK(find(r, "=x", kKeys) == nullptr);
}

void pendingBytesBound() {
  Assembler a(options());
  const std::string text = "name=\"" + std::string(8000, 'n') + "\"";
  for (uint32_t serial = 1; serial <= 8000; serial++) push(a, kPath, serial, text);
  const auto s = a.stats();
  CHECK(s.forced > 0);
  CHECK(s.pending * text.size() <= (32u << 20));
  CHECK(s.pending > 1000);
  CHECK_EQ(s.events + s.pending, 8000u);
}

void recordsBound() {
  Assembler a(options());
  for (int i = 0; i < 2000; i++) push(a, kPath, 1, "item=0 name=\"/x\"");
  push(a, kEoe, 1, "");
  push(a, kPath, 2, "name=\"" + std::string(600 * 1024, 'n') + "\"");
  push(a, kEoe, 2, "");
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size(), 2u);
  CHECK_EQ(events[0].records.size(), 1024u);
  CHECK((events[0].flags & puppy::kRecordsDropped) != 0);
  CHECK_EQ(events[1].records.size(), 0u);
  CHECK((events[1].flags & puppy::kRecordsDropped) != 0);
  CHECK_EQ(a.stats().recordsDropped, 2000u - 1024 + 1);
}

void ringFull() {
  auto o = options();
  o.ringBytes = 64 * 1024;
  o.batchBytes = 8 * 1024;
  Assembler a(o);
  for (uint32_t serial = 1; serial <= 1000; serial++) pushExec(a, serial);
  CHECK(a.ring().bytes() <= o.ringBytes);
  const auto s = a.stats();
  CHECK_EQ(s.events, 1000u);
  CHECK(s.ringDropped > 0);
  const auto events = takeAll(a.ring());
  CHECK_EQ(events.size() + s.ringDropped, 1000u);
  CHECK_EQ(events.back().serial, static_cast<uint32_t>(events.size()));
  pushExec(a, 1001);
  CHECK_EQ(takeAll(a.ring()).size(), 1u);
}

void takeNeedsRoom() {
  Assembler a(options());
  pushExec(a, 1);
  std::vector<uint8_t> out;
  const size_t size = a.ring().peek();
  CHECK(!a.ring().take(out, size - 1));
  CHECK(out.empty());
  CHECK(a.ring().take(out, size));
  CHECK_EQ(a.ring().peek(), 0u);
  CHECK(!a.ring().take(out, size));
}

void malformed() {
  Assembler a(options());
  const char* const bad[] = {"",
                             "\n",
                             "audit(",
                             "audit(1.1:1",
                             "audit(.:)",
                             "audit(1700000000.1000:1): x",
                             "audit(1700000000.100:4294967296): x",
                             "audit(99999999999999999999.100:1): x",
                             "audit(1700000000.100:-1): x",
                             "audit(1700000000:1): x"};
  for (const char* p : bad) a.push(kSyscall, p, strlen(p), 0);
  CHECK_EQ(a.stats().malformed, sizeof bad / sizeof *bad);
  CHECK_EQ(a.stats().pending, 0u);
  const char shortest[] = "audit(0.0:0)";
  a.push(kEoe, shortest, sizeof shortest - 1, 0);
  CHECK_EQ(takeAll(a.ring()).size(), 1u);
}

void trailingBytes() {
  Assembler a(options());
  const std::string record = stamp(1) + "cwd=\"/x\"" + std::string("\n\0\0", 3);
  a.push(kCwd, record.data(), record.size(), 0);
  push(a, kEoe, 1, "");
  CHECK_EQ(takeAll(a.ring())[0].records[0].text, std::string("cwd=\"/x\""));
}

const Case kCases[] = {{"in order", inOrder},
                       {"interleaved", interleaved},
                       {"out of order", outOfOrder},
                       {"same serial, other time", sameSerialOtherTime},
                       {"missing EOE times out", missingEoeTimesOut},
                       {"time-out by stamp", timeoutByStamp},
                       {"an old stamp is not late", oldStampIsNotLate},
                       {"PROCTITLE, then a late EOE", proctitleThenLateEoe},
                       {"EOE alone", eoeAlone},
                       {"continuation", continuation},
                       {"slot collision", slotCollision},
                       {"single records", singleRecords},
                       {"nested apostrophe", nestedApostrophe},
                       {"enriched", enriched},
                       {"odd fields", oddFields},
                       {"pending bytes bound", pendingBytesBound},
                       {"records bound", recordsBound},
                       {"ring full", ringFull},
                       {"take needs room", takeNeedsRoom},
                       {"malformed", malformed},
                       {"trailing bytes", trailingBytes}};

}  // namespace

int main(int argc, char** argv) { return test::main(kCases, argc, argv); }
