#include "netlink.h"

#include <fcntl.h>
#include <linux/netlink.h>
#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

namespace puppy {
namespace {

// An answer is there before the question's call returns: this only bounds what can't happen.
constexpr int kTimeoutUs = 100'000;
constexpr size_t kQuestionMaxBytes = 256;
// A dump comes in pieces of at most this (net/netlink/af_netlink.c, netlink_dump).
constexpr size_t kAnswerBytes = 32 << 10;
// Datagrams of answers to earlier questions, which were given up.
constexpr int kStaleMax = 64;

// Of the process, or (0) of this one.
struct NamespacePath {
  char text[32];
  explicit NamespacePath(int32_t pid) {
    (void)snprintf(text, sizeof text, "/proc/%s/ns/net", pid == 0 ? "self" : std::to_string(pid).c_str());
  }
};

int openHere(int protocol) {
  const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
  if (fd < 0) return -errno;
  // Connected to the kernel (port 0): it then refuses what any other socket sends here.
  sockaddr_nl kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.nl_family = AF_NETLINK;
  const timeval timeout = {0, kTimeoutUs};
  if (connect(fd, reinterpret_cast<sockaddr*>(&kernel), sizeof kernel) < 0 ||
      setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) < 0) {
    const int e = errno;
    close(fd);
    return -e;
  }
  return fd;
}

struct Errand {
  int namespaceFd;
  int protocol;
  int result;
};

void* openThere(void* p) {
  auto* errand = static_cast<Errand*>(p);
  errand->result = setns(errand->namespaceFd, CLONE_NEWNET) < 0 ? -errno : openHere(errand->protocol);
  return nullptr;
}

}  // namespace

int64_t netNamespace(int32_t pid) {
  struct stat s;
  // By number: glibc's function is newer than the oldest glibc that we load on.
  return syscall(SYS_newfstatat, AT_FDCWD, NamespacePath(pid).text, &s, 0) == 0 ? static_cast<int64_t>(s.st_ino) : -errno;
}

int openNetlink(int protocol, int32_t pid) {
  if (pid == 0) return openHere(protocol);
  Errand errand = {open(NamespacePath(pid).text, O_RDONLY | O_CLOEXEC), protocol, 0};
  if (errand.namespaceFd < 0) return -errno;
  pthread_t thread;
  const int failed = pthread_create(&thread, nullptr, openThere, &errand);
  if (failed == 0) pthread_join(thread, nullptr);
  close(errand.namespaceFd);
  return failed == 0 ? errand.result : -failed;
}

int readNetlink(const uint8_t* bytes, size_t size, uint32_t sequence, bool isDump, NetlinkVisit visit, void* context) {
  for (size_t at = 0; at < size;) {
    nlmsghdr head;
    if (size - at < sizeof head) return -EBADMSG;
    memcpy(&head, bytes + at, sizeof head);
    if (head.nlmsg_len < sizeof head || head.nlmsg_len > size - at) return -EBADMSG;
    const uint8_t* payload = bytes + at + NLMSG_HDRLEN;
    const size_t length = head.nlmsg_len - NLMSG_HDRLEN;
    at += NLMSG_ALIGN(static_cast<size_t>(head.nlmsg_len));
    if (head.nlmsg_seq != sequence) continue;
    if (head.nlmsg_type == NLMSG_ERROR || head.nlmsg_type == NLMSG_DONE) {
      int32_t error = 0;
      if (length >= sizeof error) memcpy(&error, payload, sizeof error);
      return error < 0 && error >= -4095 ? error : 0;
    }
    if (head.nlmsg_type < NLMSG_MIN_TYPE) continue;
    if (!visit(context, head.nlmsg_type, payload, length)) return isDump ? -EOVERFLOW : 0;
    if (!isDump) return 0;
  }
  return 1;
}

int askNetlink(int fd, uint16_t type, bool isDump, const void* payload, size_t size, NetlinkVisit visit, void* context) {
  static std::atomic<uint32_t> sequences{0};
  alignas(nlmsghdr) uint8_t question[NLMSG_SPACE(kQuestionMaxBytes)] = {};
  if (size > kQuestionMaxBytes) return -EMSGSIZE;
  nlmsghdr head;
  memset(&head, 0, sizeof head);
  head.nlmsg_len = static_cast<uint32_t>(NLMSG_LENGTH(size));
  head.nlmsg_type = type;
  head.nlmsg_flags = isDump ? NLM_F_REQUEST | NLM_F_DUMP : NLM_F_REQUEST;
  head.nlmsg_seq = ++sequences;
  memcpy(question, &head, sizeof head);
  memcpy(question + NLMSG_HDRLEN, payload, size);
  ssize_t sent = 0;
  do sent = send(fd, question, head.nlmsg_len, 0);
  while (sent < 0 && errno == EINTR);
  if (sent < 0) return -errno;
  alignas(nlmsghdr) uint8_t answer[kAnswerBytes];
  for (int stale = 0; stale < kStaleMax;) {
    const ssize_t n = recv(fd, answer, sizeof answer, MSG_TRUNC);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno == EAGAIN ? -ETIMEDOUT : -errno;
    if (static_cast<size_t>(n) > sizeof answer) return -EMSGSIZE;
    nlmsghdr first;
    if (static_cast<size_t>(n) >= sizeof first) memcpy(&first, answer, sizeof first);
    if (static_cast<size_t>(n) < sizeof first || first.nlmsg_seq != head.nlmsg_seq) {
      stale++;
      continue;
    }
    const int r = readNetlink(answer, static_cast<size_t>(n), head.nlmsg_seq, isDump, visit, context);
    if (r <= 0) return r;
  }
  return -EBADMSG;
}

const uint8_t* netlinkAttribute(const uint8_t* payload, size_t size, size_t at, uint16_t type, size_t wanted) {
  while (at < size && size - at >= sizeof(nlattr)) {
    nlattr head;
    memcpy(&head, payload + at, sizeof head);
    if (head.nla_len < sizeof head || head.nla_len > size - at) return nullptr;
    if ((head.nla_type & NLA_TYPE_MASK) == type) return head.nla_len - sizeof head >= wanted ? payload + at + NLA_HDRLEN : nullptr;
    at += NLA_ALIGN(static_cast<size_t>(head.nla_len));
  }
  return nullptr;
}

}  // namespace puppy
