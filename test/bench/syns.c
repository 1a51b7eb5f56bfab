// Sends TCP SYNs from ever other addresses and ports at a fixed rate through an interface, as raw frames, and tells on one line of JSON how
// many in what time. Nothing of this host's network stack is asked, so that what is measured is who receives them.
//   syns INTERFACE RATE SECONDS DESTINATION-MAC DESTINATION     sources are 198.18.0.0/15 (RFC 2544: for benchmarks)
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL
#define BATCH 64
#define FRAME 54

static void fail(const char* what) {
  fprintf(stderr, "syns: %s: %s\n", what, strerror(errno));
  exit(1);
}

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * SECOND + t.tv_nsec;
}

static void put16(uint8_t* at, uint16_t v) {
  at[0] = v >> 8;
  at[1] = v & 255;
}

static void put32(uint8_t* at, uint32_t v) {
  put16(at, v >> 16);
  put16(at + 2, v & 65535);
}

static uint32_t sum(const uint8_t* bytes, int n) {
  uint32_t s = 0;
  for (int i = 0; i < n; i += 2) s += (uint32_t)bytes[i] << 8 | bytes[i + 1];
  return s;
}

static uint16_t folded(uint32_t s) {
  while (s >> 16) s = (s & 65535) + (s >> 16);
  return ~s & 65535;
}

// The i-th: no two of 2^33 have the same source address and port.
static void make(uint8_t* frame, uint64_t i, const uint8_t* mac, uint32_t destination) {
  uint8_t *ip = frame + 14, *tcp = ip + 20;
  memset(frame, 0, FRAME);
  memcpy(frame, mac, 6);
  frame[6] = 2;
  put16(frame + 12, ETHERTYPE_IP);
  ip[0] = 0x45;
  put16(ip + 2, 40);
  put16(ip + 4, i);
  ip[8] = 64;
  ip[9] = IPPROTO_TCP;
  put32(ip + 12, 0xc6120000 + ((i * 2654435761u) & 0x1ffff));
  put32(ip + 16, destination);
  put16(ip + 10, folded(sum(ip, 20)));
  put16(tcp, 1024 + (i >> 17) % 60000);
  put16(tcp + 2, 1 + i % 1000);
  put32(tcp + 4, i * 2246822519u);
  tcp[12] = 5 << 4;
  tcp[13] = 2;
  put16(tcp + 14, 64240);
  put16(tcp + 16, folded(sum(tcp, 20) + sum(ip + 12, 8) + IPPROTO_TCP + 20));
}

int main(int argc, char** argv) {
  unsigned m[6];
  struct in_addr destination;
  if (argc != 6 || sscanf(argv[4], "%x:%x:%x:%x:%x:%x", m, m + 1, m + 2, m + 3, m + 4, m + 5) != 6 ||
      inet_pton(AF_INET, argv[5], &destination) != 1) {
    fprintf(stderr, "usage: syns INTERFACE RATE SECONDS DESTINATION-MAC DESTINATION\n");
    return 2;
  }
  const uint8_t mac[6] = {m[0], m[1], m[2], m[3], m[4], m[5]};
  double rate = atof(argv[2]), seconds = atof(argv[3]);
  int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
  struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_ifindex = if_nametoindex(argv[1])};
  if (fd < 0 || to.sll_ifindex == 0 || bind(fd, (struct sockaddr*)&to, sizeof to)) fail(argv[1]);
  static uint8_t frames[BATCH][FRAME];
  struct mmsghdr messages[BATCH];
  struct iovec parts[BATCH];
  memset(messages, 0, sizeof messages);
  for (int k = 0; k < BATCH; k++) {
    parts[k] = (struct iovec){frames[k], FRAME};
    messages[k].msg_hdr.msg_iov = &parts[k];
    messages[k].msg_hdr.msg_iovlen = 1;
  }
  uint64_t sent = 0, total = rate * seconds;
  int64_t start = now();
  while (sent < total) {
    int n = total - sent < BATCH ? (int)(total - sent) : BATCH;
    for (int k = 0; k < n; k++) make(frames[k], sent + k, mac, ntohl(destination.s_addr));
    int64_t when = start + (int64_t)(sent / rate * SECOND);
    struct timespec t = {.tv_sec = when / SECOND, .tv_nsec = when % SECOND};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR) continue;
    int did = sendmmsg(fd, messages, n, 0);
    // A full queue of the interface: once more.
    if (did < 0 && errno != ENOBUFS && errno != EINTR) fail("sendmmsg");
    if (did > 0) sent += did;
  }
  printf("{\"sent\":%llu,\"elapsedSeconds\":%.6f}\n", (unsigned long long)sent, (double)(now() - start) / SECOND);
  return 0;
}
