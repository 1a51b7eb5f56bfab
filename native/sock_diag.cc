#include "sock_diag.h"

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <cstring>

#include "netlink.h"

namespace puppy {
namespace {

// Newer than the headers that this must build with.
constexpr uint16_t kCgroupId = 21;
constexpr uint16_t kSkV6Only = 11;

constexpr uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

// A v4-mapped address is the IPv4 address, and an unspecified one means any: of either family.
bool isSame(const uint8_t* told, bool isToldIpv6, const uint8_t* asked, bool isAskedIpv6) {
  if (isToldIpv6 == isAskedIpv6) return memcmp(told, asked, isAskedIpv6 ? 16 : 4) == 0;
  return isToldIpv6 && memcmp(told, kMapped, sizeof kMapped) == 0 && memcmp(told + sizeof kMapped, asked, 4) == 0;
}

bool isAny(const uint8_t* address, bool isIpv6) {
  for (size_t i = 0; i < (isIpv6 ? 16 : 4); i++) {
    if (address[i] != 0) return false;
  }
  return true;
}

inet_diag_req_v2 question(uint8_t family, uint8_t protocol) {
  inet_diag_req_v2 q;
  memset(&q, 0, sizeof q);
  q.sdiag_family = family;
  q.sdiag_protocol = protocol;
  q.idiag_states = UINT32_MAX;
  q.id.idiag_cookie[0] = q.id.idiag_cookie[1] = static_cast<uint32_t>(INET_DIAG_NOCOOKIE);
  return q;
}

bool messageOf(const uint8_t* payload, size_t size, inet_diag_msg* out) {
  if (size < sizeof *out) return false;
  memcpy(out, payload, sizeof *out);
  return out->idiag_family == AF_INET || out->idiag_family == AF_INET6;
}

struct Finding {
  const SocketEnds* ends;
  SocketFound* out;
  bool isFound;
};

bool visitSocket(void* context, uint16_t type, const uint8_t* payload, size_t size) {
  auto* finding = static_cast<Finding*>(context);
  finding->isFound = type == SOCK_DIAG_BY_FAMILY && parseSocket(payload, size, *finding->ends, finding->out);
  return false;
}

struct Listing {
  uint16_t port;
  std::vector<uint8_t>* out;
};

bool visitListener(void* context, uint16_t type, const uint8_t* payload, size_t size) {
  auto* listing = static_cast<Listing*>(context);
  uint8_t entry[kListenerBytes];
  if (type != SOCK_DIAG_BY_FAMILY || !parseListener(payload, size, listing->port, entry)) return true;
  if (listing->out->size() >= kListenersMax * kListenerBytes) return false;
  listing->out->insert(listing->out->end(), entry, entry + kListenerBytes);
  return true;
}

}  // namespace

bool parseSocket(const uint8_t* payload, size_t size, const SocketEnds& ends, SocketFound* out) {
  inet_diag_msg m;
  if (!messageOf(payload, size, &m)) return false;
  const bool isIpv6 = m.idiag_family == AF_INET6;
  const auto* local = reinterpret_cast<const uint8_t*>(m.id.idiag_src);
  const auto* remote = reinterpret_cast<const uint8_t*>(m.id.idiag_dst);
  const bool isLoose = ends.protocol == IPPROTO_UDP || m.idiag_state == TCP_LISTEN;
  if (ntohs(m.id.idiag_sport) != ends.localPort) return false;
  if (!isSame(local, isIpv6, ends.local, ends.isIpv6) && !(isLoose && isAny(local, isIpv6))) return false;
  const bool isAlone = m.id.idiag_dport == 0 && isAny(remote, isIpv6);
  const bool isConnected = ntohs(m.id.idiag_dport) == ends.remotePort && isSame(remote, isIpv6, ends.remote, ends.isIpv6);
  if (!isConnected && !(isLoose && isAlone)) return false;
  *out = {m.idiag_state, m.idiag_inode, m.idiag_uid, 0};
  const uint8_t* cgroup = netlinkAttribute(payload, size, sizeof m, kCgroupId, sizeof out->cgroup);
  if (cgroup != nullptr) memcpy(&out->cgroup, cgroup, sizeof out->cgroup);
  return true;
}

int findSocket(int fd, const SocketEnds& ends, SocketFound* out) {
  inet_diag_req_v2 q = question(ends.isIpv6 ? AF_INET6 : AF_INET, ends.protocol);
  const size_t length = ends.isIpv6 ? 16 : 4;
  // The lookup is that of a packet which comes in. For TCP the question's source is our end; for UDP it is the other one ("swapped for
  // historical reasons", net/ipv4/udp_diag.c).
  const bool isSwapped = ends.protocol == IPPROTO_UDP;
  memcpy(q.id.idiag_src, isSwapped ? ends.remote : ends.local, length);
  memcpy(q.id.idiag_dst, isSwapped ? ends.local : ends.remote, length);
  q.id.idiag_sport = htons(isSwapped ? ends.remotePort : ends.localPort);
  q.id.idiag_dport = htons(isSwapped ? ends.localPort : ends.remotePort);
  q.id.idiag_if = ends.interface;
  Finding finding = {&ends, out, false};
  const int r = askNetlink(fd, SOCK_DIAG_BY_FAMILY, false, &q, sizeof q, visitSocket, &finding);
  return r == 0 && !finding.isFound ? -ENOENT : r;
}

bool parseListener(const uint8_t* payload, size_t size, uint16_t port, uint8_t (&out)[kListenerBytes]) {
  inet_diag_msg m;
  if (!messageOf(payload, size, &m) || m.idiag_state != TCP_LISTEN || ntohs(m.id.idiag_sport) != port) return false;
  const bool isIpv6 = m.idiag_family == AF_INET6;
  const uint8_t* only = netlinkAttribute(payload, size, sizeof m, kSkV6Only, 1);
  const uint32_t head[] = {isIpv6, only != nullptr && *only != 0, m.id.idiag_if, m.idiag_inode};
  memset(out, 0, sizeof out);
  memcpy(out, head, sizeof head);
  memcpy(out + sizeof head, m.id.idiag_src, isIpv6 ? 16 : 4);
  return true;
}

int findListeners(int fd, uint16_t port, std::vector<uint8_t>* out) {
  Listing listing = {port, out};
  for (const uint8_t family : {AF_INET, AF_INET6}) {
    inet_diag_req_v2 q = question(family, IPPROTO_TCP);
    q.idiag_states = 1U << TCP_LISTEN;
    q.id.idiag_sport = htons(port);
    const int r = askNetlink(fd, SOCK_DIAG_BY_FAMILY, true, &q, sizeof q, visitListener, &listing);
    if (r < 0) return r;
  }
  return 0;
}

}  // namespace puppy
