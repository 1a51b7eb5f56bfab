// The least that an audit daemon can do: registers, and every 50 ms takes what the kernel has sent, looking only at the serial numbers.
// The floor that other readers are measured against. The kernel's limits and rules are the harness's business.
//   reader       SIGUSR1: its counters as a line of JSON on standard output; SIGTERM: gives the audit pid back and ends
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUFFER_BYTES (64 << 20)
#define MESSAGES 256
#define MESSAGE_BYTES 9216
// Serials are remembered in a ring of bits; a run has far fewer.
#define SERIALS (1u << 24)

static volatile sig_atomic_t stopping, asked;
static uint64_t records, bytes, events, overruns;
static uint32_t first_serial, highest_serial;
static uint8_t seen[SERIALS / 8];
static char buffers[MESSAGES][MESSAGE_BYTES];

static void on_signal(int number) {
  if (number == SIGTERM)
    stopping = 1;
  else
    asked = 1;
}

static void fail(const char* what) {
  fprintf(stderr, "reader: %s: %s\n", what, strerror(errno));
  exit(1);
}

static void set_pid(int fd, uint32_t pid) {
  struct {
    struct nlmsghdr header;
    struct audit_status status;
  } request = {.header = {.nlmsg_len = sizeof request, .nlmsg_type = AUDIT_SET, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
               .status = {.mask = AUDIT_STATUS_PID, .pid = pid}};
  struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
  if (sendto(fd, &request, sizeof request, 0, (struct sockaddr*)&kernel, sizeof kernel) < 0) fail("setting the audit pid");
}

// `audit(SECONDS.MS:SERIAL): …`
static void take(const char* text, size_t length) {
  const char* colon = memchr(text, ':', length < 40 ? length : 40);
  if (colon == NULL) return;
  uint32_t serial = (uint32_t)strtoul(colon + 1, NULL, 10);
  if (first_serial == 0) first_serial = serial;
  if (serial < first_serial) return;
  if (serial > highest_serial) highest_serial = serial;
  uint8_t bit = 1u << (serial & 7);
  uint8_t* byte = &seen[(serial % SERIALS) / 8];
  if (*byte & bit) return;
  *byte |= bit;
  events++;
}

static void drain(int fd, struct mmsghdr* headers) {
  for (;;) {
    int count = recvmmsg(fd, headers, MESSAGES, MSG_DONTWAIT, NULL);
    if (count < 0) {
      if (errno == ENOBUFS) {
        overruns++;
        continue;
      }
      if (errno == EAGAIN || errno == EINTR) return;
      fail("recvmmsg");
    }
    for (int i = 0; i < count; i++) {
      const struct nlmsghdr* header = (const struct nlmsghdr*)buffers[i];
      if (headers[i].msg_len < NLMSG_HDRLEN) continue;
      if (header->nlmsg_type == NLMSG_ERROR) {
        const struct nlmsgerr* answer = NLMSG_DATA(header);
        if (answer->error != 0) {
          errno = -answer->error;
          fail("the kernel refuses");
        }
        continue;
      }
      records++;
      bytes += headers[i].msg_len;
      take(NLMSG_DATA(header), headers[i].msg_len - NLMSG_HDRLEN);
    }
    if (count < MESSAGES) return;
  }
}

int main(void) {
  struct sigaction action = {.sa_handler = on_signal};
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
  int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);
  int size = BUFFER_BYTES;
  if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size)) fail("socket");
  static struct mmsghdr headers[MESSAGES];
  static struct iovec vectors[MESSAGES];
  for (int i = 0; i < MESSAGES; i++) {
    vectors[i] = (struct iovec){buffers[i], MESSAGE_BYTES};
    headers[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1};
  }
  set_pid(fd, getpid());
  struct timespec pause = {.tv_nsec = 50000000};
  int ready = 0;
  while (!stopping) {
    drain(fd, headers);
    if (!ready) {
      printf("{\"ready\":true}\n");
      fflush(stdout);
      ready = 1;
    }
    if (asked) {
      asked = 0;
      uint64_t span = first_serial == 0 ? 0 : (uint64_t)highest_serial - first_serial + 1;
      printf("{\"events\":%llu,\"records\":%llu,\"bytes\":%llu,\"missing\":%llu,\"overruns\":%llu}\n", (unsigned long long)events,
             (unsigned long long)records, (unsigned long long)bytes, (unsigned long long)(span - events), (unsigned long long)overruns);
      fflush(stdout);
    }
    nanosleep(&pause, NULL);
  }
  set_pid(fd, 0);
  return 0;
}
