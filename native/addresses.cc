#include "addresses.h"

#include <linux/if_addr.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "netlink.h"

namespace puppy {
namespace {

constexpr size_t kAddressMaxBytes = 17;

bool visitAddress(void* context, uint16_t type, const uint8_t* payload, size_t size) {
  auto* out = static_cast<std::vector<uint8_t>*>(context);
  if (type == RTM_NEWADDR) parseAddress(payload, size, out);
  return out->size() < kAddressesMax * kAddressMaxBytes;
}

}  // namespace

void parseAddress(const uint8_t* payload, size_t size, std::vector<uint8_t>* out) {
  ifaddrmsg m;
  if (size < sizeof m) return;
  memcpy(&m, payload, sizeof m);
  if (m.ifa_family != AF_INET && m.ifa_family != AF_INET6) return;
  const size_t length = m.ifa_family == AF_INET ? 4 : 16;
  const size_t at = NLMSG_ALIGN(sizeof m);
  // Of a point-to-point interface, IFA_ADDRESS is the other end.
  const uint8_t* address = netlinkAttribute(payload, size, at, IFA_LOCAL, length);
  if (address == nullptr) address = netlinkAttribute(payload, size, at, IFA_ADDRESS, length);
  if (address == nullptr) return;
  out->push_back(static_cast<uint8_t>(length));
  out->insert(out->end(), address, address + length);
}

int namespaceAddresses(int32_t pid, std::vector<uint8_t>* out) {
  const int fd = openNetlink(NETLINK_ROUTE, pid);
  if (fd < 0) return fd;
  ifaddrmsg m;
  memset(&m, 0, sizeof m);
  m.ifa_family = AF_UNSPEC;
  const int r = askNetlink(fd, RTM_GETADDR, true, &m, sizeof m, visitAddress, out);
  close(fd);
  return r;
}

}  // namespace puppy
