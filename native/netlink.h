// Questions to the kernel over netlink, in this process's network namespace or in another's. The bytes of an answer are the caller's.
#pragma once

#include <cstddef>
#include <cstdint>

namespace puppy {

// The network namespace that the process (0: this one) is in, as an inode number, or a negative errno.
int64_t netNamespace(int32_t pid);

// A socket of that namespace: a descriptor, or a negative errno. Only a thread of its own goes there, and ends at once. While it is
// open, the namespace stays.
int openNetlink(int protocol, int32_t pid);

// What came for a question: false where no more is wanted.
using NetlinkVisit = bool (*)(void* context, uint16_t type, const uint8_t* payload, size_t size);

// Asks, and waits until all is answered, which on netlink is at once. 0 or a negative errno: the kernel's own, EOVERFLOW where the visitor
// had enough of a dump: what is left of it is in the socket's way, which can only be closed.
int askNetlink(int fd, uint16_t type, bool isDump, const void* payload, size_t size, NetlinkVisit visit, void* context);

// The messages of one datagram. 1: the answer goes on in another one; 0: it is complete; or a negative errno. Believes no length.
int readNetlink(const uint8_t* bytes, size_t size, uint32_t sequence, bool isDump, NetlinkVisit visit, void* context);

// An attribute of what follows a message's fixed part (`at`), if it has at least `size` bytes; else null.
const uint8_t* netlinkAttribute(const uint8_t* payload, size_t size, size_t at, uint16_t type, size_t wanted);

}  // namespace puppy
