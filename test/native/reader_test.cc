// The reader's thread: nothing lost between it and the consumer without being counted, and it always stops. The socket is a pair of
// unix sockets that carries what netlink would.

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <time.h>

#include <atomic>
#include <memory>

#include "../../native/audit.h"
#include "harness.h"

using namespace test;
using puppy::AuditReader;
using puppy::AuditReaderOptions;

namespace {

double seconds() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

void sleepMs(int ms) {
  const timespec t = {ms / 1000, ms % 1000 * 1000000L};
  nanosleep(&t, nullptr);
}

std::string message(uint16_t type, const std::string& payload) {
  nlmsghdr h = {};
  h.nlmsg_len = static_cast<uint32_t>(payload.size());
  h.nlmsg_type = type;
  std::string m(reinterpret_cast<const char*>(&h), sizeof h);
  return m + payload;
}

// A thread for the tests: join in the destructor, as std::thread's exceptions aren't wanted here.
class Thread {
 public:
  Thread(void* (*body)(void*), void* context) { CHECK(pthread_create(&thread_, nullptr, body, context) == 0); }
  ~Thread() { join(); }
  void join() {
    if (!joined_) pthread_join(thread_, nullptr);
    joined_ = true;
  }

 private:
  pthread_t thread_ = {};
  bool joined_ = false;
};

// A reader on one end of a socket pair, the test on the other.
struct Pair {
  explicit Pair(const AuditReaderOptions& o, int kind = SOCK_SEQPACKET) : reader(std::make_unique<AuditReader>(o)) {
    int fds[2];
    CHECK(socketpair(AF_UNIX, kind | SOCK_CLOEXEC, 0, fds) == 0);
    reader->adopt(fds[0]);
    fd = fds[1];
  }
  ~Pair() { hangUp(); }
  void hangUp() {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  bool send(const std::string& m) const { return ::send(fd, m.data(), m.size(), MSG_NOSIGNAL) >= 0; }
  bool sendEvent(uint32_t serial) const {
    return send(message(kSyscall, stamp(serial) + "syscall=59")) && send(message(kEoe, stamp(serial)));
  }
  bool waitFor(uint64_t records) const {
    for (int i = 0; i < 1000; i++) {
      if (reader->stats().assembler.records >= records) return true;
      sleepMs(5);
    }
    return false;
  }
  std::unique_ptr<AuditReader> reader;
  int fd = -1;
};

AuditReaderOptions options(int coalesceMs = 0) {
  AuditReaderOptions o;
  o.coalesceMs = coalesceMs;
  return o;
}

std::atomic<int> wakes{0};
void countWake(void*) { wakes++; }

void reads() {
  for (const int kind : {SOCK_SEQPACKET, SOCK_DGRAM}) {
    for (const int coalesceMs : {0, 20}) {
      Pair p(options(coalesceMs), kind);
      CHECK_EQ(p.reader->start(countWake, nullptr), 0);
      for (uint32_t s = 1; s <= 500; s++) CHECK(p.sendEvent(s));
      CHECK(p.waitFor(1000));
      p.reader->stop();
      const auto events = takeAll(p.reader->assembler().ring());
      CHECK_EQ(events.size(), 500u);
      CHECK_EQ(events[499].serial, 500u);
      const auto s = p.reader->stats();
      CHECK_EQ(s.assembler.missing, 0u);
      CHECK_EQ(s.error, 0);
    }
  }
}

// Two UDP sockets: unlike those of a unix pair, what waits is charged to the receiver, as netlink's is.
struct Udp {
  explicit Udp(AuditReader* reader) {
    const int in = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const int size = 4 << 20;
    if (setsockopt(in, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0) roomy = false;
    sockaddr_in a = {};
    a.sin_family = AF_INET;
    a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(in, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    socklen_t length = sizeof a;
    CHECK(getsockname(in, reinterpret_cast<sockaddr*>(&a), &length) == 0);
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHECK(connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
    reader->adopt(in);
  }
  ~Udp() { close(fd); }
  int fd = -1;
  bool roomy = true;
};

// From the first of so many records until the reader has read one.
double waited(int records, bool* roomy) {
  AuditReader reader(options(50));
  const Udp udp(&reader);
  *roomy = udp.roomy;
  CHECK_EQ(reader.start(countWake, nullptr), 0);
  const double start = seconds();
  for (int i = 0; i < records; i++) {
    const std::string m = message(kSyscall, stamp(static_cast<uint32_t>(i) + 1) + std::string(200, 'x'));
    CHECK(send(udp.fd, m.data(), m.size(), 0) > 0);
  }
  while (reader.stats().assembler.records == 0 && seconds() - start < 5) sleepMs(1);
  const double took = seconds() - start;
  reader.stop();
  CHECK_EQ(reader.stats().assembler.records, static_cast<uint64_t>(records));
  return took;
}

void gathersLongerUnderLoad() {
  bool roomy = false;
  CHECK(waited(1, &roomy) >= 0.05);
  const double busy = waited(500, &roomy);
  if (roomy) CHECK(busy >= 0.2);
  // More than an eighth of what the socket holds: no second wait.
  const double full = waited(2500, &roomy);
  if (roomy) CHECK(full < 0.2);
}

void foreignAndOdd() {
  Pair p(options());
  CHECK_EQ(p.reader->start(countWake, nullptr), 0);
  CHECK(p.send("short"));
  CHECK(p.send(""));
  CHECK(p.send(message(1000, stamp(1) + "a status")));
  CHECK(p.send(message(1099, stamp(1) + "x")));
  CHECK(p.send(message(NLMSG_ERROR, "")));
  CHECK(p.send(message(NLMSG_ERROR, std::string(4, '\0'))));
  CHECK(p.send(message(1006, stamp(1) + "pid=1 old-auid=4294967295 auid=0")));
  CHECK(p.send(message(kEoe, stamp(1))));
  CHECK(p.send(message(kPath, stamp(2) + std::string(20000, 'x'))));
  CHECK(p.send(message(kEoe, stamp(2))));
  CHECK(p.send(message(1300, "not a stamp")));
  CHECK(p.waitFor(5));
  p.reader->stop();
  const auto events = takeAll(p.reader->assembler().ring());
  CHECK_EQ(events.size(), 2u);
  CHECK_EQ(events[0].records[0].type, 1006);
  const auto s = p.reader->stats();
  CHECK_EQ(s.truncated, 1u);
  CHECK_EQ(s.assembler.malformed, 1u);
}

void replaceRequest() {
  Pair p(options());
  wakes = 0;
  CHECK_EQ(p.reader->start(countWake, nullptr), 0);
  const uint32_t pid = 4711;
  CHECK(p.send(message(1329, std::string(reinterpret_cast<const char*>(&pid), 4))));
  for (int i = 0; i < 1000 && wakes == 0; i++) sleepMs(5);
  CHECK_EQ(wakes.load(), 1);
  const auto s = p.reader->stats();
  CHECK_EQ(s.replaceRequests, 1u);
  CHECK_EQ(s.replacePid, pid);
  CHECK(p.send(message(1329, "")));
  p.reader->stop();
  CHECK_EQ(p.reader->stats().replaceRequests, 2u);
  CHECK_EQ(p.reader->stats().replacePid, pid);
}

void oneWakeUntilTaken() {
  Pair p(options());
  wakes = 0;
  CHECK_EQ(p.reader->start(countWake, nullptr), 0);
  for (uint32_t s = 1; s <= 300; s++) CHECK(p.sendEvent(s));
  CHECK(p.waitFor(600));
  sleepMs(50);
  CHECK_EQ(wakes.load(), 1);
  p.reader->thread().woken();
  CHECK_EQ(takeAll(p.reader->assembler().ring()).size(), 300u);
  CHECK(p.sendEvent(301));
  for (int i = 0; i < 1000 && wakes == 1; i++) sleepMs(5);
  CHECK_EQ(wakes.load(), 2);
  p.reader->stop();
}

// What is read before the start (while the pid is registered) must not swallow the first wake.
void wakeBeforeStart() {
  puppy::ReaderThread thread;
  thread.wake();
  wakes = 0;
  CHECK_EQ(thread.start([](void* t) { static_cast<puppy::ReaderThread*>(t)->wake(); }, &thread, countWake, nullptr), 0);
  CHECK_EQ(thread.start([](void*) {}, nullptr, nullptr, nullptr), -EBUSY);
  thread.stop();
  CHECK_EQ(wakes.load(), 1);
}

void stopDrains() {
  Pair p(options());
  for (uint32_t s = 1; s <= 50; s++) CHECK(p.sendEvent(s));
  CHECK(p.send(message(kSyscall, stamp(51) + "syscall=59")));
  p.reader->stop();  // never started
  const auto events = takeAll(p.reader->assembler().ring());
  CHECK_EQ(events.size(), 51u);
  CHECK_EQ(events[50].flags, static_cast<int32_t>(puppy::kEndForced));
  CHECK_EQ(p.reader->stats().assembler.records, 101u);
  p.reader->stop();
}

void stopRaces() {
  for (int i = 0; i < 200; i++) {
    Pair p(options(i % 3));
    CHECK_EQ(p.reader->start(countWake, nullptr), 0);
    const uint32_t sent = static_cast<uint32_t>(i % 7);
    for (uint32_t s = 1; s <= sent; s++) CHECK(p.sendEvent(s));
    if (i % 4 == 0) sleepMs(1);
    p.reader->stop();
    CHECK_EQ(takeAll(p.reader->assembler().ring()).size(), static_cast<size_t>(sent));
  }
}

void destroyedWhileRunning() {
  for (int i = 0; i < 50; i++) {
    Pair p(options(50));
    CHECK_EQ(p.reader->start(countWake, nullptr), 0);
    CHECK(p.sendEvent(1));
    p.reader.reset();
  }
}

struct Flood {
  const Pair* pair;
  uint32_t limit;
  std::atomic<bool> end{false};
  std::atomic<uint32_t> sent{0};
  static void* run(void* context) {
    auto* f = static_cast<Flood*>(context);
    for (uint32_t s = 1; s <= f->limit && !f->end; s++) {
      if (!f->pair->sendEvent(s)) break;
      f->sent = s;
    }
    return nullptr;
  }
};

// As fast as the reader reads, without end: it must still stop, and say what it had.
void floodDoesNotKeepItFromStopping() {
  auto o = options(50);
  o.assembler.ringBytes = 1 << 20;
  Pair p(o);
  Flood flood{&p, UINT32_MAX};
  CHECK_EQ(p.reader->start(countWake, nullptr), 0);
  Thread first(Flood::run, &flood);
  Flood second{&p, UINT32_MAX};
  Thread other(Flood::run, &second);
  sleepMs(500);
  const double start = seconds();
  p.reader->stop();
  CHECK(seconds() - start < 8);
  flood.end = second.end = true;
  const auto s = p.reader->stats();
  CHECK(s.assembler.events > 0);
  CHECK(p.reader->assembler().ring().bytes() <= o.assembler.ringBytes);
}

// A consumer slower than the producer: everything is taken or counted.
void slowConsumer() {
  auto o = options();
  o.assembler.ringBytes = 64 * 1024;
  o.assembler.batchBytes = 4 * 1024;
  Pair p(o);
  Flood flood{&p, 20000};
  CHECK_EQ(p.reader->start(countWake, nullptr), 0);
  Thread producer(Flood::run, &flood);
  size_t taken = 0;
  uint32_t last = 0;
  std::vector<uint8_t> batch;
  auto& ring = p.reader->assembler().ring();
  const auto takeOne = [&] {
    const size_t size = ring.peek();
    // Between the two the producer may have added to the batch: then it is larger than what was asked for, and stays.
    if (size == 0 || !ring.take(batch, size)) return;
    for (size_t at = 0; at < batch.size();) {
      const auto bytes = static_cast<size_t>(get(batch.data(), at));
      const Event e = decode(batch.data() + at, bytes);
      CHECK(e.serial > last);
      last = e.serial;
      taken++;
      at += bytes;
    }
    ring.recycle(batch);
  };
  while (flood.sent < 20000) {
    p.reader->thread().woken();
    takeOne();
    sleepMs(2);
    CHECK(ring.bytes() <= o.assembler.ringBytes);
  }
  producer.join();
  p.reader->stop();
  while (ring.peek() > 0) takeOne();
  const auto s = p.reader->stats();
  CHECK(s.assembler.ringDropped > 0);
  CHECK_EQ(taken + s.assembler.ringDropped, 20000u);
  CHECK_EQ(s.assembler.events, 20000u);
}

// No wake is lost: a consumer that only takes when it is woken gets everything.
struct Waiter {
  pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
  pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
  bool woken = false;
  static void wake(void* context) {
    auto* w = static_cast<Waiter*>(context);
    puppy::Lock lock(&w->mutex);
    w->woken = true;
    pthread_cond_signal(&w->condition);
  }
  bool wait() {
    timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += 20;
    puppy::Lock lock(&mutex);
    while (!woken) {
      if (pthread_cond_timedwait(&condition, &mutex, &end) != 0) return false;
    }
    woken = false;
    return true;
  }
};

void noWakeIsLost() {
  Pair p(options());
  Waiter waiter;
  Flood flood{&p, 30000};
  CHECK_EQ(p.reader->start(Waiter::wake, &waiter), 0);
  Thread producer(Flood::run, &flood);
  size_t taken = 0;
  auto& ring = p.reader->assembler().ring();
  std::vector<uint8_t> batch;
  while (taken < 30000) {
    CHECK(waiter.wait());
    p.reader->thread().woken();
    for (size_t size = ring.peek(); size > 0; size = ring.peek()) {
      if (!ring.take(batch, size)) continue;
      for (size_t at = 0; at < batch.size(); at += static_cast<size_t>(get(batch.data(), at))) taken++;
      ring.recycle(batch);
    }
  }
  producer.join();
  p.reader->stop();
  CHECK_EQ(p.reader->stats().assembler.ringDropped, 0u);
}

// Statistics are asked from another thread while the reader works.
void statsMeanwhile() {
  Pair p(options());
  Flood flood{&p, 5000};
  CHECK_EQ(p.reader->start(countWake, nullptr), 0);
  Thread producer(Flood::run, &flood);
  uint64_t before = 0;
  while (flood.sent < 5000) {
    const auto s = p.reader->stats();
    CHECK(s.assembler.records >= before);
    before = s.assembler.records;
    p.reader->assembler().ring().bytes();
  }
  producer.join();
  p.reader->stop();
  CHECK_EQ(p.reader->stats().assembler.records, 10000u);
}

void brokenSocketEndsIt() {
  Pair p(options());
  wakes = 0;
  CHECK_EQ(p.reader->start(countWake, nullptr), 0);
  CHECK(p.sendEvent(1));
  p.hangUp();
  for (int i = 0; i < 1000 && p.reader->stats().error == 0; i++) sleepMs(5);
  CHECK_EQ(p.reader->stats().error, EPIPE);
  for (int i = 0; i < 1000 && wakes == 0; i++) sleepMs(5);
  CHECK(wakes > 0);
  p.reader->stop();
  CHECK_EQ(takeAll(p.reader->assembler().ring()).size(), 1u);
}

const Case kCases[] = {{"reads", reads},
                       {"gathers longer under load", gathersLongerUnderLoad},
                       {"foreign and odd messages", foreignAndOdd},
                       {"AUDIT_REPLACE", replaceRequest},
                       {"one wake until taken", oneWakeUntilTaken},
                       {"a wake before the start", wakeBeforeStart},
                       {"stop drains", stopDrains},
                       {"stop races", stopRaces},
                       {"destroyed while running", destroyedWhileRunning},
                       {"a flood doesn't keep it from stopping", floodDoesNotKeepItFromStopping},
                       {"slow consumer", slowConsumer},
                       {"no wake is lost", noWakeIsLost},
                       {"stats meanwhile", statsMeanwhile},
                       {"a broken socket ends it", brokenSocketEndsIt}};

}  // namespace

int main(int argc, char** argv) { return test::main(kCases, argc, argv); }
