#include "audit.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#ifndef AUDIT_REPLACE
#define AUDIT_REPLACE 1329
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

namespace puppy {
namespace {

// A record is at most MAX_AUDIT_MESSAGE_LENGTH (8,970) bytes and a header.
constexpr size_t kMessageBytes = 9216;
constexpr unsigned kMessages = 64;
constexpr int64_t kPendingTimeoutMs = 2000;
constexpr int kTickMs = 1000;
// How long one drain may go on while the kernel fills the socket as fast as we empty it; then the reader looks up.
constexpr int64_t kDrainMs = 200;
constexpr int64_t kStopDrainMs = 1000;
// With less than this the socket can't hold what comes while we coalesce.
constexpr int kCoalesceMinBufferBytes = 8 << 20;
// Under load the wait is repeated, while the socket holds more than a quiet host sends in one and less than an eighth of what it can.
constexpr int kWaitsMax = 4;
constexpr uint32_t kBusyBytes = 128 << 10;
constexpr uint32_t kRoomyShare = 8;

int openSocket(uint32_t groups) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
  if (fd < 0) return -errno;
  sockaddr_nl local;
  memset(&local, 0, sizeof local);
  local.nl_family = AF_NETLINK;
  local.nl_groups = groups;
  if (bind(fd, reinterpret_cast<sockaddr*>(&local), sizeof local) < 0) {
    const int e = errno;
    close(fd);
    return -e;
  }
  // Connected to the kernel (port 0): it then refuses what any other socket sends here (net/netlink/af_netlink.c,
  // netlink_getsockbyportid), so that no sender has to be looked at.
  sockaddr_nl kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.nl_family = AF_NETLINK;
  if (connect(fd, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0) {
    const int e = errno;
    close(fd);
    return -e;
  }
  return fd;
}

int sendRequest(int fd, uint16_t type, uint16_t flags, uint32_t sequence, const uint8_t* payload, size_t n) {
  std::vector<uint8_t> message(NLMSG_SPACE(n), 0);
  nlmsghdr h;
  memset(&h, 0, sizeof h);
  h.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(n));
  h.nlmsg_type = type;
  h.nlmsg_flags = flags;
  h.nlmsg_seq = sequence;
  memcpy(message.data(), &h, sizeof h);
  if (n > 0) memcpy(message.data() + NLMSG_HDRLEN, payload, n);
  sockaddr_nl kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.nl_family = AF_NETLINK;
  for (;;) {
    const ssize_t r = sendto(fd, message.data(), h.nlmsg_len, 0, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel);
    if (r >= 0) return 0;
    if (errno != EINTR) return -errno;
  }
}

}  // namespace

AuditReader::AuditReader(const AuditReaderOptions& options)
    : options_(options), assembler_(options.assembler), buffers_(kMessageBytes * kMessages) {}

AuditReader::~AuditReader() {
  stop();
  pthread_mutex_destroy(&mutex_);
}

int AuditReader::open() {
  const int fd = openSocket(options_.multicast ? 1u << (AUDIT_NLGRP_READLOG - 1) : 0);
  if (fd < 0) return fd;
  fd_ = fd;
  const int wanted = options_.receiveBufferBytes / 2;  // the kernel doubles it (socket(7))
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &wanted, sizeof wanted) < 0) {
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &wanted, sizeof wanted);
  }
  int got = 0;
  socklen_t length = sizeof got;
  getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &got, &length);
  counters_.receiveBufferBytes = got;
  if (got < kCoalesceMinBufferBytes) options_.coalesceMs = 0;
  return 0;
}

int AuditReader::registerPid(uint32_t pid) {
  // struct audit_status begins with mask, enabled, failure, pid; a shorter message is accepted (kernel/audit.c copies what is there).
  audit_status s;
  memset(&s, 0, sizeof s);
  s.mask = AUDIT_STATUS_PID;
  s.pid = pid;
  ackError_ = 1;
  const int r = sendRequest(fd_, AUDIT_SET, NLM_F_REQUEST | NLM_F_ACK, ++sequence_, reinterpret_cast<const uint8_t*>(&s), sizeof s);
  if (r < 0) return r;
  const int64_t end = nowMs(CLOCK_MONOTONIC) + 5000;
  while (ackError_ > 0) {
    const int64_t left = end - nowMs(CLOCK_MONOTONIC);
    if (left <= 0) return -ETIMEDOUT;
    pollfd p = {fd_, POLLIN, 0};
    if (poll(&p, 1, static_cast<int>(left)) < 0 && errno != EINTR) return -errno;
    if (drain(end) == Drained::kBroken) return -counters_.error;  // records may come before the acknowledgement
  }
  return ackError_;
}

int AuditReader::start(ReaderThread::Wake wake, void* context) { return thread_.start(&AuditReader::body, this, wake, context); }

void AuditReader::stop() {
  thread_.stop();
  if (fd_ < 0) return;
  drain(nowMs(CLOCK_MONOTONIC) + kStopDrainMs);
  close(fd_);
  fd_ = -1;
  assembler_.finish();
  publish();
}

AuditReaderStats AuditReader::stats() {
  Lock lock(&mutex_);
  return published_;
}

void AuditReader::publish() {
  Lock lock(&mutex_);
  published_ = counters_;
  published_.assembler = assembler_.stats();
}

void AuditReader::body(void* self) { static_cast<AuditReader*>(self)->loop(); }

void AuditReader::loop() {
  publish();
  pollfd fds[2] = {{fd_, POLLIN, 0}, {thread_.stopFd(), POLLIN, 0}};
  bool more = false;
  while (!thread_.stopping()) {
    const int ready = poll(fds, 2, more ? 0 : kTickMs);
    if (thread_.stopping()) break;
    if (ready < 0 && errno != EINTR) {
      counters_.error = errno;
      break;
    }
    if (ready > 0 && (fds[0].revents & (POLLHUP | POLLNVAL)) != 0) {
      counters_.error = EPIPE;  // never on netlink
      break;
    }
    if (ready > 0 && (fds[0].revents & (POLLIN | POLLERR)) != 0) {
      if (options_.coalesceMs > 0 && !more) coalesce();
      const Drained drained = drain(nowMs(CLOCK_MONOTONIC) + kDrainMs);
      if (drained == Drained::kBroken) break;
      more = drained == Drained::kMore;
    } else {
      more = false;
    }
    // Where the socket is drained, what is still incomplete after the time-out will not be completed.
    if (!more) assembler_.expire(nowMs(CLOCK_MONOTONIC) - kPendingTimeoutMs);
    if (ready == 0) assembler_.tick(nowMs(CLOCK_MONOTONIC));
    publish();
    if (assembler_.ring().bytes() > 0) thread_.wake();
  }
  publish();
  thread_.wake();
}

// Lets records gather: a wake-up of this thread and of JavaScript costs as much as many events.
void AuditReader::coalesce() {
  pollfd stop = {thread_.stopFd(), POLLIN, 0};
  for (int waits = 0; waits < kWaitsMax; waits++) {
    if (poll(&stop, 1, options_.coalesceMs) != 0) return;
    uint32_t memory[SK_MEMINFO_VARS] = {};  // sock_diag(7); Linux 4.12
    socklen_t length = sizeof memory;
    if (getsockopt(fd_, SOL_SOCKET, SO_MEMINFO, memory, &length) < 0) return;
    const uint32_t held = memory[SK_MEMINFO_RMEM_ALLOC];
    if (held < kBusyBytes || held > memory[SK_MEMINFO_RCVBUF] / kRoomyShare) return;
  }
}

// Reads until the socket is empty, broken, or the time is over.
AuditReader::Drained AuditReader::drain(int64_t deadlineMs) {
  mmsghdr messages[kMessages];
  iovec vectors[kMessages];
  memset(messages, 0, sizeof messages);
  for (unsigned i = 0; i < kMessages; i++) {
    vectors[i] = {buffers_.data() + i * kMessageBytes, kMessageBytes};
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  for (;;) {
    const int n = recvmmsg(fd_, messages, kMessages, MSG_DONTWAIT, nullptr);
    if (n < 0) {
      if (errno == EINTR) continue;
      if (errno == EAGAIN) return Drained::kEmpty;
      if (errno == ENOBUFS) {
        counters_.overruns++;
        continue;
      }
      counters_.error = errno;
      return Drained::kBroken;
    }
    if (n == 0) return Drained::kEmpty;
    counters_.receives++;
    for (unsigned i = 0; i < static_cast<unsigned>(n); i++) {
      accept(static_cast<uint8_t*>(vectors[i].iov_base), messages[i].msg_len, (messages[i].msg_hdr.msg_flags & MSG_TRUNC) != 0);
    }
    if (static_cast<unsigned>(n) < kMessages) return Drained::kEmpty;
    publish();
    if (assembler_.ring().bytes() > 0) thread_.wake();
    if (nowMs(CLOCK_MONOTONIC) >= deadlineMs) return Drained::kMore;
  }
}

void AuditReader::accept(const uint8_t* p, size_t n, bool truncated) {
  if (truncated) counters_.truncated++;
  if (n < NLMSG_HDRLEN) return;
  nlmsghdr h;
  memcpy(&h, p, sizeof h);
  // nlmsg_len of an audit record leaves out the header when it is sent to the daemon (kernel/audit.c): the datagram's length counts.
  const uint8_t* payload = p + NLMSG_HDRLEN;
  const size_t size = n - NLMSG_HDRLEN;
  if (h.nlmsg_type == NLMSG_ERROR) {
    int32_t error = 0;
    if (size >= sizeof error) memcpy(&error, payload, sizeof error);
    if (h.nlmsg_seq == sequence_) ackError_ = error;
    return;
  }
  if (h.nlmsg_type == AUDIT_REPLACE) {
    counters_.replaceRequests++;
    if (size >= 4) memcpy(&counters_.replacePid, payload, 4);
    publish();
    thread_.wake();
    return;
  }
  // Below LOGIN (1006) are answers to requests, and 1007-1099 too (linux/audit.h).
  if (h.nlmsg_type < 1100 && h.nlmsg_type != 1006) return;
  assembler_.push(h.nlmsg_type, reinterpret_cast<const char*>(payload), size, nowMs(CLOCK_MONOTONIC_COARSE));
}

int auditRequest(uint16_t type, uint16_t flags, const uint8_t* payload, size_t n, std::vector<AuditReply>* replies) {
  const int fd = openSocket(0);
  if (fd < 0) return fd;
  const int size = 4 << 20;  // a dump of thousands of rules
  setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
  int result = sendRequest(fd, type, static_cast<uint16_t>(flags | NLM_F_REQUEST | NLM_F_ACK), 1, payload, n);
  const int64_t end = nowMs(CLOCK_MONOTONIC) + 5000;
  bool done = result < 0;
  // A list of rules ends with NLMSG_DONE, after its acknowledgement; a status comes before or after its acknowledgement.
  bool acknowledged = false;
  const bool dump = type == AUDIT_LIST_RULES;
  const bool answered = type == AUDIT_GET || type == AUDIT_GET_FEATURE;
  bool gotAnswer = false;
  std::vector<uint8_t> buffer(16384);
  while (!done) {
    const int64_t left = end - nowMs(CLOCK_MONOTONIC);
    pollfd p = {fd, POLLIN, 0};
    const int ready = left > 0 ? poll(&p, 1, static_cast<int>(left)) : 0;
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0) {
      result = -ETIMEDOUT;
      break;
    }
    const ssize_t got = recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (got < 0) {
      if (errno == EINTR || errno == EAGAIN) continue;
      result = -errno;
      break;
    }
    if (static_cast<size_t>(got) < NLMSG_HDRLEN) continue;
    nlmsghdr h;
    memcpy(&h, buffer.data(), sizeof h);
    const uint8_t* body = buffer.data() + NLMSG_HDRLEN;
    const size_t length = static_cast<size_t>(got) - NLMSG_HDRLEN;
    if (h.nlmsg_type == NLMSG_ERROR) {
      int32_t error = 0;
      if (length >= sizeof error) memcpy(&error, body, sizeof error);
      acknowledged = true;
      if (error != 0) {
        result = error;
        break;
      }
    } else if (h.nlmsg_type == NLMSG_DONE) {
      gotAnswer = true;
    } else {
      replies->push_back({h.nlmsg_type, std::vector<uint8_t>(body, body + length)});
      if (answered) gotAnswer = true;
    }
    done = acknowledged && (gotAnswer || !(dump || answered));
  }
  close(fd);
  return result;
}

}  // namespace puppy
