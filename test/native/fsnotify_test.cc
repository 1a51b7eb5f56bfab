// The reader of file events: what the kernel really says of both backends (fanotify where this process may), what no kernel would say
// without harm, bounds that are counted, and its thread beside its consumer.

#include "../../native/fsnotify.h"

#include <fcntl.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <memory>
#include <unordered_map>

#include "../../native/scan.h"
#include "harness.h"

using namespace test;
using puppy::Backend;
using puppy::FsReader;
using puppy::FsReaderOptions;

namespace {

struct Message {
  uint32_t mask;
  uint64_t directory;
  uint64_t renamedTo;
  uint64_t target;
  int32_t pid;
  uint32_t cookie;
  int32_t flags;
  uint32_t task;
  std::string name;
  std::string name2;
};

struct ToldTask {
  double startTicks;
  int32_t pid;
  int32_t ppid;
  uint32_t euid;
  uint32_t gid;
  std::string comm;
  std::string exe;
};

double number(const uint8_t* p) {
  double v;
  memcpy(&v, p, sizeof v);
  return v;
}

// The events; each names a task that was told before it, or none.
std::vector<Message> takeMessages(FsReader& reader, std::unordered_map<uint32_t, ToldTask>* tasks = nullptr) {
  std::vector<Message> messages;
  std::vector<uint8_t> batch;
  while (reader.ring().take(batch, SIZE_MAX)) {
    for (size_t at = 0; at < batch.size();) {
      const uint8_t* p = batch.data() + at;
      const auto size = static_cast<size_t>(get(p, 0));
      CHECK(size >= puppy::kFsHeaderBytes && size % 8 == 0 && at + size <= batch.size());
      at += size;
      if (static_cast<uint32_t>(get(p, 4)) == puppy::kFsTask) {
        const auto comm = static_cast<size_t>(get(p, 72));
        const auto exe = static_cast<size_t>(get(p, 76));
        CHECK(puppy::kFsTaskHeaderBytes + comm + exe <= size);
        const char* text = reinterpret_cast<const char*>(p + puppy::kFsTaskHeaderBytes);
        if (tasks != nullptr) {
          (*tasks)[static_cast<uint32_t>(get(p, 16))] = {number(p + 8),
                                                         get(p, 20),
                                                         get(p, 24),
                                                         static_cast<uint32_t>(get(p, 36)),
                                                         static_cast<uint32_t>(get(p, 48)),
                                                         std::string(text, comm),
                                                         std::string(text + comm, exe)};
        }
        continue;
      }
      const auto name = static_cast<size_t>(get(p, 52));
      const auto name2 = static_cast<size_t>(get(p, 56));
      CHECK(puppy::kFsHeaderBytes + name + name2 <= size);
      const char* text = reinterpret_cast<const char*>(p + puppy::kFsHeaderBytes);
      messages.push_back({static_cast<uint32_t>(get(p, 4)), static_cast<uint64_t>(number(p + 8)), static_cast<uint64_t>(number(p + 16)),
                          static_cast<uint64_t>(number(p + 24)), get(p, 40), static_cast<uint32_t>(get(p, 44)), get(p, 48),
                          static_cast<uint32_t>(get(p, 60)), std::string(text, name), std::string(text + name, name2)});
    }
    reader.ring().recycle(batch);
  }
  return messages;
}

void noWake(void*) {}

std::string temporary() {
  char path[] = "/tmp/puppy-fsnotify-XXXXXX";
  CHECK(mkdtemp(path) != nullptr);
  return path;
}

void touch(const std::string& path) {
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  CHECK(fd >= 0);
  CHECK(write(fd, "x", 1) == 1);
  close(fd);
}

const Message* find(const std::vector<Message>& messages, const std::string& name, uint32_t mask) {
  for (const Message& m : messages) {
    if ((m.mask & mask) == mask && (m.name == name || m.name2 == name)) return &m;
  }
  return nullptr;
}

// Runs with each backend that this process may use.
void eachBackend(void (*run)(FsReader& reader, bool fanotify)) {
  for (const Backend backend : {Backend::kInotify, Backend::kFanotify}) {
    for (const bool plain : {false, true}) {
      if (backend == Backend::kInotify && plain) continue;
      FsReaderOptions o;
      o.backend = backend;
      o.plain = plain;
      o.coalesceMs = 1;
      FsReader reader(o);
      const int r = reader.open();
      if (backend == Backend::kFanotify && r == -EPERM) continue;
      CHECK_EQ(r, 0);
      run(reader, backend == Backend::kFanotify);
    }
  }
}

constexpr uint32_t kMask = IN_MODIFY | IN_CLOSE_WRITE | IN_ATTRIB;

void tellsWhatHappens() {
  eachBackend([](FsReader& reader, bool fanotify) {
    const std::string dir = temporary();
    puppy::Watched top;
    CHECK_EQ(reader.directories().watch(dir.c_str(), kMask, &top), 0);
    puppy::Watched again;
    CHECK_EQ(reader.directories().watch(dir.c_str(), kMask, &again), 0);
    CHECK_EQ(again.id, top.id);
    CHECK_EQ(reader.start(noWake, nullptr), 0);
    touch(dir + "/a\nb\xff");
    CHECK(rename((dir + "/a\nb\xff").c_str(), (dir + "/c").c_str()) == 0);
    CHECK(mkdir((dir + "/sub").c_str(), 0700) == 0);
    CHECK(unlink((dir + "/c").c_str()) == 0);
    reader.stop();
    const auto messages = takeMessages(reader);
    const Message* created = find(messages, "a\nb\xff", IN_CREATE);
    CHECK(created != nullptr);
    CHECK_EQ(created->directory, top.id);
    CHECK_EQ(created->pid, fanotify ? static_cast<int32_t>(getpid()) : 0);
    CHECK(find(messages, "a\nb\xff", IN_CLOSE_WRITE) != nullptr);
    CHECK(find(messages, "c", IN_DELETE) != nullptr);
    const Message* sub = find(messages, "sub", IN_CREATE | IN_ISDIR);
    CHECK(sub != nullptr);
    if (reader.directories().tellsTargets()) {
      const Message* renamed = find(messages, "c", 0x10000000);
      CHECK(renamed != nullptr);
      CHECK_EQ(renamed->name, std::string("a\nb\xff"));
      CHECK_EQ(renamed->renamedTo, top.id);
      puppy::Watched inner;
      CHECK_EQ(reader.directories().watch((dir + "/sub").c_str(), kMask, &inner), 0);
      CHECK_EQ(inner.id, sub->target);
      std::string path;
      CHECK_EQ(reader.directories().path(sub->target, &path), 0);
      CHECK_EQ(path, dir + "/sub");
    } else {
      const Message* from = find(messages, "a\nb\xff", IN_MOVED_FROM);
      const Message* to = find(messages, "c", IN_MOVED_TO);
      CHECK(from != nullptr && to != nullptr);
      CHECK_EQ(from->cookie, to->cookie);
      CHECK_EQ(from->cookie != 0, !fanotify);
    }
    const auto s = reader.stats();
    CHECK_EQ(s.error, 0);
    CHECK_EQ(s.malformed, 0u);
    CHECK(rmdir((dir + "/sub").c_str()) == 0 && rmdir(dir.c_str()) == 0);
  });
}

void refuses() {
  eachBackend([](FsReader& reader, bool) {
    puppy::Watched none;
    const std::string dir = temporary();
    CHECK_EQ(reader.directories().watch((dir + "/none").c_str(), kMask, &none), -ENOENT);
    CHECK(symlink("/etc", (dir + "/link").c_str()) == 0);
    CHECK(reader.directories().watch((dir + "/link").c_str(), kMask, &none) < 0);
    CHECK(mkfifo((dir + "/fifo").c_str(), 0600) == 0);
    CHECK_EQ(reader.directories().watch((dir + "/fifo").c_str(), kMask, &none), -ENOTDIR);
    reader.directories().forget(12345);
    reader.directories().ignore(12345);
    std::string path;
    CHECK_EQ(reader.directories().path(12345, &path), -ENOENT);
    CHECK(unlink((dir + "/link").c_str()) == 0 && unlink((dir + "/fifo").c_str()) == 0 && rmdir(dir.c_str()) == 0);
  });
}

// What was ignored is silent until it's watched again.
void ignores() {
  eachBackend([](FsReader& reader, bool fanotify) {
    if (!fanotify) return;
    const std::string dir = temporary();
    puppy::Watched top;
    CHECK_EQ(reader.directories().watch(dir.c_str(), kMask, &top), 0);
    reader.directories().ignore(top.id);
    touch(dir + "/a");
    reader.stop();
    CHECK(find(takeMessages(reader), "a", IN_CREATE) == nullptr);
    CHECK(reader.stats().ignored > 0);
    CHECK_EQ(reader.directories().watch(dir.c_str(), kMask, &top), 0);
    touch(dir + "/b");
    reader.stop();
    CHECK(find(takeMessages(reader), "b", IN_CREATE) != nullptr);
    CHECK(unlink((dir + "/a").c_str()) == 0 && unlink((dir + "/b").c_str()) == 0 && rmdir(dir.c_str()) == 0);
  });
}

// Truncated, overlong and random buffers: counted, never read past their end.
void odd() {
  FsReader reader((FsReaderOptions()));
  const std::vector<uint8_t> zeros(64, 0);
  for (size_t n = 0; n <= zeros.size(); n++) {
    const std::vector<uint8_t> exact(zeros.begin(), zeros.begin() + static_cast<ptrdiff_t>(n));
    reader.parseFanotify(exact.data(), n);
    reader.parseInotify(exact.data(), n);
  }
  uint32_t seed = 1;
  for (int round = 0; round < 20000; round++) {
    std::vector<uint8_t> bytes(static_cast<size_t>(24 + round % 200));
    for (auto& b : bytes) b = static_cast<uint8_t>((seed = seed * 1664525 + 1013904223) >> 24);
    // Plausible up to the information records.
    fanotify_event_metadata m = {};
    m.event_len = static_cast<uint32_t>(bytes.size());
    m.vers = FANOTIFY_METADATA_VERSION;
    m.metadata_len = sizeof m;
    m.mask = round % 3 == 0 ? static_cast<uint64_t>(FAN_CREATE | FAN_ONDIR) : static_cast<uint64_t>(FAN_MODIFY);
    memcpy(bytes.data(), &m, sizeof m);
    if (bytes.size() >= sizeof m + 24) {
      uint8_t* info = bytes.data() + sizeof m;
      const uint8_t types[] = {1, 2, 3, 10, 12};
      info[0] = types[round % 5];
      const auto length = static_cast<uint16_t>(bytes.size() - sizeof m);
      memcpy(info + 2, &length, 2);
      const uint32_t handle = static_cast<uint32_t>(round % 64);
      memcpy(info + 12, &handle, 4);
    }
    reader.parseFanotify(bytes.data(), bytes.size());
    reader.parseInotify(bytes.data(), bytes.size());
    if (round % 1000 == 0) takeMessages(reader);
  }
  takeMessages(reader);
  CHECK(reader.stats().events == 0);  // nothing was published: there is no thread
}

void boundsAreCounted() {
  FsReaderOptions o;
  o.backend = Backend::kInotify;
  o.ringBytes = 1024;
  o.coalesceMs = 1;
  FsReader reader(o);
  CHECK_EQ(reader.open(), 0);
  const std::string dir = temporary();
  puppy::Watched top;
  CHECK_EQ(reader.directories().watch(dir.c_str(), kMask, &top), 0);
  for (int i = 0; i < 50; i++) touch(dir + "/" + std::to_string(i));
  reader.stop();
  const auto s = reader.stats();
  CHECK_EQ(takeMessages(reader).size() + s.ringDropped, s.events);
  CHECK(s.ringDropped > 0);
  for (int i = 0; i < 50; i++) unlink((dir + "/" + std::to_string(i)).c_str());
  CHECK(rmdir(dir.c_str()) == 0);
}

// The consumer watches, forgets and takes while the reader reads.
void besideItsConsumer() {
  eachBackend([](FsReader& reader, bool) {
    const std::string dir = temporary();
    puppy::Watched top;
    CHECK_EQ(reader.directories().watch(dir.c_str(), kMask, &top), 0);
    CHECK_EQ(reader.start(noWake, nullptr), 0);
    for (int i = 0; i < 200; i++) {
      const std::string sub = dir + "/" + std::to_string(i);
      CHECK(mkdir(sub.c_str(), 0700) == 0);
      puppy::Watched inner;
      CHECK_EQ(reader.directories().watch(sub.c_str(), kMask, &inner), 0);
      touch(sub + "/f");
      CHECK(unlink((sub + "/f").c_str()) == 0);
      if (i % 3 == 0) reader.directories().forget(inner.id);
      if (i % 3 == 1) reader.directories().ignore(inner.id);
      CHECK(rmdir(sub.c_str()) == 0);
      takeMessages(reader);
      reader.stats();
    }
    reader.stop();
    CHECK_EQ(reader.stats().error, 0);
    CHECK(rmdir(dir.c_str()) == 0);
  });
}

void scans() {
  const std::string dir = temporary();
  touch(dir + "/a");
  CHECK(mkfifo((dir + "/fifo").c_str(), 0600) == 0);
  CHECK(symlink("/nowhere", (dir + "/link").c_str()) == 0);
  uint8_t out[puppy::kScanMinBytes];
  uint32_t scan = 1;
  const auto count = [&](int64_t bytes) {
    int entries = 0;
    for (size_t at = 0; static_cast<int64_t>(at) < bytes; at += static_cast<size_t>(get(out, at))) entries++;
    return entries;
  };
  CHECK_EQ(count(puppy::scanDirectory(dir.c_str(), out, sizeof out, &scan)), 3);
  CHECK_EQ(scan, 0u);
  CHECK_EQ(puppy::scanDirectory((dir + "/fifo").c_str(), out, sizeof out, &scan), -ENOTDIR);
  CHECK(puppy::scanDirectory((dir + "/link").c_str(), out, sizeof out, &scan) < 0);
  CHECK_EQ(puppy::scanOn(&scan, out, sizeof out), -EBADF);
  // More than one piece: each entry once; and one that is given up.
  for (int i = 0; i < 300; i++) touch(dir + "/more" + std::to_string(i));
  int entries = count(puppy::scanDirectory(dir.c_str(), out, sizeof out, &scan));
  CHECK(entries < 303);
  while (scan != 0) entries += count(puppy::scanOn(&scan, out, sizeof out));
  CHECK_EQ(entries, 303);
  CHECK(puppy::scanDirectory(dir.c_str(), out, sizeof out, &scan) > 0);
  puppy::endScan(scan);
  CHECK_EQ(puppy::scanOn(&scan, out, sizeof out), -EBADF);
  // So many at once.
  std::vector<uint32_t> open;
  while (puppy::scanDirectory(dir.c_str(), out, sizeof out, &scan) > 0) open.push_back(scan);
  CHECK_EQ(open.size(), 64u);
  for (const uint32_t one : open) puppy::endScan(one);
  for (int i = 0; i < 300; i++) CHECK(unlink((dir + "/more" + std::to_string(i)).c_str()) == 0);
  double stat[puppy::kStatNumbers];
  CHECK_EQ(puppy::statPath((dir + "/link").c_str(), stat), 0);
  CHECK((static_cast<mode_t>(stat[0]) & S_IFMT) == S_IFLNK);
  CHECK_EQ(puppy::statPath((dir + "/none").c_str(), stat), -ENOENT);
  for (const char* name : {"/a", "/fifo", "/link"}) CHECK(unlink((dir + name).c_str()) == 0);
  CHECK(rmdir(dir.c_str()) == 0);
  std::string mounts;
  CHECK_EQ(puppy::readMounts(&mounts), 0);
  CHECK(mounts.find(" / ") != std::string::npos);
}

// A child that runs `work`, with another name and other ids, and then stays, as a zombie, until it's waited for.
pid_t child(void (*work)(const std::string&), const std::string& argument) {
  const pid_t pid = fork();
  CHECK(pid >= 0);
  if (pid > 0) return pid;
  prctl(PR_SET_NAME, "odd ) 1\n2");
  work(argument);
  _exit(0);
}

// Who did it: a process that goes on, one that ended and wasn't waited for, one that is gone before anybody looks.
void saysWho() {
  FsReaderOptions o;
  o.backend = Backend::kFanotify;
  FsReader reader(o);
  const int r = reader.open();
  if (r == -EPERM) return;
  CHECK_EQ(r, 0);
  const std::string dir = temporary();
  CHECK(chmod(dir.c_str(), 0777) == 0);
  puppy::Watched top;
  CHECK_EQ(reader.directories().watch(dir.c_str(), kMask, &top), 0);
  const auto wait = [](pid_t pid) { CHECK(waitpid(pid, nullptr, 0) == pid); };
  touch(dir + "/mine");
  const pid_t gone = child(touch, dir + "/gone");
  wait(gone);
  const pid_t zombie = child(
      [](const std::string& path) {
        CHECK(setresgid(7, 7, 7) == 0 && setresuid(0, 5, 0) == 0);
        touch(path);
      },
      dir + "/zombie");
  siginfo_t info;
  CHECK(waitid(P_PID, static_cast<id_t>(zombie), &info, WEXITED | WNOWAIT) == 0);
  reader.stop();
  wait(zombie);
  std::unordered_map<uint32_t, ToldTask> tasks;
  const auto messages = takeMessages(reader, &tasks);
  const auto taskOf = [&](const char* name) {
    const Message* m = find(messages, name, IN_CREATE);
    CHECK(m != nullptr);
    return m->task;
  };
  CHECK(tasks.count(taskOf("mine")) == 1 && tasks.count(taskOf("zombie")) == 1);
  char exe[4096];
  const ssize_t n = readlink("/proc/self/exe", exe, sizeof exe);
  const ToldTask& mine = tasks[taskOf("mine")];
  CHECK_EQ(mine.pid, getpid());
  CHECK_EQ(mine.ppid, getppid());
  CHECK_EQ(mine.exe, std::string(exe, static_cast<size_t>(n)));
  CHECK_EQ(mine.euid, geteuid());
  CHECK_EQ(mine.gid, getgid());
  const ToldTask& ended = tasks[taskOf("zombie")];
  CHECK_EQ(ended.pid, zombie);
  CHECK_EQ(ended.ppid, getpid());
  CHECK_EQ(ended.comm, std::string("odd ) 1\n2"));
  CHECK_EQ(ended.euid, 5u);
  CHECK_EQ(ended.gid, 7u);
  CHECK(ended.exe.empty() && ended.startTicks >= mine.startTicks);
  CHECK_EQ(find(messages, "gone", IN_CREATE)->pid, gone);
  if (reader.directories().tellsTargets()) CHECK_EQ(taskOf("gone"), 0u);
  for (const char* name : {"/mine", "/gone", "/zombie"}) CHECK(unlink((dir + name).c_str()) == 0);
  CHECK(rmdir(dir.c_str()) == 0);
}

// The texts of /proc, also cut anywhere, and what isn't one.
void readsTexts() {
  const std::string stat = "42 (a) b (c\n) R 7 42 42 34816 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 98765 123 4";
  puppy::Task task;
  CHECK(puppy::parseStat(stat.data(), stat.size(), &task));
  CHECK_EQ(task.comm, std::string("a) b (c\n"));
  CHECK_EQ(task.ppid, 7);
  CHECK_EQ(task.tty, 34816);
  CHECK_EQ(task.startTicks, 98765u);
  const size_t whole = stat.find(" 98765") + 1;
  for (size_t n = 0; n <= whole; n++) {
    const std::string cut = stat.substr(0, n);
    CHECK(!puppy::parseStat(cut.data(), cut.size(), &task));
  }
  const std::string status = "Name:\tx\nState:\tR\nUid:\t1\t2\t3\t4294967294\nGid:\t5\t6\t7\t8\nFDSize:\t64\n";
  CHECK(puppy::parseStatus(status.data(), status.size(), &task));
  CHECK_EQ(task.uid[0], 1u);
  CHECK_EQ(task.uid[3], 4294967294u);
  CHECK_EQ(task.gid[3], 8u);
  CHECK(!puppy::parseStatus(status.data(), status.find("\t6"), &task));
  CHECK(!puppy::readTask(0, puppy::kPidfdNone, &task));
}

// What was read once holds while the same process runs the same program for the same user.
void seesChanges() {
  puppy::Task task;
  CHECK(puppy::readTask(getpid(), puppy::kPidfdNone, &task));
  CHECK(puppy::isUnchanged(task));
  puppy::Task other = task;
  other.exe += "x";
  CHECK(!puppy::isUnchanged(other));
  other = task;
  other.uid[1]++;
  CHECK(!puppy::isUnchanged(other));
  const pid_t ended = child([](const std::string&) {}, "");
  const int pidfd = static_cast<int>(syscall(434, ended, 0));  // pidfd_open
  CHECK(waitpid(ended, nullptr, 0) == ended);
  CHECK(pidfd >= 0);
  // Whoever has the pid now isn't who the pidfd means.
  CHECK(!puppy::readTask(getpid(), pidfd, &task));
  close(pidfd);
}

const Case kCases[] = {{"tells what happens", tellsWhatHappens},
                       {"refuses what is no directory", refuses},
                       {"ignores", ignores},
                       {"odd buffers", odd},
                       {"bounds are counted", boundsAreCounted},
                       {"beside its consumer", besideItsConsumer},
                       {"scans", scans},
                       {"says who", saysWho},
                       {"reads /proc", readsTexts},
                       {"sees changes", seesChanges}};

}  // namespace

int main(int argc, char** argv) { return test::main(kCases, argc, argv); }
