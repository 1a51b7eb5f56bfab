// What a directory holds at this moment, read without opening, following or waiting for anything in it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace puppy {

// What is at a path: 10 numbers (f64): mode, inode, device major and minor, links, mtime and ctime in ms, uid, gid, size. 0 or a negative
// errno.
constexpr size_t kStatNumbers = 10;
int statPath(const char* path, double* out);

// A directory's entries, piece by piece, since reading it as a whole may take long: as many as `size` bytes at `out` hold, and a few
// milliseconds allow. Each: i32 size, u32 mode, f64 inode, f64 mtime ms, f64 ctime ms, u32 links, i32 name bytes, the name, padded to 8
// bytes. The bytes written, or a negative errno. `scan`: 0 once there are no more; else its number, for the next piece or for `endScan`.
// Only one thread may ask.
constexpr size_t kScanMinBytes = 4096;
int64_t scanDirectory(const char* path, uint8_t* out, size_t size, uint32_t* scan);
int64_t scanOn(uint32_t* scan, uint8_t* out, size_t size);
void endScan(uint32_t scan);

// The mount table of this process. 0 or a negative errno.
int readMounts(std::string* out);

}  // namespace puppy
