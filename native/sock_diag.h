// What the kernel knows of the socket at an end of a connection, by sock_diag(7). Asks for one connection by its exact ends, never for all.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace puppy {

struct SocketEnds {
  uint8_t protocol = 0;  // IPPROTO_TCP or IPPROTO_UDP
  bool isIpv6 = false;   // else four bytes of each address
  uint8_t local[16] = {};
  uint8_t remote[16] = {};
  uint16_t localPort = 0;
  uint16_t remotePort = 0;
  uint32_t interface = 0;  // where sockets that are bound to it count; 0: any, but those that are bound to one don't
};

struct SocketFound {
  uint8_t state = 0;   // TCP_ESTABLISHED, TCP_LISTEN, …: netinet/tcp.h
  uint32_t inode = 0;  // 0: nobody holds it: not accepted yet, closed, TIME_WAIT
  uint32_t uid = 0;
  uint64_t cgroup = 0;  // 0: not told (before Linux 5.9)
};

// 0, or a negative errno: ENOENT where there is none, and where the answer isn't about what was asked. A TCP_LISTEN socket is who takes
// connections to that end, a UDP socket in TCP_CLOSE one that isn't connected.
int findSocket(int fd, const SocketEnds& ends, SocketFound* out);

// The bytes of an inet_diag_msg and its attributes; false where they aren't about these ends.
bool parseSocket(const uint8_t* payload, size_t size, const SocketEnds& ends, SocketFound* out);

// The sockets that listen on a port, of both families: 32 bytes each: i32 isIpv6, i32 isV6Only, u32 interface (0: any), u32 inode,
// address bytes (4 or 16). 0 or a negative errno; EOVERFLOW beyond kListenersMax, and the descriptor is of no more use.
constexpr size_t kListenersMax = 256;
constexpr size_t kListenerBytes = 32;
int findListeners(int fd, uint16_t port, std::vector<uint8_t>* out);

// The bytes of an inet_diag_msg as such an entry; false where it's none of the port's.
bool parseListener(const uint8_t* payload, size_t size, uint16_t port, uint8_t (&out)[kListenerBytes]);

}  // namespace puppy
