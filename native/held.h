// What stands at a path, taken hold of without opening it: no symbolic link is followed, and no FIFO, device or socket notices. What is read afterwards is what was held, whatever the path leads to by then.
#pragma once

#include <cstddef>
#include <string>

namespace puppy {

// A descriptor that only names the file (O_PATH), or a negative errno: ELOOP where a directory on the way is a symbolic link. The last
// name may be one. /proc/PID/root/… is the file system of that process.
int holdPath(const std::string& path);

// What is held or opened: 11 numbers (f64): mode, inode (high and low 32 bits), device major and minor, links, size, uid, gid, mtime
// and ctime in ms. 0 or a negative errno.
constexpr size_t kHeldNumbers = 11;
int statHeld(int fd, double* out);

// Opens the regular file that is held for reading. A descriptor or a negative errno.
int openHeld(int held);

// Where the symbolic link that is held leads. 0 or a negative errno.
int linkTarget(int held, std::string* out);

// The attribute security.capability of an opened file; empty where it has none. 0 or a negative errno.
int capabilityOf(int fd, std::string* out);

}  // namespace puppy
